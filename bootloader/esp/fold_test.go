package esp_test

import (
	"path/filepath"
	"testing"

	"moss/bootloader/esp"
	"moss/internal/testutil"
)

func TestFold(t *testing.T) {
	dir := t.TempDir()
	testutil.Tree{"Loader/Entries/A.conf": "a", "loader2/": "", "both/x": "x", "BOTH/y": "y"}.Create(t, dir)
	for _, c := range []struct {
		rel, want string
		ok        bool
	}{
		{"loader/entries/a.CONF", "Loader/Entries/A.conf", true},
		{"/LOADER//entries/", "Loader/Entries", true},
		{"loader/new/deep", "Loader/new/deep", false},
		{"absent", "absent", false},
		{"", "", true},
		{"../../Loader", "Loader", true},
		{"both/x", "both/x", true},
		{"BOTH/Y", "BOTH/y", true},
	} {
		got, ok := esp.Fold(dir, c.rel)
		if want := filepath.Join(dir, c.want); got != want || ok != c.ok {
			t.Errorf("%q: got %s, %v, want %s, %v", c.rel, got, ok, want, c.ok)
		}
	}
}

func TestMeasure(t *testing.T) {
	space, err := esp.Measure(t.TempDir())
	if err != nil || space.Total == 0 || space.Cluster == 0 || space.Free > space.Total || space.ReadOnly {
		t.Errorf("got %+v, %v, want plausible figures of a writable file system", space, err)
	}
	if _, err := esp.Measure("/nonexistent"); err == nil {
		t.Error("got no error for a folder that is not there")
	}
	space, err = esp.Measure("/proc")
	if err != nil || space.Cluster == 0 {
		t.Errorf("got %+v, %v, want no division by zero", space, err)
	}
}

func TestRound(t *testing.T) {
	space := esp.Space{Cluster: 4096}
	for size, want := range map[uint64]uint64{0: 0, 1: 4096, 4096: 4096, 4097: 8192} {
		if got := space.Round(size); got != want {
			t.Errorf("round %d: got %d, want %d", size, got, want)
		}
	}
	if got := (esp.Space{}).Round(5); got != 5 {
		t.Errorf("without a cluster size: got %d, want 5", got)
	}
}
