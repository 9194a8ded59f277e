package activate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"moss/internal/atomicfile"
)

// rootLink is a name at the root that programs are found by, and the places in
// /usr that it may stand for, the first that exists.
type rootLink struct {
	name    string
	targets []string
}

// rootLinks is a fresh table at each call. AerynOS keeps its 64-bit loader in
// /usr/lib, so lib64 has two.
func rootLinks() []rootLink {
	return []rootLink{
		{"bin", []string{"usr/bin"}},
		{"sbin", []string{"usr/sbin", "usr/bin"}},
		{"lib", []string{"usr/lib"}},
		{"lib64", []string{"usr/lib64", "usr/lib"}},
		{"lib32", []string{"usr/lib32"}},
	}
}

// standsFor lists where a root name that is missing would lead.
func standsFor(name string) []string {
	links := rootLinks()
	if i := slices.IndexFunc(links, func(l rootLink) bool { return l.name == name }); i >= 0 {
		return links[i].targets
	}
	return nil
}

// MissingLinks names the root links (bin, sbin, lib, lib64, lib32) that are not
// there although the live tree has a folder for them.
func (r *Root) MissingLinks() []string {
	var names []string
	for _, link := range rootLinks() {
		if _, ok := r.missing(link); ok {
			names = append(names, link.name)
		}
	}
	return names
}

// Links makes the missing links, durably. What is there already, link or
// folder, is never touched. Check counts on these links, and the kernel finds
// no ELF interpreter without them.
func (r *Root) Links() error {
	made := false
	for _, link := range rootLinks() {
		target, ok := r.missing(link)
		if !ok {
			continue
		}
		if err := os.Symlink(target, filepath.Join(r.dir, link.name)); err != nil {
			return err
		}
		made = true
	}
	if !made {
		return nil
	}
	return atomicfile.SyncDir(r.dir)
}

// missing tells where a link that is not there should lead.
func (r *Root) missing(link rootLink) (target string, ok bool) {
	if _, err := os.Lstat(filepath.Join(r.dir, link.name)); !errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	for _, target := range link.targets {
		if info, err := os.Lstat(filepath.Join(r.dir, target)); err == nil && info.IsDir() {
			return target, true
		}
	}
	return "", false
}
