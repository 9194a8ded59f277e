// Package blit writes a planned tree to disk as hard links to assets.
package blit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"moss/internal/fault"
	"moss/internal/parallel"
	"moss/store/asset"
	"moss/store/stone"
	"moss/store/tree"
)

// Tree makes t below dir, which must be an empty folder on the file system of
// the assets. Nothing is synced: the caller seals the tree after one syncfs.
// On an error dir holds rubbish. done, if not nil, is told how many entries were
// placed since it was told last; it may be called from several goroutines at once.
func Tree(ctx context.Context, t *tree.Tree, assets *asset.Store, dir string, done func(int64)) error {
	if err := fault.Point("blit/folders"); err != nil {
		return err
	}
	folders, files := split(t.Entries)
	if err := makeFolders(folders, dir); err != nil {
		return err
	}
	if err := fault.Point("blit/files"); err != nil {
		return err
	}
	fillOne := func(i int) error {
		err := fill(files[i], assets, dir)
		if done != nil {
			done(int64(len(files[i])))
		}
		return err
	}
	if done != nil {
		done(int64(len(folders)))
	}
	if err := parallel.Each(ctx, len(files), fillOne); err != nil {
		return err
	}
	return dressFolders(folders, dir)
}

// split separates the folders from the rest, which it groups by folder: one
// folder is one unit of work, so two workers never wait for one folder's lock.
func split(entries []tree.Entry) (folders []tree.Entry, files [][]tree.Entry) {
	at := map[string]int{}
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e)
			continue
		}
		parent := filepath.Dir(e.Path)
		i, known := at[parent]
		if !known {
			i = len(files)
			at[parent] = i
			files = append(files, nil)
		}
		files[i] = append(files[i], e)
	}
	return folders, files
}

func makeFolders(folders []tree.Entry, dir string) error {
	for _, e := range folders {
		if err := os.Mkdir(filepath.Join(dir, e.Path), 0o755); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	return nil
}

// dressFolders comes last: a folder may be one its own user cannot write to.
func dressFolders(folders []tree.Entry, dir string) error {
	for _, e := range folders {
		f, err := os.OpenFile(filepath.Join(dir, e.Path), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err != nil {
			return fmt.Errorf("finish folder: %w", err)
		}
		if err := errors.Join(asset.Dress(f, e.Layout), f.Close()); err != nil {
			return fmt.Errorf("finish folder: %w", err)
		}
	}
	return nil
}

func fill(group []tree.Entry, assets *asset.Store, dir string) error {
	folder, err := os.OpenFile(filepath.Join(dir, filepath.Dir(group[0].Path)), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	defer folder.Close()
	for _, e := range group {
		if err := place(e, assets, int(folder.Fd())); err != nil {
			return fmt.Errorf("place /usr/%s: %w", e.Path, err)
		}
	}
	return nil
}

func place(e tree.Entry, assets *asset.Store, folder int) error {
	base := filepath.Base(e.Path)
	switch {
	case e.IsSymlink():
		if err := unix.Symlinkat(e.Target, folder, base); err != nil {
			return err
		}
		return unix.Fchownat(folder, base, int(e.UID), int(e.GID), unix.AT_SYMLINK_NOFOLLOW)
	case e.Hash == stone.EmptyHash():
		// Empty files are made, not linked: they are so many that ext4's limit
		// of 65,000 links to one file would be reached.
		return create(e, nil, folder, base)
	}
	from := assets.Path(e.Layout)
	err := unix.Linkat(unix.AT_FDCWD, from, folder, base, 0)
	if errors.Is(err, unix.EMLINK) {
		return copyFile(e, from, folder, base)
	}
	return err
}
