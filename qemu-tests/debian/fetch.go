package debian

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
)

// Fetch returns the package files of a set, all that they need included, sorted
// by name. They are kept in dir, and so is a list of them with their hashes:
// while that list fits the set and the files, nothing is downloaded, nothing
// changes, and no network is needed. Removing dir fetches anew.
//
// The packages come from where this machine's apt gets Debian, are verified with
// Debian's keys, and this machine's own package state is not touched.
func Fetch(ctx context.Context, dir string, set Set) ([]Deb, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if debs, err := cached(dir, set); err == nil {
		return debs, nil
	}
	if err := download(ctx, dir, set); err != nil {
		return nil, fmt.Errorf("fetch Debian packages %s: %w", set.Name, err)
	}
	return cached(dir, set)
}

// lock keeps other processes out: go test runs packages side by side.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

func archives(dir string) string { return filepath.Join(dir, "cache", "archives") }

func download(ctx context.Context, dir string, set Set) error {
	a := apt{dir}
	if err := a.prepare(ctx, set); err != nil {
		return err
	}
	files, err := a.download(ctx, set.Packages)
	if err != nil {
		return err
	}
	slices.Sort(files)
	var list bytes.Buffer
	fmt.Fprintln(&list, set.header())
	for _, name := range files {
		sum, err := hash(filepath.Join(archives(dir), name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", sum, name)
	}
	return atomicfile.Write(set.listPath(dir), list.Bytes(), 0o644)
}

// header is the list's first line. What is assumed belongs to it: a change there
// changes what is needed.
func (s Set) header() string {
	return "# " + strings.Join(s.Packages, " ") + " given " + fmt.Sprintf("%x", sha256.Sum256([]byte(status(s.assumed()))))[:16]
}

func (s Set) listPath(dir string) string { return filepath.Join(dir, s.Name+".sha256") }

// cached returns the files of the list, if it is the set's and they are whole.
func cached(dir string, set Set) ([]Deb, error) {
	list, err := os.ReadFile(set.listPath(dir))
	if err != nil {
		return nil, err
	}
	header, rest, _ := strings.Cut(string(list), "\n")
	if header != set.header() {
		return nil, fmt.Errorf("list of %s is of other packages", set.Name)
	}
	var debs []Deb
	for line := range strings.Lines(rest) {
		deb, err := verified(dir, strings.TrimSpace(line))
		if err != nil {
			return nil, err
		}
		debs = append(debs, deb)
	}
	return debs, nil
}

func verified(dir, line string) (Deb, error) {
	want, name, _ := strings.Cut(line, "  ")
	deb, err := parseDeb(filepath.Join(archives(dir), name))
	if err != nil {
		return Deb{}, err
	}
	got, err := hash(deb.Path)
	if err == nil && fmt.Sprintf("%x", got) != want {
		err = fmt.Errorf("package file %s: content has changed", name)
	}
	return deb, err
}

func hash(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}
