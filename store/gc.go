package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/activate"
	"moss/store/asset"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// Garbage is what nothing that stays needs. Names are below /.moss.
type Garbage struct {
	Packages []string // ids of rows that no state selects
	Files    []string // assets, layouts, manifests, downloads, marks
	Folders  []string // trees that are no states
	Bytes    int64    // about what removing all of it frees
}

// Garbage lists what would be garbage if the states in without were gone. named
// says which packages a repository still offers: their downloads stay; nil keeps
// all downloads. It changes nothing. Layouts or a manifest that cannot be read
// are an error: what they need is not known, so nothing may be thrown away.
func (s *Store) Garbage(without []state.ID, named func(id string) bool) (Garbage, error) {
	g := collector{Store: s, gone: map[state.ID]bool{}, selected: map[string]bool{}, states: map[state.ID]bool{}, named: named}
	for _, id := range without {
		g.gone[id] = true
	}
	if err := g.rows(); err != nil {
		return Garbage{}, err
	}
	for _, find := range []func() error{g.records, g.contents, g.downloads, g.folders, g.marks, g.measure} {
		if err := find(); err != nil {
			return Garbage{}, fmt.Errorf("look for garbage: %w", err)
		}
	}
	return g.out, nil
}

type collector struct {
	*Store
	out      Garbage
	gone     map[state.ID]bool
	states   map[state.ID]bool // that stay
	selected map[string]bool   // packages that a state that stays selects
	named    func(string) bool
}

func (g *collector) rows() error {
	rows, err := g.Store.db.States()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if g.gone[row.ID] {
			continue
		}
		g.states[row.ID] = true
		for _, sel := range row.Selections {
			g.selected[sel.Package] = true
		}
	}
	packages, err := g.Store.db.Packages()
	if err != nil {
		return err
	}
	for _, p := range packages {
		if !g.selected[p.ID] {
			g.out.Packages = append(g.out.Packages, p.ID)
		}
	}
	return nil
}

// contents keeps what a package that stays or a tree that stays is made of. A tree
// holds its files by itself; an asset of it is kept so that the next one can be
// made without fetching.
func (g *collector) contents() error {
	need := map[string]bool{}
	keep := func(t *tree.Tree) {
		for i := range t.Entries {
			if e := &t.Entries[i]; e.IsRegular() && e.Hash != stone.EmptyHash() {
				need[asset.Name(e.Layout)] = true
			}
		}
	}
	for id := range g.selected {
		t, err := tree.Load(g.layouts(id))
		if err != nil {
			return &UnknownError{err}
		}
		keep(t)
	}
	for id := range g.states {
		t, err := g.Manifest(id)
		if err != nil {
			return &UnknownError{err}
		}
		keep(t)
	}
	for i := range 256 {
		shard := fmt.Sprintf("%02x", i)
		err := g.each(filepath.Join("assets", shard), func(name string) bool { return !need[shard+"/"+name] })
		if err != nil {
			return err
		}
	}
	return nil
}

// UnknownError says that a record is unreadable, so that what it needs is not known.
type UnknownError struct{ Err error }

func (e *UnknownError) Error() string { return e.Err.Error() }
func (e *UnknownError) Unwrap() error { return e.Err }

// Hint says how to get it back.
func (e *UnknownError) Hint() string { return "mend it first: moss state verify --repair" }

// each adds the files of a folder below /.moss that are garbage.
func (g *collector) each(dir string, garbage func(name string) bool) error {
	names, err := os.ReadDir(g.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if !name.IsDir() && garbage(name.Name()) {
			g.out.Files = append(g.out.Files, filepath.Join(dir, name.Name()))
		}
	}
	return nil
}

// records: layouts of packages that no state selects, manifests of states that
// are no more, and what an interrupted writer of either left.
func (g *collector) records() error {
	if err := g.each("packages", func(name string) bool { return !g.selected[name] }); err != nil {
		return err
	}
	return g.each("manifests", func(name string) bool { return !g.known(name) })
}

// known says whether name is the number of a state that stays.
func (g *collector) known(name string) bool {
	id, err := activate.ParseID(name)
	return err == nil && g.states[id]
}

// downloads that are not complete go by the package they would become.
func (g *collector) downloads() error {
	if g.named == nil {
		return nil
	}
	return g.each("cache/downloads", func(name string) bool {
		id := strings.TrimSuffix(name, ".part")
		return !g.selected[id] && !g.named(id)
	})
}

// folders: trees without a number, which an exchange or a crash set aside, and
// numbered ones that nobody recorded and that are not sealed. A sealed tree that
// nobody recorded is a riddle, not rubbish: a verification reports it.
func (g *collector) folders() error {
	names, err := os.ReadDir(g.path("root"))
	if err != nil {
		return err
	}
	live, _ := g.Active() // its folder is what an exchange left that was cut
	for _, name := range names {
		id, err := activate.ParseID(name.Name())
		switch {
		case err != nil && !setAside.MatchString(name.Name()):
			continue // not ours
		case err == nil && g.states[id] && id != live:
			continue
		case err == nil && !g.gone[id]:
			if _, err := activate.LiveID(g.trees.Archive(id)); !errors.Is(err, activate.ErrUnsealed) {
				continue
			}
		}
		g.out.Folders = append(g.out.Folders, filepath.Join("root", name.Name()))
	}
	return nil
}

// setAside is what stages and an exchange call folders that are no states.
var setAside = regexp.MustCompile(`^\.(stage|unsealed|twin)-`)

// marks of states that are no more.
func (g *collector) marks() error {
	return g.each("boot/failed", func(name string) bool { return !g.known(name) })
}

// measure counts the blocks of files all of whose names are garbage.
func (g *collector) measure() error {
	type inode struct{ dev, ino uint64 }
	names, blocks := map[inode]uint64{}, map[inode]int64{}
	count := func(path string) error {
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return &fs.PathError{Op: "lstat", Path: path, Err: err}
		}
		i := inode{uint64(st.Dev), st.Ino}
		names[i]++
		if st.Mode&unix.S_IFMT == unix.S_IFDIR || names[i] == uint64(st.Nlink) {
			blocks[i] = st.Blocks * blockSize
		}
		return nil
	}
	for _, name := range g.out.Files {
		if err := count(g.path(name)); err != nil {
			return err
		}
	}
	for _, name := range g.out.Folders {
		err := filepath.WalkDir(g.path(name), func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return count(path)
		})
		if err != nil {
			return err
		}
	}
	for _, size := range blocks {
		g.out.Bytes += size
	}
	return nil
}

// blockSize is the unit of st_blocks, whatever the file system's own is (stat(2)).
const blockSize = 512

// IsEmpty says that there is nothing to remove.
func (g Garbage) IsEmpty() bool { return len(g.Packages)+len(g.Files)+len(g.Folders) == 0 }

// Assets counts contents.
func (g Garbage) Assets() int { return g.count("assets/") }

// Stones counts downloads.
func (g Garbage) Stones() int { return g.count("cache/") }

func (g Garbage) count(prefix string) (n int) {
	for _, name := range g.Files {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}
