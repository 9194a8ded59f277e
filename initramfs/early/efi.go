package early

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"moss/initramfs/kmod"
)

// Vendors of EFI variables: the Boot Loader Interface and the firmware's own.
const (
	loaderVendor = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
	globalVendor = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
)

// efiVars is the folder of the EFI variables, mounted if it has to be.
func (b *Boot) efiVars() (string, error) {
	dir := b.path("sys/firmware/efi/efivars")
	if _, err := os.Stat(dir); err != nil {
		return "", errors.New("this machine was not started by UEFI")
	}
	if len(entries(dir)) > 0 {
		return dir, nil
	}
	if err := b.loadOwn("efivarfs"); err != nil {
		return "", err
	}
	const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := b.machinery().mount("efivarfs", dir, "efivarfs", safe); err != nil {
		return "", fmt.Errorf("mount the EFI variables: %w", err)
	}
	return dir, nil
}

// loadOwn loads modules that an image may have; without one the kernel may have
// the driver built in, and what needs it will say when not.
func (b *Boot) loadOwn(names ...string) error {
	for _, name := range names {
		if b.loader == nil {
			return nil
		}
		if err := b.loader.Load(name); err != nil && !errors.Is(err, kmod.ErrUnknown) {
			return err
		}
	}
	return nil
}

// readVar is the value of a variable, whose file begins with four bytes of
// attributes (Documentation/filesystems/efivarfs.rst).
func readVar(dir, name string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err == nil && len(raw) < 4 {
		err = fs.ErrNotExist // a write that the firmware refused
	}
	if err != nil {
		return nil, err
	}
	return raw[4:], nil
}

// writeVar stores a text as the Boot Loader Interface has it, UTF-16 with an end.
// One write(2) is one call of the firmware. What is told to a loader is ASCII.
func writeVar(dir, name, text string) error {
	const stored = 7 // non-volatile, boot services, runtime
	raw := binary.LittleEndian.AppendUint32(nil, stored)
	for _, c := range []byte(text + "\x00") {
		raw = append(raw, c, 0)
	}
	path := filepath.Join(dir, name)
	if err := unlock(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(raw)
	return err
}

func deleteVar(dir, name string) error {
	path := filepath.Join(dir, name)
	if err := unlock(path); err != nil {
		return err
	}
	return os.Remove(path)
}

// unlock takes off the flag that keeps rm -r from ruining a machine: the kernel
// sets it on most variables (fs/efivarfs/inode.c).
func unlock(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	const immutable = 0x10 // FS_IMMUTABLE_FL of linux/fs.h
	if err != nil || flags&immutable == 0 {
		return nil // no such flags here: then nothing is locked
	}
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags&^immutable))
}

// secureBoot: the kernel takes no other one that is not signed for it.
func (b *Boot) secureBoot() bool {
	if text, err := os.ReadFile(b.path("sys/kernel/security/lockdown")); err == nil && !strings.Contains(string(text), "[none]") {
		return true
	}
	dir, err := b.efiVars()
	if err != nil {
		return false
	}
	value, err := readVar(dir, "SecureBoot"+globalVendor)
	return err == nil && len(value) == 1 && value[0] == 1
}
