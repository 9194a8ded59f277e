package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/bootloader/sdboot"
	"moss/internal/atomicfile"
	"moss/internal/fault"
)

// sweepSigned removes what was signed and no menu needs any more; keep has the
// images of the menu. The copy of the live tree's boot loader stays, which install
// and update write. It also removes what an interrupted writer has left: the caller
// holds the root's lock.
func sweepSigned(root string, keep []string) error {
	dir := signedDir(root)
	rows, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep signed images: %w", err)
	}
	loaders, gone := loaderSums(root), 0
	for _, row := range rows {
		path := filepath.Join(dir, row.Name())
		sum, _, _ := strings.Cut(row.Name(), "-")
		if slices.Contains(keep, path) || slices.Contains(loaders, sum) || !row.Type().IsRegular() {
			continue
		}
		if err := fault.Point("sign/sweep"); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep signed images: %w", err)
		}
		gone++
	}
	if gone == 0 {
		return nil
	}
	return atomicfile.SyncDir(dir)
}

// imagesOf lists the images of a menu, for sweepSigned.
func imagesOf(w bootloader.Want) []string {
	var images []string
	for _, one := range w.States {
		for _, k := range one.Kernels {
			images = append(images, k.Image)
		}
	}
	if w.Rescue != nil {
		images = append(images, w.Rescue.Image)
	}
	return images
}

// loaderSums are the hashes of the boot loaders in the live tree. One that cannot
// be read is signed again when it can.
func loaderSums(root string) []string {
	paths, err := sdboot.Sources(filepath.Join(root, "usr"))
	if err != nil {
		return nil
	}
	var sums []string
	for _, path := range paths {
		if sum, err := sumFile(path); err == nil {
			sums = append(sums, sum)
		}
	}
	return sums
}
