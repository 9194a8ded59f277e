package activate

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// scriptHead is how much of a script the kernel reads to find its
	// interpreter (BINPRM_BUF_SIZE, Linux 5.1 and later).
	scriptHead = 256
	// maxInterpreters is how many scripts may stand before a program (exec_binprm).
	maxInterpreters = 4
)

// program checks that the kernel could execute the file at name.
func (c *checker) program(name string, depth int) error {
	p, f, err := c.open(name, true)
	if err != nil {
		return err
	}
	defer f.Close()
	c.take(name, p)
	head := make([]byte, scriptHead)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return &CannotBoot{Path: p.String(), Reason: reason(err), err: err}
	}
	if script, ok := bytes.CutPrefix(head[:n], []byte("#!")); ok {
		return c.script(p, script, depth)
	}
	img, err := readImage(f, p.info.Size(), c.machine)
	if err != nil {
		return &CannotBoot{Path: p.String(), Reason: reason(err), err: err}
	}
	if img.interp == "" {
		return nil
	}
	return c.dynamic(p, img)
}

func (c *checker) script(p place, line []byte, depth int) error {
	line, _, _ = bytes.Cut(line, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) == 0 {
		return &CannotBoot{Path: p.String(), Reason: "is a script that names no interpreter"}
	}
	if depth >= maxInterpreters {
		return &CannotBoot{Path: p.String(), Reason: "is a script whose interpreter is a script, too often"}
	}
	err := c.program(words[0], depth+1)
	if because, ok := errors.AsType[*CannotBoot](err); ok {
		return &CannotBoot{Path: p.String(), Reason: "is run by " + Show(words[0]) + ": " + because.Error(), err: err}
	}
	return err
}

// dynamic checks the interpreter of a program and all that it will load.
func (c *checker) dynamic(p place, img *image) error {
	at, f, err := c.open(img.interp, true)
	if err != nil {
		return loadedBy(p, "interpreter", err)
	}
	defer f.Close()
	loader, err := readImage(f, at.info.Size(), c.machine)
	if err != nil {
		return loadedBy(p, "interpreter", &CannotBoot{Path: at.String(), Reason: reason(err), err: err})
	}
	text, err := io.ReadAll(io.LimitReader(f, maxLoader))
	if err != nil {
		return loadedBy(p, "interpreter", &CannotBoot{Path: at.String(), Reason: reason(err), err: err})
	}
	c.take(img.interp, at)
	c.builtIn, c.conf = builtIn(text), c.view.searchConf()
	loaded := map[string]bool{img.interp: true, at.names[len(at.names)-1]: true, loader.soname: true}
	return c.closure(&object{path: p.String(), img: img}, loaded)
}

func loadedBy(p place, what string, err error) error {
	because, ok := errors.AsType[*CannotBoot](err)
	if !ok {
		return err
	}
	return &CannotBoot{Path: p.String(), Reason: "needs its " + what + ", and " + because.Error(), err: err}
}

// open opens a regular file of the view; program asks for permission to execute
// it, too, which root has as soon as anybody has it.
func (c *checker) open(name string, program bool) (place, *os.File, error) {
	p, err := c.view.walk(name)
	if err != nil {
		return p, nil, cannot(name, err)
	}
	if p.info == nil || !p.info.Mode().IsRegular() {
		return p, nil, &CannotBoot{Path: name, Reason: "is not a regular file"}
	}
	if program && p.info.Mode()&0o111 == 0 {
		return p, nil, &CannotBoot{Path: p.String(), Reason: "is not executable"}
	}
	f, err := c.openAt(p)
	if err != nil {
		return p, nil, cannot(name, err)
	}
	return p, f, nil
}

func (c *checker) openAt(p place) (*os.File, error) {
	return os.OpenFile(c.view.real(p.names), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}
