package repo

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"moss/store/stone"
)

// Bounds of a package file in bytes: its header alone has 32.
const (
	minPackage = 32
	maxPackage = 64 << 30
)

// Package is one package that a repository has.
type Package struct {
	Meta     stone.Meta
	ID       string // SHA-256 of the package file, 64 lower-case hexadecimal digits
	Size     int64  // of the package file, in bytes
	URL      string // where it is: http, https or file
	Repo     string
	Priority int // the repository's
}

// IndexError is an index that was understood and cannot be used.
type IndexError struct{ What string }

func (e *IndexError) Error() string { return "index: " + e.What }

// Hint says who can help.
func (e *IndexError) Hint() string { return "tell the publisher; what was fetched before stays in use" }

// parseIndex reads a whole index and checks every package in it: what passes can
// be shown, resolved and fetched without a further look at names and addresses.
func parseIndex(data []byte, base *url.URL) ([]Package, error) {
	r, err := stone.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("read index: %w", err)
	}
	if t := r.Package().Type; t != stone.Repository {
		return nil, &IndexError{fmt.Sprintf("it is a %v file, not a repository's index", t)}
	}
	all := make([]Package, 0, len(r.Package().Metas))
	seen := newCensus()
	for _, m := range r.Package().Metas {
		p, err := newPackage(m, base)
		if err != nil {
			return nil, &IndexError{fmt.Sprintf("package %.80q: %v", m.Name+" "+m.Version, err)}
		}
		again, err := seen.add(p)
		if err != nil {
			return nil, err
		}
		if !again {
			all = append(all, p)
		}
	}
	return all, nil
}

func newPackage(m stone.Meta, base *url.URL) (Package, error) {
	if strings.HasPrefix(m.Name, ".") {
		return Package{}, fmt.Errorf("name %.80q: with a dot first", m.Name)
	}
	for _, part := range []struct{ what, text string }{{"name", m.Name}, {"version", m.Version}, {"architecture", m.Arch}} {
		if err := checkWord(part.text); err != nil {
			return Package{}, fmt.Errorf("%s %.80q: %w", part.what, part.text, err)
		}
	}
	switch {
	case len(m.FileName()) > 255:
		return Package{}, fmt.Errorf("name and version of %d bytes", len(m.Name)+len(m.Version))
	case !isSHA256(m.Hash):
		return Package{}, fmt.Errorf("hash %.80q: want 64 lower-case hexadecimal digits", m.Hash)
	case m.Size < minPackage || m.Size > maxPackage:
		return Package{}, fmt.Errorf("size of %d bytes: want %d to %d", m.Size, minPackage, int64(maxPackage))
	}
	address, err := packageURL(base, m.URI)
	if err != nil {
		return Package{}, err
	}
	return Package{Meta: m, ID: m.Hash, Size: int64(m.Size), URL: address}, nil
}

// checkWord holds a part of a file name to what cannot leave its folder or a
// terminal's line.
func checkWord(text string) error {
	switch {
	case text == "":
		return errors.New("empty")
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r == '/' || unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return errors.New("with a slash, a space or what cannot be printed")
	}
	return nil
}

// isSHA256 is strict on purpose: the hash becomes a file's name.
func isSHA256(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// census finds packages that are there twice.
type census struct {
	files map[string]string  // what a hash is called
	built map[release]string // hash of a release
}

type release struct {
	name, arch     string
	release, build uint64
}

func newCensus() *census { return &census{map[string]string{}, map[release]string{}} }

// add says whether the same package was there before, which is harmless; two
// different ones under one name and number are not, for which of them a user
// gets would be left to chance.
func (c *census) add(p Package) (again bool, err error) {
	key, name := release{p.Meta.Name, p.Meta.Arch, p.Meta.Release, p.Meta.BuildRelease}, p.Meta.FileName()
	if hash, ok := c.built[key]; ok && hash != p.ID {
		return false, &IndexError{fmt.Sprintf("%s release %d build %d is in it twice, with hashes %s and %s", key.name, key.release, key.build, hash, p.ID)}
	}
	if other, ok := c.files[p.ID]; ok {
		if other != name {
			return false, &IndexError{fmt.Sprintf("%s and %s have one hash, %s", other, name, p.ID)}
		}
		return true, nil
	}
	c.built[key], c.files[p.ID] = p.ID, name
	return false, nil
}
