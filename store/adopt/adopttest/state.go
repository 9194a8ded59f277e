package adopttest

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/stone"
)

// Place is where a state's tree lies.
type Place int

// Live is /usr, Archived /.moss/root/<id>/usr, Staged /.moss/root/staging/usr.
const (
	Live Place = iota
	Archived
	Staged
	Nowhere
)

// State is a state to be made.
type State struct {
	ID          int
	Created     time.Time
	Summary     string // "Install" if empty
	Description string
	Stones      []string
	Explicit    []string      // names of packages that a user asked for
	Generated   testutil.Tree // what triggers wrote
	Place       Place
	NoRow       bool
}

// Tree is the folder that a place means for a state.
func (i *Installation) Tree(place Place, id int) string {
	switch place {
	case Live:
		return filepath.Join(i.Root, "usr")
	case Staged:
		return i.Path("root/staging/usr")
	}
	return i.Path("root", strconv.Itoa(id), "usr")
}

// Make records a state and writes its tree.
func (i *Installation) Make(s State) {
	i.t.Helper()
	i.Add(s.Stones...)
	if !s.NoRow {
		i.record(s)
	}
	if s.Place == Nowhere {
		return
	}
	usr := i.Tree(s.Place, s.ID)
	i.must(os.MkdirAll(usr, 0o755))
	i.blit(usr, s.Stones)
	own := testutil.Tree{
		".stateID":             strconv.Itoa(s.ID),
		"lib/os-release":       "NAME=\"Unbranded OS\"\nID=unbranded-os\n",
		"lib/system-model.kdl": "packages {\n}\n",
	}
	for name := range own {
		i.must(os.RemoveAll(filepath.Join(usr, name))) // it may be a package's, with more names
	}
	own.Create(i.t, usr)
	s.Generated.Create(i.t, usr)
}

func (i *Installation) record(s State) {
	summary, description := "Install", any(nil)
	if s.Summary != "" {
		summary = s.Summary
	}
	if s.Description != "" {
		description = s.Description
	}
	i.Exec("state", `INSERT INTO state (id, type, created, summary, description) VALUES (?,'transaction',?,?,?)`,
		s.ID, s.Created.Unix(), summary, description)
	for _, file := range s.Stones {
		p := i.packages[file]
		i.Exec("state", `INSERT INTO state_selections VALUES (?,?,?,NULL)`, s.ID, p.id, slices.Contains(s.Explicit, p.meta.Name))
	}
}

// blit writes the tree of packages: folders and symlinks first, so that what
// lies below a symlink goes where the symlink leads; of two files that claim a
// path the first stays; devices are left out.
func (i *Installation) blit(usr string, stones []string) {
	i.t.Helper()
	var layouts []stone.Layout
	for _, file := range stones {
		layouts = append(layouts, i.packages[file].layouts...)
	}
	for _, pass := range []func(stone.Layout) bool{stone.Layout.IsDir, stone.Layout.IsSymlink, stone.Layout.IsRegular} {
		for _, l := range layouts {
			if pass(l) {
				i.place(l, filepath.Join(usr, l.Path))
			}
		}
	}
}

func (i *Installation) place(l stone.Layout, path string) {
	i.t.Helper()
	i.must(os.MkdirAll(filepath.Dir(path), 0o755))
	if _, err := os.Lstat(path); err == nil {
		return
	}
	switch {
	case l.IsDir():
		i.must(os.Mkdir(path, 0o755))
		i.must(unix.Chmod(path, l.Mode&0o7777))
	case l.IsSymlink():
		i.must(os.Symlink(l.Target, path))
	case l.Hash == stone.EmptyHash():
		i.must(os.WriteFile(path, nil, 0o644))
		i.must(unix.Chmod(path, l.Mode&0o7777&^0o222))
	case i.Exact:
		data, err := os.ReadFile(i.Path("assets/v2", AssetName(l.Hash)))
		i.must(err)
		i.must(os.WriteFile(path, data, 0o644))
		i.must(unix.Chmod(path, l.Mode&0o7777))
	default:
		asset := i.Path("assets/v2", AssetName(l.Hash))
		i.must(os.Link(asset, path))
		var st unix.Stat_t
		i.must(unix.Lstat(asset, &st))
		union := l.Mode & 0o7777
		if st.Nlink > 2 { // the mode that an asset is born with counts for nothing
			union |= st.Mode & 0o7777
		}
		i.must(unix.Chmod(asset, union&^0o222))
	}
}
