package adopt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"moss/store/asset"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// Taken is a state that is taken over.
type Taken struct {
	ID       state.ID  `json:"id"`
	Created  time.Time `json:"created"`
	Summary  string    `json:"summary"`
	Packages int       `json:"packages"`
	Paths    int       `json:"paths"`
	Damaged  int       `json:"damaged"` // paths that are not as their packages have them
	Fault    string    `json:"fault"`   // why it would not boot, "" if it would
	Usr      string    `json:"-"`       // its tree at the moment
}

// Plan is what taking an installation over would do.
type Plan struct {
	States   []Taken    `json:"states"`
	Known    []state.ID `json:"known"` // taken over before
	Live     state.ID   `json:"active"`
	Packages int        `json:"packages"`
	Contents int        `json:"contents"` // files that get a name in the store, by a link
	Copies   int        `json:"copies"`   // and those that have to be copied
	Bytes    int64      `json:"bytes"`    // what the copies take
	Problems []Problem  `json:"problems"`

	source   *Source
	bootable func(usr string) string
	log      func(string)
	spool    string // "" in a plan that is only looked at
	assets   *asset.Store

	records []state.State
	staged  map[state.ID]string // trees that need a folder of their own
	marks   map[state.ID]string // why a state is bad
	digests digests
	named   map[inode]bool         // files that are in whole and links
	whole   map[stone.Hash]content // contents that were proved, and where
	links   map[string]content     // asset name -> a file that has its content, mode and owner
	copies  map[string]copied      // asset name -> a file that has only the content
	layouts map[*Package][]stone.Layout
}

// content is a file that was read and proved.
type content struct {
	path  string
	inode inode
	size  int64
}

type copied struct {
	content
	layout stone.Layout
}

// Options say how to plan.
type Options struct {
	Write    bool                    // the plan will be applied; the store must be open for writing
	Bootable func(usr string) string // why a tree would not boot, "" if it would
	Log      func(string)
}

// Plan reads every tree, proves every content, and says what is to be done. What
// is there is not touched. Close the plan in any case.
func (s *Source) Plan(ctx context.Context, opt Options) (*Plan, error) {
	p := &Plan{source: s, Live: s.live, bootable: opt.Bootable, log: opt.Log, assets: asset.View(s.path("assets")),
		States: []Taken{}, Known: []state.ID{}, Problems: []Problem{},
		staged: map[state.ID]string{}, marks: map[state.ID]string{}, digests: digests{of: map[inode]digest{}}, named: map[inode]bool{},
		whole: map[stone.Hash]content{}, links: map[string]content{}, copies: map[string]copied{}, layouts: map[*Package][]stone.Layout{}}
	if opt.Write {
		var err error
		// Opening the store drops what begins so: nothing is left after a cut.
		if p.spool, err = os.MkdirTemp(s.path("root"), ".stage-adopt-"); err != nil {
			return nil, fmt.Errorf("make folder for manifests: %w", err)
		}
	}
	if err := p.fill(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Close removes what the plan kept on disk.
func (p *Plan) Close() error {
	if p.spool == "" {
		return nil
	}
	return os.RemoveAll(p.spool)
}

func (p *Plan) fill(ctx context.Context) error {
	places, problems, err := p.source.survey()
	if err != nil {
		return fmt.Errorf("look for trees: %w", err)
	}
	p.Problems = append(p.Problems, problems...)
	if _, ok := places[p.Live]; p.Live != 0 && !ok {
		return &RefusedError{fmt.Sprintf("adopt %s: the live state %d is not in AerynOS' database", p.source.root, p.Live),
			"activate a state that AerynOS' `moss state list` shows, with its moss, then try again"}
	}
	for _, r := range p.source.states {
		at, ok := places[r.ID]
		switch {
		case p.source.known[r.ID]:
			p.Known = append(p.Known, r.ID)
		case ok:
			if err := p.state(ctx, r, at); err != nil {
				return fmt.Errorf("read state %d: %w", r.ID, err)
			}
		}
	}
	if err := p.recordPackages(); err != nil {
		return err
	}
	p.Packages, p.Contents, p.Copies = len(p.layouts), len(p.links), len(p.copies)
	for _, c := range p.copies {
		p.Bytes += c.size
	}
	return nil
}

// state proves one tree and makes its manifest.
func (p *Plan) state(ctx context.Context, r record, at place) error {
	packages, selections := p.selected(r)
	x := expect(r.ID, packages)
	disk, err := scan(ctx, at.usr)
	if err != nil {
		return err
	}
	if err := p.digests.read(ctx, at.usr, disk); err != nil {
		return err
	}
	p.remember(at.usr, disk)
	j := &judge{id: r.ID, expected: x, digests: &p.digests, sizes: p.size}
	j.run(disk)
	p.Problems = append(append(append(p.Problems, x.problems...), j.problems...), p.rivals(r.ID, x)...)
	for owner, layouts := range x.owned() {
		p.layouts[owner] = layouts // a later state's word counts: that one is built upon
	}
	if err := p.keep("manifest-"+r.ID.String(), j.tree); err != nil {
		return err
	}
	if j.damaged > 0 {
		p.marks[r.ID] = fmt.Sprintf("verify: %d paths are not as their packages have them, /usr/%s first", j.damaged, j.first)
	}
	if at.staged {
		p.staged[r.ID] = at.usr
	}
	one := Taken{ID: r.ID, Created: r.Created, Summary: r.Summary, Packages: len(packages), Paths: len(j.tree.Entries),
		Damaged: j.damaged, Fault: at.fault, Usr: at.usr}
	if one.Fault == "" {
		one.Fault = p.bootable(at.usr)
	}
	r.Fault, r.Selections = one.Fault, selections
	p.States, p.records = append(p.States, one), append(p.records, r.State)
	p.log(fmt.Sprintf("state %d: %d paths, %d damaged", r.ID, one.Paths, one.Damaged))
	return nil
}

// selected are a state's packages, without those that AerynOS' database has lost.
func (p *Plan) selected(r record) (packages []*Package, selections []state.Selection) {
	for _, sel := range r.Selections {
		found := p.source.packages[sel.Package]
		if found == nil {
			p.Problems = append(p.Problems, Problem{State: r.ID, What: "selects package " + sel.Package + ", which AerynOS' database does not describe: its files stay, without an owner"})
			continue
		}
		packages, selections = append(packages, found), append(selections, sel)
	}
	return packages, selections
}

// remember notes, for each content and each way it is dressed, a file that has it.
func (p *Plan) remember(usr string, disk []found) {
	for _, f := range disk {
		d := p.digests.of[f.inode]
		if !f.IsRegular() || p.named[f.inode] || d.err != nil || d.hash == stone.EmptyHash() {
			continue
		}
		p.named[f.inode] = true // mode, owner and attributes are the inode's too
		c := content{filepath.Join(usr, f.Path), f.inode, d.size}
		if _, known := p.whole[d.hash]; !known {
			p.whole[d.hash] = c
		}
		f.Hash = d.hash
		if name := asset.Name(f.Layout); !p.linked(name) {
			p.links[name] = c
		}
	}
}

func (p *Plan) linked(name string) bool {
	_, ok := p.links[name]
	return ok
}

// size is that of a content, 0 when no whole copy of it is there.
func (p *Plan) size(hash stone.Hash) int64 {
	c, _ := p.find(hash)
	return c.size
}

// find looks for a whole copy of a content: in the trees, then among AerynOS' assets.
func (p *Plan) find(hash stone.Hash) (content, bool) {
	if c, known := p.whole[hash]; known {
		return c, true
	}
	path := p.source.asset(hash)
	f, err := scanOne(path)
	if err != nil || !f.IsRegular() {
		return content{}, false
	}
	d, known := p.digests.of[f.inode]
	if !known {
		d = p.digests.file(path)
		p.digests.of[f.inode] = d
	}
	if d.err != nil || d.hash != hash {
		return content{}, false
	}
	c := content{path, f.inode, d.size}
	p.whole[hash] = c
	f.Hash = hash
	if name := asset.Name(f.Layout); !p.linked(name) {
		p.links[name] = c
	}
	return c, true
}

// rivals tells of paths that two packages bring: AerynOS' moss lets that pass,
// a new state here would be refused.
func (p *Plan) rivals(id state.ID, x *expected) (problems []Problem) {
	if id != p.Live {
		return nil
	}
	for at, lost := range x.rivals {
		problems = append(problems, Problem{id, at, fmt.Sprintf("is in both %s and %s: the next state will be refused until one of them is removed or updated",
			x.packages[x.at[at].owner].Label(), x.packages[lost[0].owner].Label())})
	}
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return problems
}

// keep writes a tree into the spool: with many states they are too much for memory.
func (p *Plan) keep(name string, t *tree.Tree) error {
	if p.spool == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(p.spool, name), t.Encode(), 0o644)
}

// reason is what the kernel says of a file, without the path that stands beside it.
func reason(err error) string {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err.Error()
	}
	return err.Error()
}
