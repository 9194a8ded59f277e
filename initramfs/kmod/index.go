package kmod

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Index is what a module folder says about its modules. Only Wish, Omit and Later change it;
// reading may be shared.
type Index struct {
	files   map[string]file
	builtin map[string]string
	softs   map[string]soft
	aliases []alias
	later   []alias  // of modules that nothing loads until it is asked for
	omitted []string // canonical names that no closure may hold
}

// Open reads the text index of a folder such as /usr/lib/modules/6.1.0.
// modules.dep must be there (the error is fs.ErrNotExist otherwise); a kernel
// whose modules have no aliases or soft dependencies may lack the other files.
func Open(dir string) (*Index, error) {
	dep, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, fmt.Errorf("read module index: %w", err)
	}
	x := &Index{}
	if x.files, err = parseDep(string(dep)); err != nil {
		return nil, fmt.Errorf("read module index %s: %w", dir, err)
	}
	for name, parse := range map[string]func(string){
		"modules.softdep": func(text string) { x.softs = parseSoftdep(text) },
		"modules.alias":   func(text string) { x.aliases = parseAlias(text) },
		laterFile:         func(text string) { x.later = parseAlias(text) },
		"modules.builtin": func(text string) { x.builtin = parseBuiltin(text) },
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read module index: %w", err)
		}
		parse(string(text))
	}
	return x, nil
}

// Len is the number of loadable modules.
func (x *Index) Len() int { return len(x.files) }

// Path gives the file of a loadable module below the module folder.
func (x *Index) Path(name string) (string, bool) {
	f, ok := x.files[Name(name)]
	return f.path, ok
}

// Builtin says whether the kernel holds the module in itself.
func (x *Index) Builtin(name string) bool {
	_, ok := x.builtin[Name(name)]
	return ok
}

// Match gives the loadable modules with an alias that covers a modalias (the
// text of a device's modalias file, or a name such as "fs-ext4"), each once, in
// the index's order. Several drivers may serve one device; that is for the
// kernel to sort out.
func (x *Index) Match(modalias string) []string { return serving(x.aliases, modalias) }

func serving(aliases []alias, modalias string) []string {
	var names []string
	for _, a := range aliases {
		if match(a.pattern, modalias) && !slices.Contains(names, a.module) {
			names = append(names, a.module)
		}
	}
	return names
}

// resolve finds the loadable modules that a name stands for, in modprobe's
// order: a module of that name, else every alias that matches, else one in the
// kernel (then none is to be loaded). Aliases go before built-in names because
// the two are different things there: f2fs' "crc32" is a hash that crc32_generic
// serves, not the library of that name, and without it f2fs does not mount.
// known is false if there is nothing at all.
func (x *Index) resolve(name string) (modules []string, known bool) {
	canonical := Name(name)
	if _, ok := x.files[canonical]; ok {
		return []string{canonical}, true
	}
	modules = x.Match(name)
	return modules, len(modules) > 0 || x.Builtin(name)
}
