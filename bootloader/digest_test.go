package bootloader_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
)

func TestDigestReadsSharedFilesOnce(t *testing.T) {
	r := newRig(t, nil)
	w := want(r.state(1, "6.1=kernel"), r.state(2, "6.1=kernel"))
	link := filepath.Join(r.host, "link")
	if err := os.Link(w.States[0].Kernels[0].Image, link); err != nil {
		t.Fatal(err)
	}
	w.States[1].Kernels[0].Image = link
	contents, err := bootloader.Digest(w)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(maps.Values(contents))
	wantContent := bootloader.Content{Hash: hash("kernel"), Size: 6}
	if len(got) != 2 || got[0] != wantContent || got[1] != wantContent {
		t.Errorf("got %v, want both paths with %v", contents, wantContent)
	}
	for what, path := range map[string]string{"absent": "/nonexistent", "a folder": r.host, "empty": r.file("")} {
		w.States[1].Kernels[0].Image = path
		if _, err := bootloader.Digest(w); err == nil || !strings.Contains(err.Error(), "state 2") {
			t.Errorf("%s: got %v, want an error that names the state", what, err)
		}
	}
	w.Keep = 1
	w.States[1].Kernels[0].Image = link
	w.States[0].Kernels[0].Image = "/nonexistent"
	if _, err := bootloader.Digest(w); err != nil {
		t.Errorf("got %v, want states outside the menu not read", err)
	}
}
