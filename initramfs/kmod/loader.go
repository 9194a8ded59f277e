package kmod

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Loader loads modules of one folder with their dependencies. It is for one
// goroutine; a module is handed to the kernel once, whatever the result, unless
// it failed as a soft dependency and is then needed.
type Loader struct {
	// Insert hands one file to the kernel: finit_module(2), or a test's record.
	Insert func(path, params string) error
	// Ignored hears of failures that do not matter: soft dependencies, and
	// drivers that found no device. nil is silence.
	Ignored func(error)

	dir       string
	index     *Index
	params    map[string]string
	blacklist map[string]bool
	loaded    map[string]bool
	failed    map[string]bool
}

// NewLoader reads the index in dir. params are module parameters by module
// name, as on the kernel command line ("nvme.io_timeout=60" is nvme:
// "io_timeout=60", several separated by spaces); blacklist is that of
// modprobe.blacklist; loaded comes from Loaded. All may be nil.
func NewLoader(dir string, loaded []string, params map[string]string, blacklist []string) (*Loader, error) {
	index, err := Open(dir)
	if err != nil {
		return nil, err
	}
	l := &Loader{
		Insert: insert, dir: dir, index: index,
		params: map[string]string{}, blacklist: map[string]bool{},
		loaded: map[string]bool{}, failed: map[string]bool{},
	}
	for _, name := range loaded {
		l.loaded[Name(name)] = true
	}
	for _, name := range blacklist {
		l.blacklist[Name(name)] = true
	}
	for name, text := range params {
		l.params[Name(name)] = strings.TrimSpace(l.params[Name(name)] + " " + text)
	}
	return l, nil
}

// Loaded reads the names of the loaded modules from a file such as
// /proc/modules (proc_modules(5)). A kernel without module support has no such
// file: that is fs.ErrNotExist.
func Loaded(procModules string) ([]string, error) {
	text, err := os.ReadFile(procModules)
	if err != nil {
		return nil, fmt.Errorf("read loaded modules: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 0 {
			names = append(names, Name(words[0]))
		}
	}
	return names, nil
}

// Index is the folder's index.
func (l *Loader) Index() *Index { return l.index }

// Load loads a module, by name or alias, after everything it needs. Nothing is
// done for one that is loaded or in the kernel. An unknown name is ErrUnknown,
// a blacklisted one ErrBlacklisted; hard dependencies are loaded even when
// blacklisted, as modprobe does. Other errors name module and file and wrap the
// errno.
func (l *Loader) Load(name string) error {
	if l.blacklist[Name(name)] {
		return fmt.Errorf("load module %s: %w", name, ErrBlacklisted)
	}
	if l.loaded[Name(name)] {
		return nil
	}
	modules, err := l.index.Closure(name)
	if err != nil {
		return fmt.Errorf("load module: %w", err)
	}
	for _, m := range modules {
		if err := l.step(m); err != nil {
			return fmt.Errorf("load module %s for %s: %w", m.Name, name, err)
		}
	}
	return nil
}

// LoadAlias loads every module that serves a modalias; none is fine. One that
// is blacklisted or finds no device is passed over, and one that fails does not
// stop the others: the errors of all come back joined.
func (l *Loader) LoadAlias(modalias string) error { return l.loadAll(l.index.Match(modalias)) }

// LoadLater is LoadAlias for the modules that wait (Index.Later).
func (l *Loader) LoadLater(modalias string) error {
	return l.loadAll(serving(l.index.later, modalias))
}

// HasLater tells whether any module waits.
func (l *Loader) HasLater() bool { return len(l.index.later) > 0 }

func (l *Loader) loadAll(names []string) error {
	var errs []error
	for _, name := range names {
		err := l.Load(name)
		switch {
		case errors.Is(err, unix.ENODEV), errors.Is(err, ErrBlacklisted):
			l.ignore(err)
		case err != nil:
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (l *Loader) step(m Module) error {
	skip := l.blacklist[m.Name] || l.failed[m.Name]
	if l.loaded[m.Name] || skip && !m.Required {
		return nil
	}
	err := l.Insert(filepath.Join(l.dir, m.Path), l.params[m.Name])
	if err == nil || errors.Is(err, unix.EEXIST) {
		l.loaded[m.Name] = true
		return nil
	}
	l.failed[m.Name] = true
	if m.Required {
		return err
	}
	l.ignore(fmt.Errorf("load module %s: %w", m.Name, err))
	return nil
}

func (l *Loader) ignore(err error) {
	if l.Ignored != nil {
		l.Ignored(err)
	}
}
