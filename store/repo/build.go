package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/internal/parallel"
	"moss/store/stone"
)

// DuplicateError is two files that are the same release of one package.
type DuplicateError struct{ Name, First, Second string }

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s has one release and build in both %s and %s", e.Name, e.First, e.Second)
}

// Hint says what to do.
func (e *DuplicateError) Hint() string {
	return "remove one of them, or build one with a higher release"
}

// BuildIndex describes the packages below dir for an index that will lie in
// base: of every name the newest release and build, sorted by name. Every file is
// read whole and proved; one that is damaged is an error, for an index would lend
// it its signature. Addresses are relative to base, so that the two can be served
// from anywhere. The same files always give the same list.
func BuildIndex(ctx context.Context, dir, base string) ([]stone.Meta, error) {
	files, err := stones(dir)
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", dir, err)
	}
	if base, err = filepath.Abs(base); err != nil {
		return nil, fmt.Errorf("index %s: %w", dir, err)
	}
	metas := make([]stone.Meta, len(files))
	err = parallel.Each(ctx, len(files), func(i int) (err error) {
		metas[i], err = describe(files[i], base)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", dir, err)
	}
	return newest(files, metas)
}

// stones finds package files, links to them too, in the order of their paths.
func stones(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(d.Name(), ".stone") {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a file", path)
		}
		files = append(files, path)
		return nil
	})
	return files, err
}

func describe(path, base string) (stone.Meta, error) {
	r, err := stone.Open(path)
	if err != nil {
		return stone.Meta{}, err
	}
	m, err := prove(r, path)
	if err = errors.Join(err, r.Close()); err != nil {
		return stone.Meta{}, err
	}
	if m.Hash, m.Size, err = digest(path); err != nil {
		return stone.Meta{}, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return stone.Meta{}, err
	}
	rel, err := filepath.Rel(base, path)
	if err != nil {
		return stone.Meta{}, err
	}
	m.URI = (&url.URL{Path: filepath.ToSlash(rel)}).String()
	// What a client would refuse is refused here, where it can still be mended.
	if _, err := newPackage(m, &url.URL{Scheme: "https", Host: "example.org", Path: "/" + indexName}); err != nil {
		return stone.Meta{}, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func prove(r *stone.Reader, path string) (stone.Meta, error) {
	p := r.Package()
	if p.Type != stone.Binary {
		return stone.Meta{}, fmt.Errorf("%s is a %v file, not a package", path, p.Type)
	}
	if err := r.Check(); err != nil {
		return stone.Meta{}, fmt.Errorf("check %s: %w", path, err)
	}
	return p.Meta(), nil
}

func digest(path string) (string, uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), uint64(n), err
}

// newest keeps one package of each name.
func newest(files []string, metas []stone.Meta) ([]stone.Meta, error) {
	best, built := map[string]int{}, map[release]int{}
	for i, m := range metas {
		one := release{name: m.Name, release: m.Release, build: m.BuildRelease}
		if first, again := built[one]; again {
			return nil, &DuplicateError{m.Name, files[first], files[i]}
		}
		built[one] = i
		if j, seen := best[m.Name]; !seen || compareRelease(m, metas[j]) > 0 {
			best[m.Name] = i
		}
	}
	all := make([]stone.Meta, 0, len(best))
	for _, i := range best {
		all = append(all, metas[i])
	}
	slices.SortFunc(all, func(a, b stone.Meta) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
