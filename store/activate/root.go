package activate

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Root is one installation: the folder that holds usr and .moss. It keeps no
// state and no open files; every call looks at the disk.
type Root struct{ dir string }

// Open names an installation; dir is "/" on the running system and the sysroot
// in early boot. It touches nothing.
func Open(dir string) *Root { return &Root{dir: dir} }

// Dir is the folder that Open was given.
func (r *Root) Dir() string { return r.dir }

// Usr is the live tree.
func (r *Root) Usr() string { return filepath.Join(r.dir, "usr") }

// Archive is the tree of an archived state.
func (r *Root) Archive(id ID) string { return filepath.Join(r.folder(id), "usr") }

func (r *Root) states() string      { return filepath.Join(r.dir, ".moss", "root") }
func (r *Root) folder(id ID) string { return filepath.Join(r.states(), id.String()) }

// shown is a path as the running system would name it, wherever its root is
// mounted now.
func (r *Root) shown(path string) string {
	if rel, err := filepath.Rel(r.dir, path); err == nil && filepath.IsLocal(rel) {
		return filepath.Join("/", rel)
	}
	return path
}

// Archived lists the archived states that are sealed and in the folder of
// their own number, newest first.
func (r *Root) Archived() ([]ID, error) {
	folders, err := r.numbered()
	if err != nil {
		return nil, err
	}
	var ids []ID
	for _, n := range folders {
		id, err := LiveID(r.Archive(n))
		if err != nil && !errors.Is(err, ErrUnsealed) {
			return nil, err
		}
		if err == nil && id == n {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// numbered lists the folders whose name is a state number, highest first,
// whatever is in them. A root without .moss has none.
func (r *Root) numbered() ([]ID, error) {
	names, err := os.ReadDir(r.states())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []ID
	for _, name := range names {
		if id, err := ParseID(name.Name()); err == nil && name.IsDir() {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b ID) int { return cmp.Compare(b, a) })
	return ids, nil
}
