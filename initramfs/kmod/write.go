package kmod

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// laterFile is like modules.alias; depmod knows no such file.
const laterFile = "modules.later"

// Later has modules wait: their aliases serve Loader.LoadLater and nothing else.
func (x *Index) Later(names ...string) {
	waits := func(a alias) bool { return slices.Contains(names, a.module) }
	for _, a := range x.aliases {
		if waits(a) {
			x.later = append(x.later, a)
		}
	}
	x.aliases = slices.DeleteFunc(slices.Clone(x.aliases), waits)
}

// Only gives an index of the named modules alone, for a folder that holds their
// files without compression. Lines about other modules go, so that PID 1 reads
// few; the list of built-in modules stays whole, because a driver that is in
// the kernel must not look like one that is missing.
func (x *Index) Only(names []string) *Index {
	sub := &Index{files: map[string]file{}, softs: map[string]soft{}, builtin: x.builtin}
	for _, name := range names {
		name = Name(name)
		f, ok := x.files[name]
		if !ok {
			continue
		}
		sub.files[name] = file{path: Plain(f.path), deps: f.deps}
		if s, ok := x.softs[name]; ok {
			sub.softs[name] = s
		}
	}
	left := func(a alias) bool { _, ok := sub.files[a.module]; return !ok }
	sub.aliases = slices.DeleteFunc(slices.Clone(x.aliases), left)
	sub.later = slices.DeleteFunc(slices.Clone(x.later), left)
	return sub
}

// Texts gives the index as files, name to content, in depmod's formats. Equal
// indexes give equal bytes.
func (x *Index) Texts() map[string]string {
	texts := map[string]string{
		"modules.dep":     x.depText(),
		"modules.softdep": x.softdepText(),
		"modules.alias":   aliasText(x.aliases),
		"modules.builtin": x.builtinText(),
	}
	if len(x.later) > 0 {
		texts[laterFile] = aliasText(x.later)
	}
	return texts
}

// Write puts the text index into dir, which must exist. It is not atomic: dir
// is a folder that is being made.
func (x *Index) Write(dir string) error {
	for name, text := range x.Texts() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write module index: %w", err)
		}
	}
	return nil
}

func (x *Index) depText() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(x.files)) {
		f := x.files[name]
		b.WriteString(f.path + ":")
		for _, dep := range f.deps {
			// A dependency outside the index keeps a line that names it, so that
			// loading says what is missing.
			path := dep + ".ko"
			if d, ok := x.files[dep]; ok {
				path = d.path
			}
			b.WriteString(" " + path)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (x *Index) softdepText() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(x.softs)) {
		s := x.softs[name]
		if len(s.pre)+len(s.post) == 0 {
			continue
		}
		b.WriteString("softdep " + name)
		for _, part := range []struct {
			head  string
			names []string
		}{{" pre:", s.pre}, {" post:", s.post}} {
			if len(part.names) > 0 {
				b.WriteString(part.head + " " + strings.Join(part.names, " "))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func aliasText(aliases []alias) string {
	var b strings.Builder
	for _, a := range aliases {
		b.WriteString("alias " + a.pattern + " " + a.module + "\n")
	}
	return b.String()
}

func (x *Index) builtinText() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(x.builtin)) {
		b.WriteString(x.builtin[name] + "\n")
	}
	return b.String()
}
