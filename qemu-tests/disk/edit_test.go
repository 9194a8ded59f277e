package disk

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEditsLeaveSoundFileSystems(t *testing.T) {
	base := build(t)
	path := filepath.Join(t.TempDir(), "copy.img")
	must(t, Copy(t.Context(), base.Path, path))
	d, err := Open(t.Context(), path)
	must(t, err)
	must(t, d.RemoveRoot(t.Context(), "/usr/bin/su"))
	must(t, d.RenameRoot(t.Context(), "/home/user", "/home/other"))
	must(t, d.WriteESP(t.Context(), "/loader/loader.conf", []byte("timeout 5\n")))
	must(t, d.RemoveESP(t.Context(), "/loader/entries/moss-1+3.conf"))

	v := view(t, d)
	must(t, v.ESP.Check(t.Context()))
	must(t, v.Root.Check(t.Context()))
	sameFile(t, v.Root, "/home/other/.conf", "mine")
	sameFile(t, v.ESP, "/loader/loader.conf", "timeout 5\n")
	if _, err := v.Root.ReadFile(t.Context(), "/usr/bin/su"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	got, err := v.ESP.List(t.Context(), "/loader/entries")
	if want := []string{"moss-00000000000002.conf"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	sameFile(t, view(t, base).Root, "/usr/bin/su", "su")
}

func TestEditRefuses(t *testing.T) {
	d := build(t)
	if err := d.RemoveRoot(t.Context(), "/absent"); err == nil {
		t.Error("removing an absent file: got nil, want an error")
	}
	if err := d.RenameRoot(t.Context(), "/usr/lib", "/lib"); err == nil {
		t.Error("rename across folders: got nil, want an error")
	}
	overlay := filepath.Join(t.TempDir(), "overlay.qcow2")
	must(t, Overlay(t.Context(), d.Path, overlay))
	o := &Disk{Path: overlay, ESP: d.ESP, Root: d.Root}
	for _, err := range []error{o.RemoveRoot(t.Context(), "/usr/bin/su"), o.WriteESP(t.Context(), "/x", nil), o.RemoveESP(t.Context(), "/x")} {
		if err == nil || !strings.Contains(err.Error(), "qcow2") {
			t.Errorf("got %v, want an error that names qcow2", err)
		}
	}
}
