package disk

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestXBOOTLDR(t *testing.T) {
	needTools(t)
	tree, root := trees(t)
	d, err := Build(t.Context(), filepath.Join(t.TempDir(), "disk.img"), Layout{
		ESP:      Volume{Size: 40 << 20, Label: "ESP"},
		Root:     Volume{Size: 40 << 20, Tree: root},
		XBOOTLDR: Volume{Size: 34 << 20, Tree: tree, Label: "BOOT", UUID: "ABCD-0123"},
	})
	must(t, err)
	opened, err := Open(t.Context(), d.Path)
	must(t, err)
	if diff := cmp.Diff(d, opened); diff != "" {
		t.Errorf("opened: %s", diff)
	}
	if d.XBOOTLDR.UUID != "ABCD-0123" || d.XBOOTLDR.Start != d.Root.Start+d.Root.Size {
		t.Errorf("got %+v, want it after the root, with its serial number", d.XBOOTLDR)
	}
	v := view(t, d)
	sameFile(t, v.XBOOTLDR, "/loader/loader.conf", "timeout 0\n")
	for _, f := range []Files{v.ESP, v.XBOOTLDR, v.Root} {
		must(t, f.Check(t.Context()))
	}
	if names, err := v.ESP.List(t.Context(), "/"); err != nil || len(names) != 0 {
		t.Errorf("ESP: got %q, %v, want nothing", names, err)
	}
	if view(t, build(t)).XBOOTLDR != nil {
		t.Error("a disk without XBOOTLDR shows one")
	}
}

// TestRunning reads what was written since, without a copy.
func TestRunning(t *testing.T) {
	d := build(t)
	must(t, d.WriteESP(t.Context(), "/loader/new.conf", []byte("new")))
	sameFile(t, d.Running(), "/loader/new.conf", "new")
	if names, err := d.Running().List(t.Context(), "/loader"); err != nil || !slices.Contains(names, "new.conf") {
		t.Errorf("got %q, %v, want new.conf among them", names, err)
	}
}
