package activate

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Checks is what the boot will ask of a tree.
type Checks struct {
	// Init is the program of init= on the kernel command line, or "" for the
	// default.
	Init string
	// Kernel is the kernel version (uname -r) whose modules must be there if the
	// tree has modules at all, or "" when that does not matter.
	Kernel string
}

// checker is one check of one tree.
type checker struct {
	view    *view
	machine machine
	folders map[string]*folder
	conf    []string // library folders of ld.so.conf
	builtIn []string // library folders of the dynamic loader itself
	took    func(name string, at place)
}

// Check tells whether the machine could boot with tree as its /usr: the init
// resolves, is executable, its interpreter and the closure of its needed
// libraries are there and whole, and the kernel's modules are there. The tree
// need not be sealed, live or in its final place. The error is a *CannotBoot.
//
// It reads headers only, so a library whose inside is damaged passes; that is
// what verify is for. Libraries are searched as the dynamic loader would, but
// through ld.so.conf itself and never through ld.so.cache, which belongs to the
// state that ran before.
func (r *Root) Check(tree string, want Checks) error {
	info, err := os.Lstat(tree)
	if err != nil {
		return &CannotBoot{Path: r.shown(tree), Reason: reason(err), err: err}
	}
	if !info.IsDir() {
		return &CannotBoot{Path: r.shown(tree), Reason: "is not a folder"}
	}
	c := newChecker(r.dir, tree)
	init, err := c.init(want.Init)
	if err != nil {
		return err
	}
	if err := c.program(init, 0); err != nil {
		return err
	}
	return c.modules(want.Kernel)
}

// Init is the program that would be started as PID 1 with tree as /usr: named
// (the value of init=) when that is given, else the first of the default list
// that exists, even if it is a link to nothing.
//
// /bin/sh is not on the list although the kernel ends with it: a state that has
// lost its init is to be replaced by an earlier one, not by a root shell that
// asks nobody for a password.
func (r *Root) Init(tree, named string) (string, error) {
	return newChecker(r.dir, tree).init(named)
}

func newChecker(root, tree string) *checker {
	return &checker{view: newView(root, tree), machine: thisMachine(), folders: map[string]*folder{}}
}

func (c *checker) init(named string) (string, error) {
	if named != "" {
		return path.Join("/", named), nil
	}
	for _, name := range []string{"/sbin/init", "/usr/lib/systemd/systemd", "/etc/init", "/bin/init"} {
		if c.exists(name) {
			return name, nil
		}
	}
	return "", &CannotBoot{Path: "/sbin/init", Reason: "is missing, and there is no other init"}
}

// exists tells whether the name itself is there, wherever a link may lead.
func (c *checker) exists(name string) bool {
	dir, err := c.view.walk(path.Dir(name))
	if err != nil {
		return false
	}
	_, _, err = c.view.step(dir, path.Base(name))
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR)
}

// cannot turns a failed walk to name into the sentence for it.
func cannot(name string, err error) *CannotBoot {
	where, ok := errors.AsType[*lost](err)
	if !ok {
		return &CannotBoot{Path: name, Reason: reason(err), err: err}
	}
	at := where.at.String()
	if at == name || strings.HasPrefix(name, at+"/") && errors.Is(err, fs.ErrNotExist) {
		return &CannotBoot{Path: name, Reason: where.reason, err: where.err}
	}
	return &CannotBoot{Path: name, Reason: "leads to " + Show(at) + ", which " + where.reason, err: where.err}
}

// reason is the clause for an error of the system or of readImage.
func reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "is missing"
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return "cannot be read: " + path.Err.Error()
	}
	return err.Error()
}
