package activate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"moss/internal/atomicfile"
	"moss/internal/fault"
)

// Exchange makes the archived state id the live /usr and archives the tree that
// was live under its own number. When id is live already nothing moves: the
// exchange itself is not idempotent, so a second one would bring the old state
// back.
//
// A live tree without a seal has no number; it is kept as
// .moss/root/.unsealed-<n>, and one whose number another folder already holds
// as .moss/root/.twin-<id>-<n>, n being the first that is free. One whose seal
// cannot be read makes way all the same, for it may be the reason for the exchange;
// it stays in the folder id, and the error says so. Without a live
// tree the archived one is moved into place. A cut at any moment leaves every
// tree whole: /usr is the old or the new state and Recover mends the rest. When
// Exchange returns nil all of it survives a power cut.
//
// What is mounted on the live tree stays where it is for everybody: a bind of /usr
// on itself (Protect), with the flags it has, and mounts below it. For a moment in
// between they are away. A mount that cannot be carried over is a MountedError; one
// that could not be put back is told to Warn.
func (r *Root) Exchange(id ID) error {
	old, err := LiveID(r.Usr())
	if err == nil && old == id {
		return nil
	}
	if err := r.Sealed(id); err != nil {
		return err
	}
	if err := fault.Point("activate/exchanging"); err != nil {
		return err
	}
	if err := r.swap(id); err != nil {
		return err
	}
	if err := fault.Point("activate/exchanged"); err != nil {
		return err
	}
	if err := r.archive(id); err != nil {
		return fmt.Errorf("archive the tree that state %s replaced: %w", id, err)
	}
	return fault.Point("activate/renamed")
}

// Sealed checks that the archived tree of id is there and says that it is id.
func (r *Root) Sealed(id ID) error {
	tree, where := r.Archive(id), r.shown(r.Archive(id))
	if _, err := os.Lstat(tree); errors.Is(err, fs.ErrNotExist) {
		return &CannotBoot{Path: where, Reason: "is missing", err: fs.ErrNotExist}
	}
	says, err := LiveID(tree)
	if errors.Is(err, ErrUnsealed) {
		return &CannotBoot{Path: where, Reason: "is not sealed: no valid .stateID", err: ErrUnsealed}
	}
	if err == nil && says != id {
		return &CannotBoot{Path: where, Reason: "says that it is state " + says.String()}
	}
	return err
}

// swap exchanges the trees and makes that durable before anything else is
// renamed: the folder's new name must never be on the disk without it.
func (r *Root) swap(id ID) error {
	if err := r.swapMounted(id); err != nil {
		return err
	}
	if err := atomicfile.SyncDir(r.dir); err != nil {
		return err
	}
	return atomicfile.SyncDir(r.folder(id))
}

// swapMounted exchanges the trees below what is mounted on the live one.
func (r *Root) swapMounted(id ID) error {
	tree, usr := r.Archive(id), r.Usr()
	_, err := os.Lstat(usr)
	if errors.Is(err, fs.ErrNotExist) {
		return renameNew(tree, usr)
	}
	if err != nil {
		return err
	}
	held, err := r.lift(id)
	if err != nil {
		return err
	}
	if err = fault.Point("activate/lifted"); err == nil {
		err = atomicfile.Exchange(tree, usr)
	}
	gone := tree
	if err != nil {
		gone = ""
	}
	held.settle(gone, r.warn)
	return err
}

// archive renames folder id, which now holds the tree that was live, so that
// the name id is free.
func (r *Root) archive(id ID) error {
	if _, err := r.mend(id); err != nil {
		return err
	}
	folder := r.folder(id)
	// An empty /usr, as a new root has, is not worth keeping: Remove takes
	// folders only when there is nothing in them.
	_ = os.Remove(r.Archive(id))
	if err := os.Remove(folder); err == nil || errors.Is(err, fs.ErrNotExist) {
		return atomicfile.SyncDir(r.states())
	}
	left, err := LiveID(r.Archive(id))
	name := ".unsealed-"
	if err == nil {
		name = ".twin-" + left.String() + "-"
	}
	if err := park(folder, filepath.Join(r.states(), name)); err != nil {
		return err
	}
	return atomicfile.SyncDir(r.states())
}

// park renames folder to prefix and the first free number from 1.
func park(folder, prefix string) error {
	for n := ID(1); ; n++ {
		if err := renameNew(folder, prefix+n.String()); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}
