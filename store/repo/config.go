package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Where repository files are, below the root.
const (
	vendorDir = "usr/share/moss/repo.d"
	adminDir  = "etc/moss/repo.d"
	fileEnd   = ".yaml"
	maxConfig = 1 << 20
)

// Configured lists the repositories of root, the highest priority first and by
// name within one. A file that cannot be understood is an error: a repository
// that is silently left out looks like packages that are gone.
func Configured(root string) ([]Repository, error) {
	c, err := readConfig(root)
	if err != nil {
		return nil, err
	}
	all, err := c.merge()
	slices.SortFunc(all, func(a, b Repository) int {
		if a.Priority != b.Priority {
			return b.Priority - a.Priority
		}
		return strings.Compare(a.Name, b.Name)
	})
	if err == nil {
		err = noCircle(all)
	}
	return all, err
}

// find is one configured repository.
func find(all []Repository, name string) (Repository, error) {
	i := slices.IndexFunc(all, func(r Repository) bool { return r.Name == name })
	if i < 0 {
		return Repository{}, &NotFoundError{name}
	}
	return all[i], nil
}

// config is what the files say, before one is laid over the other.
type config struct {
	root          string
	vendor, admin []*configFile
}

func readConfig(root string) (config, error) {
	c := config{root: root}
	var err error
	if c.vendor, err = readConfigDir(root, vendorDir); err != nil {
		return c, err
	}
	c.admin, err = readConfigDir(root, adminDir)
	return c, err
}

func readConfigDir(root, dir string) ([]*configFile, error) {
	names, err := os.ReadDir(filepath.Join(root, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read repository files: %w", err)
	}
	var all []*configFile
	for _, n := range names {
		if n.IsDir() || strings.HasPrefix(n.Name(), ".") || !isConfig(n.Name()) {
			continue
		}
		f, err := readConfigFile(root, filepath.Join(dir, n.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, unique(all)
}

// isConfig takes the long ending too: a file that is passed over in silence is
// a repository that nobody misses until it matters.
func isConfig(name string) bool { return stem(name) != filepath.Base(name) }

func stem(name string) string {
	name = filepath.Base(name)
	if cut, ok := strings.CutSuffix(name, fileEnd); ok {
		return cut
	}
	return strings.TrimSuffix(name, ".yml")
}

func readConfigFile(root, name string) (*configFile, error) {
	path := filepath.Join(root, name)
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxConfig {
		return nil, &ConfigError{File: "/" + name, What: fmt.Sprintf("%d bytes, at most %d are read", info.Size(), maxConfig)}
	}
	if err != nil {
		return nil, fmt.Errorf("read repository file: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read repository file: %w", err)
	}
	return parseConfig("/"+name, text)
}

// unique refuses two entries of one name in files of equal standing: which one
// counts would depend on how the files are called.
func unique(files []*configFile) error {
	seen := map[string]*configFile{}
	for _, f := range files {
		for _, e := range f.entries {
			if first := seen[e.name]; first != nil {
				return &ConfigError{File: f.name, Line: e.line, What: fmt.Sprintf("repository %s is in %s too", e.name, first.name)}
			}
			seen[e.name] = f
		}
	}
	return nil
}

// merge lays the administrator's entries over the vendor's.
func (c config) merge() ([]Repository, error) {
	names := map[string]bool{}
	var all []Repository
	for _, f := range c.admin {
		for _, e := range f.entries {
			r, err := e.over(c.vendorEntry(e.name), f.name)
			if err != nil {
				return nil, err
			}
			names[e.name] = true
			all = append(all, r)
		}
	}
	for _, f := range c.vendor {
		if slices.ContainsFunc(c.admin, func(a *configFile) bool { return stem(a.name) == stem(f.name) }) {
			continue
		}
		for _, e := range f.entries {
			if names[e.name] {
				continue
			}
			r, err := e.over(nil, f.name)
			if err != nil {
				return nil, err
			}
			r.Vendor = true
			all = append(all, r)
		}
	}
	return all, nil
}

// vendorEntry is what the vendor says of a name, in any of its files.
func (c config) vendorEntry(name string) *entry { return entryOf(c.vendor, name) }

func entryOf(files []*configFile, name string) *entry {
	for _, f := range files {
		for i := range f.entries {
			if f.entries[i].name == name {
				return &f.entries[i]
			}
		}
	}
	return nil
}
