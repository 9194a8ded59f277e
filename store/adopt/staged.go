package adopt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/activate"
	"moss/store/asset"
	"moss/store/state"
)

// placeStaged gives a tree that was caught in AerynOS' staging folder the place
// of an archived state, by a second set of names: its own moss clears that
// folder, and with it the only copy, when it works again.
func (p *Plan) placeStaged(ctx context.Context) error {
	for id, usr := range p.staged {
		if err := errors.Join(ctx.Err(), fault.Point("adopt/staging")); err != nil {
			return err
		}
		if err := p.twin(id, usr); err != nil {
			return fmt.Errorf("archive state %d, which is in root/%s: %w", id, staging, err)
		}
	}
	return nil
}

func (p *Plan) twin(id state.ID, usr string) error {
	folder := filepath.Join(p.spool, "state-"+id.String())
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	if err := linkTree(usr, filepath.Join(folder, "usr")); err != nil {
		return err
	}
	if err := atomicfile.SyncFS(folder); err != nil {
		return err
	}
	to := filepath.Dir(p.source.trees.Archive(id))
	err := renameNew(folder, to)
	if errors.Is(err, fs.ErrExist) {
		// AerynOS' moss had made the folder already and was cut before the rename.
		if err = renameNew(filepath.Join(folder, "usr"), p.source.trees.Archive(id)); err == nil {
			err = atomicfile.SyncDir(to)
		}
	}
	if err != nil {
		return err
	}
	if says, err := activate.LiveID(p.source.trees.Archive(id)); err != nil || says != id {
		return errors.Join(fmt.Errorf("its tree says that it is state %d", says), err)
	}
	return atomicfile.SyncDir(filepath.Dir(to))
}

// linkTree makes a second tree of the same files: folders are made again, all
// else, symlinks included, is one more name.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		at := filepath.Join(to, rel)
		if !d.IsDir() {
			return linkOrCopy(path, at)
		}
		like, err := scanOne(path)
		if err != nil {
			return err
		}
		if err := os.Mkdir(at, 0o700); err != nil {
			return err
		}
		f, err := os.Open(at)
		if err != nil {
			return err
		}
		return errors.Join(asset.Dress(f, like.Layout), f.Close())
	})
}

func linkOrCopy(from, to string) error {
	err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, to, 0)
	if err == nil {
		return nil
	}
	like, scanErr := scanOne(from)
	if !errors.Is(err, unix.EMLINK) || scanErr != nil || !like.IsRegular() {
		return errors.Join(&os.LinkError{Op: "link", Old: from, New: to, Err: err}, scanErr)
	}
	if err := copyPlain(from, to); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(asset.Dress(f, like.Layout), f.Close())
}
