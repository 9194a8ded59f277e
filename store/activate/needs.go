package activate

import (
	"errors"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// Need is one file that a program needs to run.
type Need struct {
	Name string // as the kernel or the dynamic loader asks for it
	Path string // the file on the disk, links followed
}

// Needs lists what a program of a tree needs to start, the program first: its
// interpreter, and every library that the dynamic loader will map. Builds of a
// library for better processors are left out: the plain one serves all. conf
// names the libraries that are found only by way of ld.so.conf, and folder is one
// where the loader looks without it. The error is a *CannotBoot.
func (r *Root) Needs(tree, program string) (needs []Need, conf []string, folder string, err error) {
	c := newChecker(r.dir, tree)
	seen := map[string]bool{}
	c.took = func(name string, at place) {
		if path.Base(path.Dir(path.Dir(name))) == "glibc-hwcaps" || seen[name] {
			return
		}
		seen[name] = true
		needs = append(needs, Need{name, c.view.real(at.names)})
	}
	if err := c.program(program, 0); err != nil {
		return nil, nil, "", err
	}
	for _, n := range needs {
		if c.inConf(path.Dir(n.Name)) {
			conf = append(conf, n.Name)
		}
	}
	if len(c.builtIn) > 0 {
		folder = c.builtIn[0]
	}
	return needs, conf, folder, nil
}

// Find gives the first of some names that is in the tree, "" if none is.
func (r *Root) Find(tree string, names ...string) string {
	c := newChecker(r.dir, tree)
	for _, name := range names {
		if _, err := c.view.walk(name); err == nil {
			return name
		}
	}
	return ""
}

// Locate is where a path of the system lies on the disk when tree is its /usr,
// links followed.
func (r *Root) Locate(tree, name string) (string, error) {
	p, err := newChecker(r.dir, tree).view.walk(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &fs.PathError{Op: "open", Path: name, Err: unix.ENOENT}
	}
	if err != nil {
		return "", cannot(name, err)
	}
	return newView(r.dir, tree).real(p.names), nil
}

func (c *checker) inConf(dir string) bool {
	for _, one := range c.conf {
		if path.Clean(one) == dir {
			for _, known := range c.builtIn {
				if path.Clean(known) == dir {
					return false
				}
			}
			return true
		}
	}
	return false
}

func (c *checker) take(name string, at place) {
	if c.took != nil {
		c.took(name, at)
	}
}
