package deb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// File is an open .deb. It is not safe for concurrent use.
type File struct {
	f             *os.File
	control, data member
}

// Open finds the parts of the package at path. Only the ar headers and the
// format version are read; damage inside the parts shows when they are.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	d := &File{f: f}
	if err := d.find(); err != nil {
		f.Close()
		return nil, err
	}
	return d, nil
}

// Close releases the file.
func (d *File) Close() error { return d.f.Close() }

// find checks the order that deb(5) prescribes: debian-binary, control, data.
// Members whose name starts with an underscore may stand in between, and
// anything may follow the data: dpkg ignores both.
func (d *File) find() error {
	info, err := d.f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a Debian package: not a regular file")
	}
	members, err := readMembers(d.f, info.Size())
	if err != nil {
		return err
	}
	if err := d.version(members); err != nil {
		return err
	}
	for _, m := range members[1:] {
		switch {
		case d.control.name == "" && isTar(m.name, "control.tar"):
			d.control = m
		case d.control.name != "" && isTar(m.name, "data.tar"):
			d.data = m
			return nil
		case !strings.HasPrefix(m.name, "_"):
			return fmt.Errorf("unexpected member %q", m.name)
		}
	}
	return errors.New("no control.tar and data.tar in it")
}

func isTar(name, want string) bool {
	return name == want || strings.HasPrefix(name, want+".")
}

func (d *File) version(members []member) error {
	if len(members) == 0 || members[0].name != "debian-binary" {
		return errors.New("not a Debian package: no debian-binary member")
	}
	text, err := io.ReadAll(io.LimitReader(members[0].section(d.f), 64))
	if err != nil {
		return err
	}
	// deb(5): a reader must go on when only the minor number is unknown.
	line, _, _ := strings.Cut(string(text), "\n")
	if !strings.HasPrefix(line, "2.") {
		return fmt.Errorf("package format %q is not known, want 2.x", line)
	}
	return nil
}
