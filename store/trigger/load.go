package trigger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Folder is where the trigger files of a tree are, below its /usr.
const Folder = "share/moss/triggers"

// maxFile is far more than any trigger needs; a larger file is an accident.
const maxFile = 1 << 20

// Load reads the triggers of one scope from the tree usr: <scope>.yaml and all
// <scope>.d/*.yaml. No link leads out of the tree, and two triggers of one name
// are refused.
func Load(usr string, scope Scope) ([]*Trigger, error) {
	root, err := os.OpenRoot(usr)
	if err != nil {
		return nil, fmt.Errorf("read triggers: %w", err)
	}
	defer root.Close()
	names, err := list(root, scope)
	if err != nil {
		return nil, fmt.Errorf("read triggers: %w", err)
	}
	var all []*Trigger
	at := map[string]string{}
	for _, name := range names {
		t, err := load(root, name)
		if err != nil {
			return nil, err
		}
		if first, taken := at[t.Name]; taken {
			return nil, &FileError{t.File, fmt.Errorf("the name %s is taken by %s", t.Name, first)}
		}
		at[t.Name] = t.File
		all = append(all, t)
	}
	return all, nil
}

func list(root *os.Root, scope Scope) ([]string, error) {
	var names []string
	single := path.Join(Folder, string(scope)+".yaml")
	if _, err := root.Lstat(single); err == nil {
		names = append(names, single)
	} else if !absent(err) {
		return nil, err
	}
	folder := path.Join(Folder, string(scope)+".d")
	found, err := fs.ReadDir(root.FS(), folder)
	if err != nil && !absent(err) {
		return nil, err
	}
	for _, one := range found {
		if strings.HasSuffix(one.Name(), ".yaml") && !strings.HasPrefix(one.Name(), ".") {
			names = append(names, path.Join(folder, one.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}

func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

func load(root *os.Root, name string) (*Trigger, error) {
	shown := "/usr/" + name
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0) // a fifo must not make it wait
	if err != nil {
		return nil, &FileError{shown, err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("%d bytes, want at most %d", info.Size(), maxFile)
	}
	if err != nil {
		return nil, &FileError{shown, err}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, &FileError{shown, err}
	}
	return Parse(shown, data)
}
