package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/stone"
	"moss/store/xattr"
)

// Dir makes a stone of a folder that holds usr and nothing else. Paths are not
// moved. The folder must not change meanwhile: a file that does is an error.
// Name, Version and Arch of the metadata must be plain words; an empty Arch
// becomes DefaultArch, Release and BuildRelease at least 1.
func Dir(ctx context.Context, dir, out string, meta stone.Meta, opt Options) (Result, error) {
	if err := checkMeta(&meta); err != nil {
		return Result{}, fmt.Errorf("pack %s: %w", dir, err)
	}
	if opt.Licenses != nil {
		meta.Licenses = opt.Licenses
	}
	r := dirReader{draft: draft{meta: meta, plan: newPlan()}, root: filepath.Join(dir, "usr"), ownerRoot: opt.OwnerRoot,
		seen: map[stone.Hash]bool{}}
	if err := onlyUsr(dir, r.label()); err != nil {
		return Result{}, fmt.Errorf("pack %s: %w", dir, err)
	}
	if err := r.walk(ctx); err != nil {
		return Result{}, fmt.Errorf("pack %s: %w", dir, err)
	}
	result, err := r.write(ctx, out, opt)
	if err != nil {
		return Result{}, fmt.Errorf("pack %s: %w", dir, err)
	}
	return result, nil
}

func checkMeta(m *stone.Meta) error {
	if m.Arch == "" {
		m.Arch = DefaultArch
	}
	m.Release, m.BuildRelease = max(m.Release, 1), max(m.BuildRelease, 1)
	for what, word := range map[string]string{"name": m.Name, "version": m.Version, "architecture": m.Arch} {
		if word == "" || strings.HasPrefix(word, ".") || strings.HasPrefix(word, "-") || strings.ContainsFunc(word, notPlain) {
			return fmt.Errorf("%s %q is not a plain word (letters, digits and + . _ ~ -)", what, word)
		}
	}
	return nil
}

// notPlain finds what would not survive in a file name or on a command line.
func notPlain(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("+._~-", r))
}

// onlyUsr refuses whatever stands beside usr by name: it would be lost in
// silence, and its author believed that it would be installed.
func onlyUsr(dir, label string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		if e.Name() != "usr" || !e.IsDir() {
			return refused(label, e.Name(), "only a folder usr may be in the folder that is packed")
		}
		found = true
	}
	if !found {
		return errors.New("there is no folder usr in it")
	}
	return nil
}

type dirReader struct {
	draft
	root      string
	ownerRoot bool
	seen      map[stone.Hash]bool
}

func (r *dirReader) walk(ctx context.Context) error {
	return filepath.WalkDir(r.root, func(file string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || file == r.root {
			return err
		}
		return r.entry(file, strings.TrimPrefix(file, r.root+"/"))
	})
}

func (r *dirReader) entry(file, path string) error {
	if err := checkPath(r.label(), path, path); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(file, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: file, Err: err}
	}
	l := stone.Layout{Path: path, Mode: st.Mode, UID: st.Uid, GID: st.Gid}
	if r.ownerRoot {
		l.UID, l.GID = 0, 0
	}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		l.Target, err = os.Readlink(file)
	case unix.S_IFDIR:
		l.Xattrs, err = xattr.OfPath(file, keepXattr)
	case unix.S_IFREG:
		err = r.regular(file, &l)
	default:
		err = refused(r.label(), path, "not a file, folder or symlink")
	}
	if err != nil {
		return err
	}
	return r.plan.add(r.label(), path, l)
}

func (r *dirReader) regular(file string, l *stone.Layout) error {
	hash, size, err := hashFile(file)
	if err != nil {
		return err
	}
	r.input += size
	l.Hash = hash
	if !r.seen[hash] {
		r.seen[hash] = true
		r.contents = append(r.contents, fileSource(file, hash, size))
	}
	l.Xattrs, err = xattr.OfPath(file, keepXattr)
	return err
}
