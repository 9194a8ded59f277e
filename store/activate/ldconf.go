package activate

import (
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/heapsort"
)

// Bounds of reading ld.so.conf; a real system has a handful of files.
const (
	maxConfFiles   = 256
	maxConfBytes   = 64 << 10
	maxConfFolders = 256
)

// searchConf reads the library folders of /etc/ld.so.conf and what it includes
// (ldconfig(8)). What cannot be read has no folders: ldconfig skips it, too.
func (v *view) searchConf() []string {
	r := confReader{view: v, files: map[string]bool{}}
	r.read("/etc/ld.so.conf")
	return r.dirs
}

type confReader struct {
	view  *view
	files map[string]bool // read already: an include may lead in a circle
	dirs  []string
}

func (r *confReader) read(name string) {
	if r.files[name] || len(r.files) >= maxConfFiles {
		return
	}
	r.files[name] = true
	for _, line := range strings.Split(r.view.contents(name), "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "hwcap":
		case words[0] == "include":
			r.include(words[1:], path.Dir(name))
		default:
			r.add(words)
		}
	}
}

// add takes the folders of a line: several may stand on one, apart by blanks,
// commas or colons, and an old form ends in =TYPE.
func (r *confReader) add(words []string) {
	for _, word := range words {
		for _, dir := range strings.FieldsFunc(word, func(c rune) bool { return c == ':' || c == ',' }) {
			dir, _, _ = strings.Cut(dir, "=")
			if strings.HasPrefix(dir, "/") && len(r.dirs) < maxConfFolders && !slices.Contains(r.dirs, dir) {
				r.dirs = append(r.dirs, dir)
			}
		}
	}
}

func (r *confReader) include(patterns []string, dir string) {
	for _, pattern := range patterns {
		if !strings.HasPrefix(pattern, "/") {
			pattern = path.Join(dir, pattern)
		}
		folder, glob := path.Split(pattern)
		for _, name := range r.view.list(folder) {
			if ok, err := path.Match(glob, name); err == nil && ok {
				r.read(path.Join(folder, name))
			}
		}
	}
}

// contents reads a small text file of the view, "" when there is none.
func (v *view) contents(name string) string {
	p, err := v.walk(name)
	if err != nil || p.info == nil || !p.info.Mode().IsRegular() {
		return ""
	}
	f, err := os.OpenFile(v.real(p.names), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfBytes))
	if err != nil {
		return ""
	}
	return string(text)
}

// list names what is in a folder of the view, sorted as glob(3) does.
func (v *view) list(dir string) []string {
	p, err := v.walk(dir)
	if err != nil {
		return nil
	}
	f, err := os.Open(v.real(p.names))
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(16 * maxConfFiles)
	heapsort.Strings(names)
	return names
}
