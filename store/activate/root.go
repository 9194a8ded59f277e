package activate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Root is one installation: the folder that holds usr and .moss. It keeps no
// state and no open files; every call looks at the disk.
type Root struct {
	dir string

	// Warn is told, one line each, what went wrong beside a call that did what it
	// was to do. It may be nil.
	Warn func(line string)
}

// Open names an installation; dir is "/" on the running system and the sysroot
// in early boot. It touches nothing.
func Open(dir string) *Root { return &Root{dir: dir} }

func (r *Root) warn(line string) {
	if r.Warn != nil {
		r.Warn(line)
	}
}

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
	inside, ok := strings.CutPrefix(filepath.Clean(path), strings.TrimSuffix(filepath.Clean(r.dir), "/"))
	if ok && (inside == "" || inside[0] == '/') {
		return filepath.Join("/", inside)
	}
	return path
}

// Archived lists the archived states that are sealed and in the folder of
// their own number, newest first. Beside an error there are those that could be
// read.
func (r *Root) Archived() ([]ID, error) {
	folders, err := r.numbered()
	var ids []ID
	for _, n := range folders {
		id, unread := LiveID(r.Archive(n))
		switch {
		case unread == nil && id == n:
			ids = append(ids, id)
		case unread != nil && !errors.Is(unread, ErrUnsealed):
			err = errors.Join(err, unread)
		}
	}
	return ids, err
}

// numbered lists the folders whose name is a state number, highest first,
// whatever is in them. A root without .moss has none.
func (r *Root) numbered() ([]ID, error) {
	dir, err := os.Open(r.states())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var ids []ID
	for _, name := range names {
		if id, err := ParseID(name.Name()); err == nil && name.IsDir() {
			ids = append(ids, id)
		}
	}
	NewestFirst(ids)
	return ids, nil
}
