package efivar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Path is where efivarfs is mounted.
const Path = "/sys/firmware/efi/efivars"

// Dir is an efivarfs, by its folder: one file a variable, four bytes of
// attributes in little endian, then the value (Documentation/filesystems/
// efivarfs.rst).
type Dir string

var _ Vars = Dir("")

// Open returns the variables in dir, usually Path. Without any it fails with
// ErrNone: the folder is there on every UEFI machine, mounted or not.
func Open(dir string) (Dir, error) {
	keys, err := Dir(dir).List()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if len(keys) == 0 {
		return "", fmt.Errorf("open %s: %w", dir, ErrNone)
	}
	return Dir(dir), nil
}

func (d Dir) path(key Key) (string, error) {
	return filepath.Join(string(d), key.String()), key.check()
}

// Read implements Vars. It reads to the end instead of trusting the size that
// stat gives, which has been wrong for variables that the firmware changed.
func (d Dir) Read(key Key) ([]byte, Attributes, error) {
	path, err := d.path(key)
	if err != nil {
		return nil, 0, err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, fmt.Errorf("read EFI variable %s: %w", key.Name, err)
	}
	switch {
	case len(raw) == 0:
		// What is left of a write that the firmware refused.
		return nil, 0, fmt.Errorf("read EFI variable %s: %w", key.Name, fs.ErrNotExist)
	case len(raw) < 4:
		return nil, 0, fmt.Errorf("read EFI variable %s: %w", key.Name, io.ErrUnexpectedEOF)
	}
	return raw[4:], Attributes(binary.LittleEndian.Uint32(raw)), nil
}

// Write implements Vars. After an error the old value may be gone: the firmware
// decides, not the kernel.
func (d Dir) Write(key Key, data []byte, attrs Attributes) error {
	if err := checkWrite(key, data); err != nil {
		return err
	}
	path, err := d.path(key)
	if err != nil {
		return err
	}
	old, oldAttrs, err := d.Read(key)
	if err == nil && oldAttrs == attrs && bytes.Equal(old, data) {
		return nil
	}
	fresh := errors.Is(err, fs.ErrNotExist)
	err = unlocked(path, func() error {
		return writeOnce(path, append(binary.LittleEndian.AppendUint32(nil, uint32(attrs)), data...))
	})
	if err != nil {
		if fresh {
			// The kernel makes the file before it asks the firmware.
			_ = os.Remove(path)
		}
		return &ChangeError{"write", key.Name, err}
	}
	return nil
}

// writeOnce hands over everything in a single write(2): efivarfs turns each one
// into a SetVariable call of its own. No O_TRUNC, for the same reason.
func writeOnce(path string, raw []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	n, err := unix.Write(int(file.Fd()), raw)
	if err == nil && n < len(raw) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return err
	}
	return cut(path, raw)
}

// cut takes away what an ordinary folder keeps of a longer value. What is there
// is read, not asked of stat: efivarfs has given wrong sizes, and a needless
// truncation of a variable fails after it was written well.
func cut(path string, raw []byte) error {
	got, err := os.ReadFile(path)
	if err != nil || len(got) <= len(raw) {
		return err
	}
	return os.Truncate(path, int64(len(raw)))
}

// Delete implements Vars.
func (d Dir) Delete(key Key) error {
	path, err := d.path(key)
	if err != nil {
		return err
	}
	err = unlocked(path, func() error { return os.Remove(path) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &ChangeError{"delete", key.Name, err}
	}
	return nil
}

// List implements Vars. Files that are no variables are passed over.
func (d Dir) List() ([]Key, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, entry := range entries {
		if key, ok := ParseKey(entry.Name()); ok && entry.Type().IsRegular() {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, byText)
	return keys, nil
}
