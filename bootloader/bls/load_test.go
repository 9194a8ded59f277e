package bls_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/bootloader/bls"
	"moss/bootloader/esp"
	"moss/internal/testutil"
)

func on(dir string) bls.Lookup {
	return func(path string) (string, bool) { return esp.Fold(dir, path) }
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	const folder = "Loader/Entries/"
	testutil.Tree{
		folder + "good.conf":           "linux /M/Linux\ninitrd /m/INITRD\n",
		folder + "no-linux.conf":       "linux /m/absent\n",
		folder + "no-initrd.CONF":      "linux /m/linux\ninitrd /m/initrd\ninitrd /m/absent\ndevicetree /dt\n",
		folder + "other-machine.conf":  "linux /m/linux\narchitecture s390\n",
		folder + "capital-arch.conf":   "linux /m/linux\narchitecture X64\n",
		folder + "32-bit.conf":         "linux /m/linux\narchitecture ia32\n",
		folder + "empty.conf":          "",
		folder + ".hidden.conf":        "linux /m/linux\n",
		folder + "auto-x.conf":         "linux /m/linux\n",
		folder + "note.txt":            "x",
		folder + ".x.conf.tmp-123":     "half",
		folder + "folder.conf/x":       "x",
		folder + "out.conf":            "linux ../../m/linux\n",
		"m/linux":                      "k",
		"m/initrd":                     "i",
		"EFI/Linux/not-type-one.efi":   "x",
		"loader-not/entries/else.conf": "linux /m/linux\n",
	}.Create(t, dir)
	raws, err := bls.Load(on(dir))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, raw := range raws {
		got[raw.File] = raw.Entry.Hidden + strings.Join(raw.Entry.Missing, ",")
		if raw.Err != nil {
			got[raw.File] = "error"
		}
	}
	want := map[string]string{
		"good.conf": "", "no-linux.conf": "no file /m/absent", "no-initrd.CONF": "/m/absent,/dt", "empty.conf": "error", "out.conf": "",
		"other-machine.conf": "for architecture s390", "capital-arch.conf": "", "32-bit.conf": "for architecture ia32",
	}
	for file, state := range want {
		if found, ok := got[file]; !ok || found != state {
			t.Errorf("%s: got %q, %v, want %q", file, found, ok, state)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v, want %d files", got, len(want))
	}
}

func TestLoadWithoutEntries(t *testing.T) {
	if raws, err := bls.Load(on(t.TempDir())); err != nil || len(raws) != 0 {
		t.Errorf("got %v, %v, want nothing", raws, err)
	}
}

func TestLoadDoesNotReadHugeFiles(t *testing.T) {
	dir := t.TempDir()
	testutil.Tree{"loader/entries/": ""}.Create(t, dir)
	path := filepath.Join(dir, "loader/entries/huge.conf")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Fatal(err)
	}
	raws, err := bls.Load(on(dir))
	if err != nil || len(raws) != 1 || raws[0].Err == nil || raws[0].Data != nil {
		t.Errorf("got %d files, %v, want one that was not read", len(raws), err)
	}
}
