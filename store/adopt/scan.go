package adopt

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"moss/internal/parallel"
	"moss/store/stone"
	"moss/store/xattr"
)

// inode is a file, whatever its names.
type inode struct{ dev, ino uint64 }

// found is one path of a tree as it is on disk. Its layout has no hash yet.
type found struct {
	stone.Layout
	inode inode
	size  int64
}

// scan lists everything below usr but the seal, sorted by path. Folders are read
// in parallel, a level of them at a time.
func scan(ctx context.Context, usr string) ([]found, error) {
	var all []found
	level := []string{"."}
	for len(level) > 0 {
		var mutex sync.Mutex
		var next []string
		err := parallel.Each(ctx, len(level), func(i int) error {
			entries, err := scanFolder(usr, level[i])
			mutex.Lock()
			defer mutex.Unlock()
			for _, e := range entries {
				all = append(all, e)
				if e.IsDir() {
					next = append(next, e.Path)
				}
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read tree: %w", err)
		}
		level = next
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Compare(a.Path, b.Path) })
	return all, nil
}

func scanFolder(usr, folder string) ([]found, error) {
	names, err := os.ReadDir(filepath.Join(usr, folder))
	if err != nil {
		return nil, err
	}
	all := make([]found, 0, len(names))
	for _, name := range names {
		at := path.Join(folder, name.Name())
		if at == ".stateID" {
			continue
		}
		one, err := scanOne(filepath.Join(usr, at))
		if err != nil {
			return nil, err
		}
		one.Path = at
		all = append(all, one)
	}
	return all, nil
}

func scanOne(file string) (found, error) {
	var st unix.Stat_t
	if err := unix.Lstat(file, &st); err != nil {
		return found{}, &fs.PathError{Op: "lstat", Path: file, Err: err}
	}
	f := found{Layout: stone.Layout{Mode: st.Mode, UID: st.Uid, GID: st.Gid}, inode: inode{uint64(st.Dev), st.Ino}}
	var err error
	switch {
	case f.IsSymlink():
		f.Target, err = os.Readlink(file)
	case f.IsRegular():
		f.size = st.Size
		f.Xattrs, err = xattr.OfPath(file, carried)
	case f.IsDir():
		f.Xattrs, err = xattr.OfPath(file, carried)
	}
	return f, err
}

// carried says which attributes a package can carry; what else there is belongs
// to the machine.
func carried(name string) bool {
	return strings.HasPrefix(name, "security.") || strings.HasPrefix(name, "user.")
}
