package luks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/initramfs/luks"
	"moss/internal/testutil"
)

// TestHandOver: the link and the record are those that udev's rules read.
func TestHandOver(t *testing.T) {
	top := t.TempDir()
	testutil.Tree{
		"sys/block/dm-0/dm/name": "other\n", "sys/block/dm-0/dev": "253:0\n",
		"sys/block/dm-1/dm/name": "root\n", "sys/block/dm-1/dev": "253:1\n", "dev/mapper/": "",
	}.Create(t, top)
	for range 2 { // a second time changes nothing
		if err := luks.HandOver(top, "root"); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.Readlink(filepath.Join(top, "dev/mapper/root")); got != "../dm-1" || err != nil {
		t.Errorf("the link: got %q, %v", got, err)
	}
	record := filepath.Join(top, "run/udev/data/b253:1")
	if got := testutil.Read(t, record); !strings.Contains(got, "E:DM_UDEV_PRIMARY_SOURCE_FLAG=1\n") {
		t.Errorf("the record: got %q", got)
	}
	if info, err := os.Stat(record); err != nil || info.Mode()&os.ModeSticky == 0 {
		t.Errorf("the record does not persist: %v, %v", info, err)
	}
	if err := luks.HandOver(top, "absent"); err == nil || !strings.Contains(err.Error(), "does not show") {
		t.Errorf("absent: got %v", err)
	}
}
