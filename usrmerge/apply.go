package usrmerge

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"moss/internal/fault"
)

// Result is what a merge did.
type Result struct {
	Plan *Plan `json:"plan"`
	// Merged means that every folder is merged and checked; only then may the
	// complete marker be written.
	Merged  bool          `json:"merged"`
	Removed int           `json:"removed"` // entries of the old folders
	Rounds  int           `json:"rounds"`  // 1, or more if files changed meanwhile
	Took    time.Duration `json:"took"`
	Notes   []string      `json:"notes"` // what did not stop the merge
}

// maxRounds is how often a merge begins again because files changed meanwhile.
const maxRounds = 3

// Run scans, plans and merges. Folders that are refused stay as they are, the
// others are merged; the refusals are in the result's plan and are no error.
//
// A context that ends stops the merge before the first old folder is exchanged;
// after that it goes on to its end. After an error the next Run goes on; the
// result beside an error says how far it came.
func Run(ctx context.Context, o Options) (*Result, error) {
	began := time.Now()
	j, err := newJob(o)
	if err != nil {
		return nil, err
	}
	defer j.root.close()
	if err := j.root.lock(); err != nil {
		return nil, err
	}
	dirs, merged, err := j.merged()
	if err != nil {
		return nil, err
	}
	if merged {
		p := (&Found{job: j}).Plan()
		p.Dirs = dirs
		return &Result{Plan: p, Merged: true, Took: time.Since(began)}, nil
	}
	f, err := j.scan()
	if err != nil {
		return nil, err
	}
	return j.apply(ctx, f.Plan())
}

// Apply does what the plan says, in phases, and looks again before anything old
// goes. See Run for what a context and an error mean.
func (p *Plan) Apply(ctx context.Context) (*Result, error) {
	j := p.found.job
	root, err := openRoot(j.o.Root)
	if err != nil {
		return nil, err
	}
	defer root.close()
	if err := root.lock(); err != nil {
		return nil, err
	}
	j.root = root
	return j.apply(ctx, p)
}

func (j *job) apply(ctx context.Context, p *Plan) (*Result, error) {
	began := time.Now()
	j.again = true
	a := &applier{job: j, ctx: ctx, found: p.found, res: &Result{Plan: p}}
	err := a.passes()
	a.res.Took = time.Since(began)
	if err != nil {
		return a.res, fmt.Errorf("merge into /usr: %w", err)
	}
	_, merged, err := a.merged()
	a.res.Merged = merged && err == nil && len(p.Refusals) == 0
	return a.res, err
}

// applier is one Apply.
type applier struct {
	*job
	lister
	ctx   context.Context
	res   *Result
	found *Found
	phase string

	done, total int
	told        time.Time
	number      int // of the last temporary name

	settled   bool // verify found nothing more to do
	otherwise bool // the kernel would not do something as planned
	late      bool // an old folder was exchanged: there is no way back but forward
	swapped   []*top
	programs  []string
	homes     map[[2]uint64]string // where the first of some hard links was copied to
	stageFD   int                  // the open folder of copies
	stageDev  uint64               // its device; 0: not open
}

// phase is a named step of the merge. Its name is its fault point.
type phase struct {
	name string
	run  func(*applier) error
}

// gathering is what fills /usr while every old path works; it can be repeated.
func gathering() []phase {
	return []phase{
		{"recover", (*applier).recover},
		{"folders", (*applier).makeFolders},
		{"link", (*applier).link},
		{"relink", (*applier).relink},
		{"carry", (*applier).carry},
		{"orphans", (*applier).keepOrphans},
		{"indexes", (*applier).takeIndexes},
		{"sync", (*applier).sync},
		{"verify", (*applier).verify},
	}
}

// handing is what makes /usr the only place.
func handing() []phase {
	return []phase{
		{"exchange", (*applier).exchange},
		{"settle", (*applier).sync},
		{"check", (*applier).check},
		{"remove", (*applier).remove},
	}
}

// passes merges the top folders, then those below /usr.
func (a *applier) passes() error {
	refused := []Refusal{}
	for f := a.found; f != nil; f = f.later {
		if f.job != a.job { // its look is older than the merge before it
			a.job.dirs = f.job.dirs
			a.job.again = false
			found, err := a.job.pass()
			if err != nil {
				return err
			}
			a.found, a.job.again = found, true
		}
		if f.later != nil && a.found.nothing() {
			continue // not even to forget: the journal is that of the later ones
		}
		if err := a.pass(); err != nil {
			return err
		}
		refused = append(refused, a.found.refused...)
	}
	a.res.Plan.Refusals = refused // some show only when it is tried, or are gone
	return nil
}

func (a *applier) pass() error {
	if a.found.blocked {
		return nil // every folder says why
	}
	a.total += a.found.needs.ops + a.found.needs.entries
	a.settled, a.late = false, false
	a.programs = a.running()
	for round := 1; !a.settled; round++ {
		if round > maxRounds {
			return fmt.Errorf("%s %w; try again when nothing is being installed", a.found.unsettled(), errChanged)
		}
		a.res.Rounds = max(a.res.Rounds, round)
		a.otherwise = false
		if err := a.take(gathering()); err != nil {
			a.tidy()
			return err
		}
		if a.otherwise {
			round-- // bounded: what the kernel refused is not tried twice
		}
	}
	if err := a.take(handing()); !errors.Is(err, errAgain) {
		return err
	}
	found, err := a.job.pass()
	if err != nil {
		return err
	}
	a.found = found
	return a.pass()
}

func (a *applier) take(phases []phase) error {
	for _, p := range phases {
		a.phase = p.name
		a.tell(true)
		err := fault.Point("usr-merge/" + p.name)
		if err == nil {
			err = a.stopped()
		}
		if err == nil {
			err = p.run(a)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// stopped is the context's end, as long as that may stop anything.
func (a *applier) stopped() error {
	if a.late {
		return nil
	}
	return a.ctx.Err()
}

// step counts an operation and passes its fault point.
func (a *applier) step(point string) error {
	a.done++
	a.tell(false)
	if err := fault.Point("usr-merge/" + point); err != nil {
		return err
	}
	return a.stopped()
}

func (a *applier) tell(begin bool) {
	if a.o.Progress == nil {
		return
	}
	now := time.Now()
	if begin || now.Sub(a.told) >= 50*time.Millisecond {
		a.told = now
		a.o.Progress(Progress{Phase: a.phase, Done: min(a.done, a.total), Total: a.total})
	}
}

// each visits the entries that want some acts, with the folders that hold them
// open.
func (a *applier) each(want act, do func(d *both, e *entry) error) error {
	for _, t := range a.found.tops {
		if t.State == StateRefused || t.State == StateAlias || t.tree.todo&want == 0 {
			continue
		}
		d, err := a.root.parents(t)
		if err != nil {
			return err
		}
		err = a.visit(d, &t.tree, want, do)
		d.close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) visit(d *both, e *entry, want act, do func(d *both, e *entry) error) error {
	if e.act&want != 0 {
		if err := do(d, e); err != nil {
			return err
		}
	}
	if !e.below(want) {
		return nil
	}
	in, err := d.into(e)
	if lost(err) {
		return nil // taken away meanwhile; verify looks again
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", shown(path.Join(d.old, e.name)), err)
	}
	defer in.close()
	for i := range e.kids {
		if e.kids[i].todo&want == 0 {
			continue
		}
		if err := a.visit(in, &e.kids[i], want, do); err != nil {
			return err
		}
	}
	return nil
}

func (e *entry) below(want act) bool {
	for i := range e.kids {
		if e.kids[i].todo&want != 0 {
			return true
		}
	}
	return false
}

// into opens a folder on both sides.
func (d *both) into(e *entry) (*both, error) {
	in := &both{t: d.t, old: path.Join(d.old, e.name), new: path.Join(d.new, newName(d, e)), ofd: -1, nfd: -1, ndev: d.ndev}
	var err error
	if in.ofd, err = openFolder(d.ofd, oldName(d, e)); err != nil {
		return nil, err
	}
	name := newName(d, e)
	if e.as != "" {
		name = e.as
	}
	if in.nfd, err = openFolder(d.nfd, name); err != nil {
		in.close()
		return nil, err
	}
	if e.n != nil && e.n.kind == folder {
		in.ndev = e.n.dev
	}
	return in, nil
}

// unsettled names the first path that is not done.
func (f *Found) unsettled() string {
	for _, t := range f.tops {
		if t.State == StateRefused {
			continue
		}
		if name := t.tree.unsettled(t.path); name != "" {
			return shown(name)
		}
	}
	return "/usr"
}

func (e *entry) unsettled(name string) string {
	if e.act&works != 0 {
		return name
	}
	for i := range e.kids {
		if below := e.kids[i].unsettled(path.Join(name, e.kids[i].name)); below != "" {
			return below
		}
	}
	return ""
}

// nothing tells whether there is nothing at all to do.
func (f *Found) nothing() bool {
	for _, t := range f.tops {
		if t.State != StateMerged && t.State != StateAbsent || t.leftover {
			return false
		}
	}
	return len(f.temps) == 0 && len(f.drops) == 0
}

// idle tells whether nothing is left to be put into /usr.
func (f *Found) idle() bool {
	for _, t := range f.tops {
		if t.State != StateRefused && t.tree.todo&works != 0 {
			return false
		}
	}
	return len(f.temps) == 0 && len(f.drops) == 0
}
