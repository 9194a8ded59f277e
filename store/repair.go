package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/activate"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/verify"
)

// RepairOptions say where to take what is lost.
type RepairOptions struct {
	// Fetch brings packages, by id, from their repositories: the paths of the stones
	// that it got. nil fetches nothing.
	Fetch func(ctx context.Context, ids []string) (map[string]string, error)
	Log   func(string)
}

// Repair verifies everything and mends what it can: from intact assets, from the
// trees of other states, from downloads, and at last from repositories. It looks
// at every state, because states share files. Things that no package has are
// moved to /.moss/lost+found. The findings say which were repaired. A cut at any
// moment leaves nothing worse than before; a second run goes on.
func (s *Store) Repair(ctx context.Context, c *verify.Checker, opt RepairOptions) ([]verify.Finding, error) {
	before, err := s.Verify(ctx, c, nil)
	if err != nil || len(before) == 0 {
		return before, err
	}
	scratch, err := s.scratch()
	if err != nil {
		return before, err
	}
	r := repair{Store: s, checker: c, opt: opt,
		mender: &verify.Mender{Assets: s.assets, Scratch: scratch, Lost: s.path("lost+found")}}
	all, err := r.run(ctx, before)
	return all, errors.Join(err, os.RemoveAll(scratch))
}

// scratch lies in the stage of the asset store: the next Open drops it.
func (s *Store) scratch() (string, error) {
	stage := s.path("assets", "stage")
	if err := os.MkdirAll(stage, 0o700); err != nil {
		return "", fmt.Errorf("prepare repair: %w", err)
	}
	dir, err := os.MkdirTemp(stage, "repair-")
	if err != nil {
		return "", fmt.Errorf("prepare repair: %w", err)
	}
	return dir, nil
}

type repair struct {
	*Store
	checker *verify.Checker
	opt     RepairOptions
	mender  *verify.Mender
	stones  map[string]string // where the stone of a package is, "" if nobody has it
}

// run mends records first: a tree without a manifest can only be compared once
// it has one again.
func (r *repair) run(ctx context.Context, before []verify.Finding) ([]verify.Finding, error) {
	all := before
	if mended, err := r.records(ctx, before); err != nil {
		return all, err
	} else if mended {
		again, err := r.Verify(ctx, r.checker, nil)
		if err != nil {
			return all, err
		}
		all = merge(all, again)
		before = again
	}
	if err := r.contents(ctx, before); err != nil {
		return all, err
	}
	if err := r.paths(before); err != nil {
		return all, err
	}
	if err := fault.Point("repair/done"); err != nil {
		return all, err
	}
	if err := atomicfile.SyncFS(r.path()); err != nil {
		return all, fmt.Errorf("make the repair durable: %w", err)
	}
	after, err := r.Verify(ctx, r.checker, nil)
	if err != nil {
		return all, err
	}
	all = merge(all, after)
	left := keys(after)
	for i := range all {
		all[i].Repaired = !left[all[i].Key()]
	}
	verify.Sort(all)
	return all, nil
}

// merge adds what is new.
func merge(all, more []verify.Finding) []verify.Finding {
	known := keys(all)
	for _, f := range more {
		if !known[f.Key()] {
			all = append(all, f)
		}
	}
	return all
}

func keys(all []verify.Finding) map[verify.Key]bool {
	known := make(map[verify.Key]bool, len(all))
	for _, f := range all {
		known[f.Key()] = true
	}
	return known
}

// records makes layouts again from stones, and then manifests from layouts.
func (r *repair) records(ctx context.Context, found []verify.Finding) (mended bool, err error) {
	var lost []string
	for _, f := range found {
		if id, ok := strings.CutPrefix(f.Path, layoutsAt); ok && f.What == verify.Record {
			lost = append(lost, id)
		}
	}
	if err := r.findStones(ctx, lost); err != nil {
		return false, err
	}
	for _, id := range lost {
		ok, err := r.layoutsAgain(ctx, id)
		if err != nil {
			return mended, err
		}
		mended = mended || ok
	}
	for _, f := range found {
		if f.State != 0 && f.What == verify.Record {
			ok, err := r.manifestAgain(ctx, f.State)
			if err != nil {
				return mended, err
			}
			mended = mended || ok
		}
	}
	return mended, nil
}

func (r *repair) layoutsAgain(ctx context.Context, id string) (bool, error) {
	if r.stones[id] == "" {
		return false, nil
	}
	stones, err := Prepare(ctx, []File{{Path: r.stones[id], ID: id}})
	if err != nil {
		r.opt.Log("warning: " + err.Error())
		return false, ctx.Err()
	}
	defer stones[0].Close()
	if err := stones[0].tree.Save(r.layouts(id)); err != nil {
		return false, fmt.Errorf("record layouts of %s: %w", stones[0].Label(), err)
	}
	return true, nil
}

// manifestAgain plans the state's tree anew. That is its manifest only if the tree
// has nothing more: what triggers made was on record nowhere else, and to believe
// whatever lies in the tree would bless a stranger's file.
func (r *repair) manifestAgain(ctx context.Context, id state.ID) (bool, error) {
	chosen, err := r.Selected(id)
	if err != nil {
		return false, err
	}
	t, err := r.Plan(chosen, nil)
	if err != nil {
		r.opt.Log(fmt.Sprintf("cannot make the manifest of state %d again: %v", id, err))
		return false, nil
	}
	found, err := r.checker.Tree(ctx, r.treeOf(id), id, t)
	if err != nil {
		return false, err
	}
	if i := slices.IndexFunc(found, func(f verify.Finding) bool { return f.What == verify.Extra }); i >= 0 {
		r.opt.Log(fmt.Sprintf("cannot make the manifest of state %d again: %s is in no package", id, found[i].Path))
		return false, nil
	}
	return true, t.Save(r.manifest(id))
}

// paths puts trees right, folders before what is in them.
func (r *repair) paths(found []verify.Finding) error {
	for _, f := range found {
		if err := r.one(f); err != nil {
			return err
		}
	}
	return r.seals(found)
}

func (r *repair) one(f verify.Finding) error {
	rel, inUsr := strings.CutPrefix(f.Path, "/usr")
	rel = strings.TrimPrefix(rel, "/")
	switch {
	case f.State == 0:
		return r.stranger(f)
	case !inUsr || f.What == verify.Seal || !exists(r.treeOf(f.State)):
		return nil
	case f.What == verify.Extra:
		to, err := r.mender.SetAside(r.treeOf(f.State), f.State, rel)
		if err == nil {
			r.opt.Log(fmt.Sprintf("moved /usr/%s of state %d to %s", rel, f.State, to))
		}
		return err
	case f.Entry == nil:
		return nil // a folder that cannot be read: no rename helps
	}
	if e := f.Entry; e.IsRegular() && e.Hash != stone.EmptyHash() && !exists(r.assets.Path(e.Layout)) {
		return nil // nobody has its content
	}
	return r.mender.Place(r.treeOf(f.State), f.State, f.Entry)
}

// stranger handles what the store has too much: a name among the assets that
// would be believed one day, or a whole tree.
func (r *repair) stranger(f verify.Finding) error {
	if name := f.AssetName(); name != "" && f.What == verify.Extra {
		return r.aside(r.path("assets", name))
	}
	if id, ok := strings.CutPrefix(f.Path, "/.moss/root/"); ok && f.What == verify.Extra {
		return r.aside(r.path("root", id))
	}
	return nil
}

func (r *repair) aside(from string) error {
	if err := fault.Point("repair/place"); err != nil {
		return err
	}
	if err := os.MkdirAll(r.mender.Lost, 0o700); err != nil {
		return fmt.Errorf("set %s aside: %w", from, err)
	}
	dir, err := os.MkdirTemp(r.mender.Lost, "store-")
	if err == nil {
		err = os.Rename(from, filepath.Join(dir, filepath.Base(from)))
	}
	if err != nil {
		return fmt.Errorf("set %s aside: %w", from, err)
	}
	r.opt.Log("moved " + from + " to " + dir)
	return nil
}

// seals come last, and only for a tree in which nothing else is wrong any more.
func (r *repair) seals(found []verify.Finding) error {
	for _, f := range found {
		if f.What != verify.Seal {
			continue
		}
		usr := r.treeOf(f.State)
		t, err := r.Manifest(f.State)
		if err != nil {
			continue // found and said already
		}
		left, err := r.checker.Tree(context.Background(), usr, f.State, t)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(left, func(f verify.Finding) bool { return f.What != verify.Seal }) {
			continue
		}
		if err := atomicfile.SyncFS(r.path()); err != nil {
			return fmt.Errorf("seal state %d: %w", f.State, err)
		}
		if err := activate.Seal(usr, f.State); err != nil {
			return fmt.Errorf("seal state %d: %w", f.State, err)
		}
	}
	return nil
}
