// Package xattr reads the extended attributes of a file (xattr(7)), sorted by
// name, without following a symlink.
package xattr

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"moss/store/stone"
)

// OfPath reads those attributes of the file at path whose names keep accepts. A
// file system without attributes has none, which is no error.
func OfPath(path string, keep func(name string) bool) ([]stone.Xattr, error) {
	return read(path, keep,
		func(b []byte) (int, error) { return unix.Llistxattr(path, b) },
		func(name string, b []byte) (int, error) { return unix.Lgetxattr(path, name, b) })
}

// OfFile is OfPath for an open file.
func OfFile(f *os.File, keep func(name string) bool) ([]stone.Xattr, error) {
	fd := int(f.Fd())
	return read(f.Name(), keep,
		func(b []byte) (int, error) { return unix.Flistxattr(fd, b) },
		func(name string, b []byte) (int, error) { return unix.Fgetxattr(fd, name, b) })
}

func read(path string, keep func(string) bool, list func([]byte) (int, error), get func(string, []byte) (int, error)) ([]stone.Xattr, error) {
	names, err := sized(list)
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, &fs.PathError{Op: "listxattr", Path: path, Err: err}
	}
	var all []stone.Xattr
	for raw := range bytes.SplitSeq(names, []byte{0}) {
		name := string(raw)
		if name == "" || !keep(name) {
			continue
		}
		value, err := sized(func(b []byte) (int, error) { return get(name, b) })
		if errors.Is(err, unix.ENODATA) {
			continue // taken away since the names were read
		}
		if err != nil {
			return nil, &fs.PathError{Op: "getxattr " + name, Path: path, Err: err}
		}
		all = append(all, stone.Xattr{Name: name, Value: value})
	}
	slices.SortFunc(all, func(a, b stone.Xattr) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// sized asks for the size first, as the calls want it, and again when the value
// grew in between.
func sized(call func([]byte) (int, error)) ([]byte, error) {
	for {
		size, err := call(nil)
		if err != nil || size == 0 {
			return nil, err
		}
		b := make([]byte, size)
		n, err := call(b)
		if errors.Is(err, unix.ERANGE) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return b[:n], nil
	}
}
