package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// KernelError says that a kernel cannot be had, and which can.
type KernelError struct {
	Dir   string   // folder of the kernels' modules
	Want  string   // "" if any would do
	There []string // versions with modules, oldest first
}

func (e *KernelError) Error() string {
	if e.Want == "" {
		return "no kernel has modules in " + e.Dir
	}
	return fmt.Sprintf("kernel %s has no modules in %s", e.Want, e.Dir)
}

// Hint names the kernels there are.
func (e *KernelError) Hint() string {
	if len(e.There) == 0 {
		return "install a kernel first"
	}
	return "there are: " + strings.Join(e.There, ", ")
}

// IndexError says that a kernel's modules have no index.
type IndexError struct{ Dir string }

func (e *IndexError) Error() string {
	return "kernel modules in " + e.Dir + " have no modules.dep"
}

// Hint tells how to make the index.
func (e *IndexError) Hint() string {
	// depmod looks in BASE/lib/modules, and /usr/lib is that for the base /usr.
	base := strings.TrimSuffix(filepath.Dir(e.Dir), "/lib/modules")
	return fmt.Sprintf("run: depmod -b %s %s", base, filepath.Base(e.Dir))
}

// chooseKernel gives the module folder of the wanted version, or of the newest.
func chooseKernel(usr, want string) (string, error) {
	dir := filepath.Join(usr, "lib/modules")
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look for kernels: %w", err)
	}
	var there []string
	for _, e := range list {
		// Removed kernels leave folders with nothing but old indexes behind.
		if _, err := os.Stat(filepath.Join(dir, e.Name(), "kernel")); err == nil {
			there = append(there, e.Name())
		}
	}
	slices.SortFunc(there, compareVersions)
	version := want
	if want == "" && len(there) > 0 {
		version = there[len(there)-1]
	}
	if !slices.Contains(there, version) {
		return "", &KernelError{Dir: dir, Want: want, There: there}
	}
	return filepath.Join(dir, version), nil
}
