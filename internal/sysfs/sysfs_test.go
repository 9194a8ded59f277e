package sysfs_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/sysfs"
	"moss/internal/testutil"
)

func TestNumber(t *testing.T) {
	dir := t.TempDir()
	testutil.Tree{"size": "2048\n", "minus": "-1\n", "word": "none\n", "empty": "", "huge": "99999999999999999999\n", "folder/": ""}.Create(t, dir)
	for name, want := range map[string]int64{"size": 2048, "minus": -1, "word": 0, "empty": 0, "huge": 0, "folder": 0, "absent": 0} {
		if got := sysfs.Number(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
}

func TestEvent(t *testing.T) {
	dir := t.TempDir()
	testutil.Tree{"uevent": "MAJOR=254\nPARTNAME= a name=b \nno pair\nEMPTY=\nLAST=x"}.Create(t, dir)
	for name, want := range map[string]map[string]string{
		"uevent": {"MAJOR": "254", "PARTNAME": " a name=b ", "EMPTY": "", "LAST": "x"},
		"absent": {},
	} {
		if diff := cmp.Diff(want, sysfs.Event(filepath.Join(dir, name))); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}
