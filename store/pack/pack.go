// Package pack makes stones: from Debian packages, whose paths it moves below
// /usr, and from folders that hold a usr already. And it takes them apart again,
// into an ordinary folder, for people who want to look into them.
//
// The same input gives the same bytes: layouts are sorted, nothing carries a
// time, and no maintainer script runs. Contents pass through a private scratch
// folder, one file each, named by hash; memory holds paths, never contents.
package pack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"moss/store/stone"
	"moss/store/tree"
)

// Options are what the person who packs decides. The zero value is good.
type Options struct {
	Level       int      // zstd level of the content; 0 is the writer's own choice
	Arch        string   // of packages for every architecture; "" is DefaultArch
	Licenses    []string // SPDX expressions; Debian states none that a program can read
	WithoutDeps []string // dependencies to leave out, by name
	OwnerRoot   bool     // folders only: everything belongs to 0:0 instead of as on disk
	Scratch     string   // folder for contents on their way; "" is $TMPDIR, else /var/tmp
}

// DefaultArch is what architecture-independent packages are given. The format
// has no such value, and its other writers put the build machine's there; a
// constant keeps the bytes independent of the machine.
const DefaultArch = "x86_64"

// Result says what was made.
type Result struct {
	Stone         string // path of the file
	Name, Version string
	Files         int   // paths in the package, folders of their own included
	InputBytes    int64 // of the .deb; of a folder's files
	ContentBytes  int64 // of all different contents
	StoneBytes    int64
	Notes         []string // what the packer should look at
}

// draft is a package on its way: what the stone will say and hold.
type draft struct {
	meta     stone.Meta
	plan     *plan
	contents []stone.Source
	input    int64
	notes    []string
}

// write makes the stone in the folder out, which must exist. A file of the same
// name is replaced.
func (d draft) write(ctx context.Context, out string, opt Options) (Result, error) {
	name := d.meta.FileName()
	if strings.ContainsAny(name, "/\x00\n") || strings.HasPrefix(name, ".") {
		return Result{}, fmt.Errorf("name stone %q: not a plain file name", name)
	}
	layouts, err := d.plan.layouts(d.label())
	if err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	r := Result{
		Stone: filepath.Join(out, name), Name: d.meta.Name, Version: d.meta.Version,
		Files: len(layouts), InputBytes: d.input, Notes: d.notes,
	}
	for _, s := range d.contents {
		r.ContentBytes += s.Size
	}
	if err := stone.Write(r.Stone, d.meta, layouts, d.contents, stone.WriteOptions{Level: opt.Level}); err != nil {
		return Result{}, fmt.Errorf("write stone: %w", err)
	}
	info, err := os.Stat(r.Stone)
	if err != nil {
		return Result{}, err
	}
	r.StoneBytes = info.Size()
	return r, nil
}

func (d draft) label() string { return d.meta.Name + " " + d.meta.Version }

// withScratch lends a private folder that is gone afterwards, whatever happens.
// The default is not /tmp: that is often a tmpfs, and a kernel unpacks to more
// than a small machine's memory (file-hierarchy(7) names /var/tmp for it).
func withScratch(dir string, work func(dir string) error) error {
	if dir == "" {
		dir = os.Getenv("TMPDIR")
	}
	if dir == "" {
		dir = "/var/tmp"
	}
	private, err := os.MkdirTemp(dir, "moss-pack-")
	if err != nil {
		return fmt.Errorf("make scratch folder: %w", err)
	}
	return errors.Join(work(private), os.RemoveAll(private))
}

// refused names a path of the package that is being read.
func refused(label, path, format string, args ...any) error {
	return &tree.PathError{Package: label, Path: path, Why: fmt.Sprintf(format, args...)}
}

// checkPath applies the rules that every package path has to keep; raw is the
// path as the input spells it.
func checkPath(label, raw, path string) error {
	if fault, bad := errors.AsType[*tree.PathError](tree.CheckPath(path)); bad {
		return refused(label, raw, "%s", fault.Why)
	}
	return nil
}
