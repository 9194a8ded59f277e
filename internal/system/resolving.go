package system

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/store"
	"moss/store/activate"
	"moss/store/fetch"
	"moss/store/repo"
	"moss/store/resolve"
	"moss/store/state"
	"moss/store/stone"
)

// remote is a package to fetch.
type remote struct {
	fetch.File
	id, repo string
}

func (t *transaction) refresh(ctx context.Context) error {
	if !t.change.Refresh {
		return nil
	}
	done, err := repo.Update(ctx, t.opt.Root, nil, t.opt.updating())
	for _, u := range done {
		if len(u.Succeeded) > 0 {
			t.result.Notes = append(t.result.Notes, fmt.Sprintf("repository %s took the place of %s, for good", u.Name, strings.Join(u.Succeeded, ", ")))
		}
	}
	return err
}

// resolve starts from the live state. A root without one starts from nothing,
// but a /usr that no state made is not overwritten by accident.
func (t *transaction) resolve(ctx context.Context) error {
	if err := t.begin(); err != nil {
		return err
	}
	problem, err := t.problem(ctx)
	if err != nil {
		return err
	}
	available, err := t.available()
	if err != nil {
		return err
	}
	if err := t.addStored(&problem); err != nil {
		return err
	}
	problem.Available = append(problem.Available, candidates(available, t.change.Selection)...)
	if t.wanted, err = resolve.Solve(problem); err != nil {
		return err
	}
	t.result.Notes = append(t.result.Notes, t.wanted.Notes...)
	t.noteOtherBuilds()
	t.difference()
	if t.result.Previous == 0 && len(t.wanted.Packages) == 0 {
		return &store.RefusedError{What: "the new state would be empty, and there is none yet", Advice: "install packages by name: moss install NAME"}
	}
	if t.unchanged() {
		t.result.ID, t.result.Unchanged = t.result.Previous, true
		if t.opt.NextBoot {
			t.result.ID = t.from
		}
		return errDone
	}
	return t.missing(available)
}

// unchanged: the live state has this selection already.
func (t *transaction) unchanged() bool {
	if t.result.Previous == 0 || len(t.result.Added)+len(t.result.Removed)+len(t.result.Changed) > 0 {
		return false
	}
	explicit := map[string]bool{}
	for _, p := range t.before.Packages {
		explicit[p.ID] = p.Explicit
	}
	return !slices.ContainsFunc(t.wanted.Packages, func(p resolve.Package) bool { return explicit[p.ID] != p.Explicit })
}

func (t *transaction) begin() error {
	live, err := t.store.Active()
	if errors.Is(err, activate.ErrUnsealed) {
		return t.beginFromNothing()
	}
	if err != nil {
		return err
	}
	t.result.Previous = live
	base := t.base(live)
	t.from = base
	t.before, err = t.store.Selected(base)
	if errors.Is(err, state.ErrNotFound) {
		return &store.RefusedError{What: fmt.Sprintf("state %d is live, and moss did not make it", base), Advice: "take an AerynOS installation over: moss state adopt"}
	}
	if err == nil {
		t.previous, err = t.store.Manifest(base)
	}
	if err != nil {
		return fmt.Errorf("read state %d: %w", base, err)
	}
	return nil
}

// base is the state that the change is made to: the live one, or with --next-boot
// the one that is to be the next boot's already, so that two such changes add up.
func (t *transaction) base(live state.ID) state.ID {
	next := readMark(t.opt.Root, pendingMark)
	if _, err := t.store.State(next); err != nil || next == live {
		return live
	}
	if t.opt.NextBoot {
		t.result.Notes = append(t.result.Notes, fmt.Sprintf("built on state %d, which was to be the next boot's", next))
		return next
	}
	t.result.Notes = append(t.result.Notes, fmt.Sprintf("state %d was to be the next boot's; this is built on the live state %d and takes its place", next, live))
	return live
}

// beginFromNothing: a root without a live state starts empty, but what is in
// /usr is not moved away by accident, and never when it may be a state whose mark
// was lost.
func (t *transaction) beginFromNothing() error {
	if t.store.EmptyUsr() {
		return nil
	}
	rows, err := t.store.States()
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		return &store.RefusedError{What: "/usr does not say which state it is, and there are states", Advice: "moss state verify --repair, or moss state activate"}
	}
	if t.opt.Force {
		return nil
	}
	return &store.RefusedError{What: "/usr holds files that no state of moss made",
		Advice: "start from a root without /usr, take an AerynOS installation over with moss state adopt, or use --force to set it aside"}
}

// problem says what is there and what is wanted of it. Local stones are read
// here, so that the resolver knows what they are; the paths in them are checked.
func (t *transaction) problem(ctx context.Context) (resolve.Problem, error) {
	p := resolve.Problem{Request: resolve.Request{Remove: t.change.Remove, Upgrade: t.change.Upgrade, Downgrade: t.change.Downgrade, Force: t.opt.Force}}
	var installed []resolve.Package
	for i := range t.before.Packages {
		one := &t.before.Packages[i]
		installed = append(installed, resolve.Package{ID: one.ID, Meta: &one.Meta, Repo: one.Repo, Explicit: one.Explicit})
	}
	words := t.change.Install
	if t.change.Selection == nil {
		p.Installed = installed
	} else {
		// An imported selection is resolved from nothing; what is installed is
		// only one more place to take packages from.
		p.Available = preferred(installed, t.change.Selection)
		words = t.change.Selection.Explicit()
	}
	for _, text := range words {
		want, err := stone.ParseProvider(text)
		if err != nil {
			return p, &store.RefusedError{What: err.Error(), Advice: "give a package's name, kind(name), or a file that ends in .stone"}
		}
		p.Install = append(p.Install, want)
	}
	for _, path := range t.change.Stones {
		t.files = append(t.files, store.File{Path: path})
	}
	local, err := store.Prepare(ctx, t.files)
	t.fresh = local
	for _, one := range local {
		p.Files = append(p.Files, resolve.Package{ID: one.ID, Meta: &one.Meta})
	}
	return p, err
}

// available lists what the repositories have. A removal asks none of them: it
// must work on a machine whose repositories are gone.
func (t *transaction) available() ([]repo.Package, error) {
	if len(t.change.Install)+len(t.change.Stones) == 0 && !t.change.Upgrade && t.change.Selection == nil {
		return nil, nil
	}
	return offered(t.opt)
}

// addStored offers the very builds that an imported selection names and that the
// store has, be it from another state.
func (t *transaction) addStored(p *resolve.Problem) error {
	if t.change.Selection == nil {
		return nil
	}
	all, err := t.store.Packages()
	if err != nil {
		return err
	}
	named := t.change.Selection.IDs()
	for i := range all {
		if named[all[i].ID] {
			p.Available = append(p.Available, resolve.Package{ID: all[i].ID, Meta: &all[i].Meta, Repo: all[i].Repo, Priority: math.MaxInt})
		}
	}
	return nil
}

// noteOtherBuilds says which builds of an imported selection could not be had.
func (t *transaction) noteOtherBuilds() {
	if t.change.Selection == nil {
		return
	}
	took := map[string]resolve.Package{}
	for _, p := range t.wanted.Packages {
		took[p.Meta.Name] = p
	}
	for _, p := range t.change.Selection.Packages {
		if got, ok := took[p.Name]; ok && p.ID != "" && p.ID != got.ID {
			t.result.Notes = append(t.result.Notes, fmt.Sprintf("%s %s of the selection cannot be had: %s is taken", p.Name, p.Version, Build(got.Meta)))
		}
	}
}

func candidates(available []repo.Package, selection *Selection) []resolve.Package {
	all := make([]resolve.Package, len(available))
	for i := range available {
		one := &available[i]
		all[i] = resolve.Package{ID: one.ID, Meta: &one.Meta, Repo: one.Repo, Priority: one.Priority}
	}
	return preferred(all, selection)
}

// preferred puts the very builds that a selection names before all others.
func preferred(all []resolve.Package, selection *Selection) []resolve.Package {
	if selection == nil {
		return all
	}
	named := selection.IDs()
	for i := range all {
		all[i].Explicit = false
		if named[all[i].ID] {
			all[i].Priority = math.MaxInt
		}
	}
	return all
}

// difference names what the new selection has and the old has not, and which
// packages it keeps for another reason than before: that shows nowhere else.
func (t *transaction) difference() {
	asked, now := map[string]bool{}, map[string]state.Package{}
	for _, p := range t.before.Packages {
		asked[p.Meta.Name] = p.Explicit
	}
	for _, p := range t.wanted.Packages {
		now[p.Meta.Name] = state.Package{ID: p.ID, Meta: *p.Meta}
		before, had := asked[p.Meta.Name]
		switch {
		case had && p.Explicit && !before:
			t.kept = append(t.kept, p.Meta.Name)
			t.result.Notes = append(t.result.Notes, p.Meta.Name+" is now asked for by name: it stays when nothing else needs it")
		case had && before && !p.Explicit:
			t.result.Notes = append(t.result.Notes, p.Meta.Name+" is no longer asked for by name: it goes when nothing else needs it")
		}
	}
	c := comparePackages(byName(t.before), now)
	t.result.Added, t.result.Removed, t.result.Changed = c.Added, c.Removed, c.Changed
}

// missing lists what has to be fetched: chosen, not a local file, not unpacked.
func (t *transaction) missing(available []repo.Package) error {
	origin := map[string]*repo.Package{}
	for i := range available {
		if _, known := origin[available[i].ID]; !known {
			origin[available[i].ID] = &available[i]
		}
	}
	for _, p := range t.wanted.Packages {
		if slices.ContainsFunc(t.fresh, func(f *store.Prepared) bool { return f.ID == p.ID }) {
			continue
		}
		has, err := t.store.Has(p.ID)
		if err != nil {
			return err
		}
		from, known := origin[p.ID]
		if has || !known {
			continue
		}
		path := filepath.Join(t.store.Downloads(), p.ID)
		if info, err := os.Lstat(path); err != nil || info.Size() != from.Size {
			t.result.Download += from.Size
		}
		t.fetch = append(t.fetch, remote{id: p.ID, repo: from.Repo,
			File: fetch.File{URL: from.URL, Path: path, Name: p.Meta.Name, Size: from.Size, SHA256: p.ID}})
	}
	return nil
}
