//go:build faultinject

package system_test

import (
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
)

// TestImageCut: a transaction that ends while its image is built has changed
// nothing; one that ends while old images are swept has, and the next sync sweeps.
func TestImageCut(t *testing.T) {
	root := newRoot(t)
	install(t, options(root), withoutInitrd("1"))
	change := system.Change{Stones: write(t, withoutInitrd("2"))}
	testutil.Tree{"etc/moss/initramfs.yaml": "omit: [btrfs]\n"}.Create(t, root)

	t.Setenv("MOSS_FAULT", "initramfs/build:error")
	if _, err := system.Transact(t.Context(), options(root), change); err == nil {
		t.Error("initramfs/build: no error")
	}
	if images, _ := builtImages(t, root); live(t, root) != 1 || len(images) != 1 || len(entries(t, root)) != 1 {
		t.Errorf("state %d is live, %v, want the state and the image of before", live(t, root), images)
	}

	t.Setenv("MOSS_FAULT", "initramfs/sweep:error")
	testutil.Tree{builtFolder + "/.left.img.tmp-1": "cut off"}.Create(t, root)
	if _, err := system.SyncMenu(t.Context(), options(root)); err == nil {
		t.Error("initramfs/sweep: no error")
	}
	t.Setenv("MOSS_FAULT", "")
	if _, err := system.SyncMenu(t.Context(), options(root)); err != nil {
		t.Fatal(err)
	}
	if images, links := builtImages(t, root); len(images) != 1 || len(links) != 1 {
		t.Errorf("got %v and %v, want the image of the live state alone", images, links)
	}
}
