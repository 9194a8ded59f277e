package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"moss/bootloader/bls"
)

// Where the initrds of a kernel come from, besides its own folder.
const (
	sharedInitrds = "/usr/lib/kernel/initrd.d"
	adminInitrds  = "/etc/kernel/initrd.d"
)

// kernelFolder is where a kernel's own files are in the system.
func kernelFolder(version string) string { return filepath.Join("/usr/lib/kernel", version) }

// kernelVersions lists the kernels a tree brings: the folders of lib/kernel that
// hold a vmlinuz, named by `uname -r`, oldest first. A folder that cannot be read
// is an error: nobody may take a sick disk for a state without a kernel.
func kernelVersions(usr string) ([]string, error) {
	dir := filepath.Join(usr, "lib/kernel")
	found, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list kernels: %w", err)
	}
	var versions []string
	for _, one := range found {
		info, err := os.Lstat(filepath.Join(dir, one.Name(), "vmlinuz"))
		switch {
		case err == nil && !info.IsDir():
			versions = append(versions, one.Name())
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP):
			return nil, fmt.Errorf("list kernels: %w", err)
		}
	}
	slices.SortStableFunc(versions, bls.CompareVersion)
	return versions, nil
}

// initrds lists the images that a kernel starts with, in the order in which the
// loader passes them on: microcode, without which the kernel would not find it;
// the vendor's, those of the kernel and those for all kernels by their names; the
// machine's own. The kernel unpacks them one over the other, so a later one wins.
// Masks are as for snippets; a file that is there twice goes once, where it was
// first.
func (v view) initrds(version string) ([]string, error) {
	theirs, own, err := v.unmasked(".initrd", adminInitrds, kernelFolder(version), sharedInitrds)
	if err != nil {
		return nil, err
	}
	vendor := slices.Concat(theirs...)
	slices.SortStableFunc(vendor, compareNames)
	var first, rest []string
	var seen []fs.FileInfo
	for _, path := range append(vendor, own...) {
		file, err := v.real(path)
		if err != nil {
			return nil, fmt.Errorf("find initrd: %w", err)
		}
		info, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("find initrd: %w", err)
		}
		if slices.ContainsFunc(seen, func(other fs.FileInfo) bool { return os.SameFile(info, other) }) {
			continue
		}
		seen = append(seen, info)
		if isMicrocode(file) || isMicrocode(path) {
			first = append(first, file)
		} else {
			rest = append(rest, file)
		}
	}
	return append(first, rest...), nil
}
