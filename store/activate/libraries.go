package activate

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLibraries bounds the closure; the largest programs load a few hundred.
const maxLibraries = 2048

// object is a mapped file in the closure of a program.
type object struct {
	path   string // as found; a library's $ORIGIN is the folder of this name
	img    *image
	loader *object // whose need brought it in
}

// closure finds everything that main will load before its first instruction, in
// the breadth-first order of the dynamic loader (glibc 2.36, elf/dl-deps.c):
// the order matters because a name is searched only on behalf of the first that
// needs it.
func (c *checker) closure(main *object, loaded map[string]bool) error {
	count := 0
	for queue := []*object{main}; len(queue) > 0; queue = queue[1:] {
		for _, name := range queue[0].img.needed {
			if loaded[name] {
				continue
			}
			loaded[name] = true
			found, err := c.find(name, queue[0])
			if err != nil {
				return err
			}
			for _, lib := range found {
				loaded[lib.img.soname] = true
			}
			queue = append(queue, found...)
			if count += len(found); count > maxLibraries {
				return &CannotBoot{Path: main.path, Reason: "needs more than " + strconv.Itoa(maxLibraries) + " libraries"}
			}
		}
	}
	return nil
}

// find searches one needed library.
func (c *checker) find(name string, by *object) ([]*object, error) {
	foreign := ""
	try := func(found []*object, err error) ([]*object, error) {
		if errors.Is(err, errForeign) {
			foreign, err = "; "+err.Error(), nil
		}
		return found, err
	}
	if strings.Contains(name, "/") {
		for _, path := range expand(name, by.path) {
			if found, err := try(c.library(place{}, path, path, by)); err != nil || found != nil {
				return found, err
			}
		}
	} else {
		for _, dir := range c.searchOrder(by) {
			if found, err := try(c.inFolder(dir, name, by)); err != nil || found != nil {
				return found, err
			}
		}
	}
	why := "needs " + Show(name) + ", which is in no library folder" + foreign
	return nil, &CannotBoot{Path: by.path, Reason: why, err: fs.ErrNotExist}
}

// library opens the file that path (relative to dir) names. None is no error.
func (c *checker) library(dir place, path, shown string, by *object) ([]*object, error) {
	p, err := c.view.from(dir, path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, cannot(shown, err)
	}
	if p.info == nil || !p.info.Mode().IsRegular() {
		return nil, &CannotBoot{Path: shown, Reason: "is not a regular file, and " + Show(by.path) + " needs it"}
	}
	f, err := c.openAt(p)
	if err != nil {
		return nil, cannot(shown, err)
	}
	defer f.Close()
	img, err := readImage(f, p.info.Size(), c.machine)
	if err == nil && !img.shared {
		err = errors.New("is a program and not a library")
	}
	if err != nil {
		return nil, &CannotBoot{Path: p.String(), Reason: reason(err) + "; " + Show(by.path) + " needs it", err: err}
	}
	c.take(shown, p)
	return []*object{{path: shown, img: img, loader: by}}, nil
}
