package system

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/internal/fault"
	"moss/store"
	"moss/store/repo"
	"moss/store/state"
)

// Pruned is what a removal of states took away, or with a dry run would.
type Pruned struct {
	States   []state.ID `json:"states"`
	Packages int        `json:"packages"` // recorded builds that no state selects any more
	Contents int        `json:"contents"`
	Stones   int        `json:"stones"`  // downloads
	Orphans  []string   `json:"orphans"` // trees that are no states, below /.moss
	Bytes    int64      `json:"bytes"`   // freed on the root; an estimate with a dry run
	DryRun   bool       `json:"dry_run"`
	Boot     string     `json:"boot"` // what the menu says, for people
}

// RemoveStates removes states, whatever the policy says, and what only they
// needed. One that must stay is refused by name, and then nothing is removed.
func RemoveStates(ctx context.Context, opt Options, ids []state.ID) (Pruned, error) {
	return pruned(ctx, opt, func(all []StateInfo) ([]state.ID, error) {
		for _, id := range ids {
			i := slices.IndexFunc(all, func(s StateInfo) bool { return s.ID == id })
			if i < 0 {
				return nil, fmt.Errorf("remove state %d: %w", id, state.ErrNotFound)
			}
			if why := all[i].protection(); why != "" {
				return nil, &store.RefusedError{What: fmt.Sprintf("remove state %d: %s", id, why), Advice: "leave it out, or see: moss state list"}
			}
		}
		return ids, nil
	})
}

// StatesBetween lists the states of a root from a to b, both included. It takes no lock.
func StatesBetween(root string, a, b state.ID) ([]state.ID, error) {
	if a > b {
		return nil, &store.RefusedError{What: fmt.Sprintf("states %d-%d: the range goes backwards", a, b), Advice: fmt.Sprintf("write %d-%d", b, a)}
	}
	s, err := store.View(root)
	if err != nil {
		return nil, err
	}
	rows, err := s.States()
	var ids []state.ID
	for _, row := range rows {
		if row.ID >= a && row.ID <= b {
			ids = append(ids, row.ID)
		}
	}
	if err == nil && ids == nil {
		err = fmt.Errorf("states %d-%d: %w", a, b, state.ErrNotFound)
	}
	return ids, errors.Join(err, s.Close())
}

// Prune removes the states that a policy does not keep, and all garbage.
func Prune(ctx context.Context, opt Options, p Policy) (Pruned, error) {
	return pruned(ctx, opt, func(all []StateInfo) ([]state.ID, error) {
		ids := []state.ID{}
		for _, s := range p.superfluous(all, opt.Now) {
			ids = append(ids, s.ID)
		}
		return ids, nil
	})
}

// pruned looks without a lock for a dry run, so that any user may ask.
func pruned(ctx context.Context, opt Options, choose func([]StateInfo) ([]state.ID, error)) (done Pruned, err error) {
	var s *store.Store
	if opt.DryRun {
		s, err = store.View(opt.Root)
	} else {
		s, err = openStore(ctx, opt)
	}
	if err != nil {
		return done, err
	}
	opt.Log = warnOnce(opt.Log)
	all, err := describe(s, opt)
	if err == nil {
		done.States, err = choose(all)
	}
	if err == nil {
		err = prune(ctx, s, opt, &done)
	}
	return done, errors.Join(err, s.Close())
}

// prune makes sure first that the garbage can be told, then takes the states out
// of the menu, and only then removes the first tree: no entry is ever without one.
func prune(ctx context.Context, s *store.Store, opt Options, done *Pruned) error {
	offered := withEntries(s, opt, done.States)
	if opt.NoBoot && len(offered) > 0 {
		return &store.RefusedError{What: fmt.Sprintf("remove state %s: the boot menu has an entry for it, which --no-boot would leave without a tree", joinIDs(offered)),
			Advice: "leave out --no-boot"}
	}
	named := onOffer(opt)
	planned, err := s.Garbage(done.States, named)
	if err != nil {
		return err
	}
	done.count(planned)
	done.Bytes, done.DryRun = planned.Bytes, opt.DryRun
	if opt.DryRun {
		return nil
	}
	if len(done.States) > 0 {
		if err := errors.Join(ctx.Err(), fault.Point("prune/menu")); err != nil {
			return err
		}
		if done.Boot, err = leaveMenu(s, opt, done.States); err != nil {
			return inRemoval(err)
		}
	} else if done.Boot, err = leaveMenu(s, opt, nil); err != nil {
		return inRemoval(err) // what a cut left out of the menu, or in it, is put right all the same
	}
	err = sweep(ctx, s, named, done)
	return done.fate(errors.Join(err, dropGhosts(s, opt.Root)), len(offered) > 0)
}

// withEntries are those of some states that the boot menu has an entry for, as
// far as $BOOT can be read.
func withEntries(s *store.Store, opt Options, ids []state.ID) (have []state.ID) {
	if len(ids) == 0 {
		return nil
	}
	found, err := look(s, opt)
	if err != nil {
		return nil
	}
	for _, e := range bootloader.List(found, bootloader.Marks{}) {
		if id := state.ID(e.State); !e.Foreign && slices.Contains(ids, id) && !slices.Contains(have, id) {
			have = append(have, id)
		}
	}
	slices.Sort(have)
	return have
}

func joinIDs(ids []state.ID) string {
	var names []string
	for _, id := range ids {
		names = append(names, id.String())
	}
	return strings.Join(names, ", ")
}

// hintedError is an error with another way out than its own.
type hintedError struct {
	error
	hint string
}

func (e hintedError) Unwrap() error { return e.error }
func (e hintedError) Hint() string  { return e.hint }

// inRemoval leaves --no-boot out of the advice: a removal needs the menu.
func inRemoval(err error) error {
	if root, ok := errors.AsType[*RootError](err); ok {
		return hintedError{err, root.write()}
	}
	return err
}

// fate says what a failure of the sweep means: once anything is gone, that this
// is so.
func (p *Pruned) fate(err error, left bool) error {
	const next = "mend the cause, then run: moss state prune"
	switch {
	case err == nil:
		return nil
	case len(p.States) > 0:
		return &PartError{"state " + joinIDs(p.States) + " is gone", next, err}
	case left:
		return &PartError{"the states are out of the boot menu", "mend the cause, then run it again; or moss-boot sync, to offer them again", err}
	case p.Bytes > 0:
		return &PartError{"some garbage is gone", next, err}
	}
	return err
}

func sweep(ctx context.Context, s *store.Store, named func(string) bool, done *Pruned) error {
	doomed := done.States
	done.States, done.Bytes = []state.ID{}, 0
	done.count(store.Garbage{})
	for _, id := range doomed {
		if err := ctx.Err(); err != nil {
			return err
		}
		freed, err := s.Remove(id)
		done.Bytes += freed
		if err != nil {
			return err
		}
		done.States = append(done.States, id)
	}
	left, err := s.Garbage(nil, named)
	if err != nil || left.IsEmpty() {
		return err
	}
	freed, err := s.Collect(left)
	done.Bytes += freed
	if err == nil {
		done.count(left)
	}
	return err
}

func (p *Pruned) count(g store.Garbage) {
	p.Packages, p.Contents, p.Stones, p.Orphans = len(g.Packages), g.Assets(), g.Stones(), []string{}
	for _, folder := range g.Folders {
		if !slices.ContainsFunc(p.States, func(id state.ID) bool { return folder == "root/"+id.String() }) {
			p.Orphans = append(p.Orphans, folder)
		}
	}
}

// onOffer says which packages the repositories have. When that cannot be read,
// every download is kept.
func onOffer(opt Options) func(id string) bool {
	known, err := repo.Load(opt.Root)
	if err == nil && len(known.Unavailable) > 0 {
		err = fmt.Errorf("repository %s: %w", known.Unavailable[0].Repo, known.Unavailable[0].Err)
	}
	if err != nil {
		opt.Log("warning: downloads are kept: " + err.Error())
		return nil
	}
	ids := make(map[string]bool, len(known.Packages))
	for _, p := range known.Packages {
		ids[p.ID] = true
	}
	return func(id string) bool { return ids[id] }
}

// leaveMenu takes states out of the boot menu. Others might move up into it, which
// needs space on $BOOT; a full one must not keep states from being removed, so
// then nobody moves up.
func leaveMenu(s *store.Store, opt Options, ids []state.ID) (string, error) {
	opt.Without = slices.Concat(opt.Without, ids)
	said, err := followMenu(s, opt)
	if _, full := errors.AsType[*bootloader.SpaceError](err); !full {
		return said, err
	}
	rows, err := s.States()
	if err != nil {
		return "", err
	}
	menu, err := menuOf(s, opt, rows)
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		if !slices.ContainsFunc(menu.Entries, func(e bootloader.Item) bool { return e.State == uint64(row.ID) }) {
			opt.Without = append(opt.Without, row.ID)
		}
	}
	return followMenu(s, opt)
}

// followMenu makes the menu match the states and leaves its default where it is.
// Where no state has a kernel there is no menu.
func followMenu(s *store.Store, opt Options) (string, error) {
	if opt.NoBoot {
		return "boot menu left alone", nil
	}
	everybody := opt
	everybody.Without = nil
	want, err := wanted(s, everybody)
	if err != nil {
		return "", err
	}
	if !anyKernel(want) {
		return "no state has a kernel, there is no boot menu", nil
	}
	opt.keepDefault = true
	done, err := syncMenu(s, opt)
	return done.String(), err
}

func isFile(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

// Declined is the answer to somebody who was asked and did not say yes.
func Declined() error {
	return &store.RefusedError{What: "not confirmed", Advice: "nothing was changed; -y does not ask"}
}
