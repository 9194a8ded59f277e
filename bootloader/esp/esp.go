// Package esp finds $BOOT: the EFI system partition (ESP) and, where there is
// one, the extended boot loader partition (XBOOTLDR) that takes the entries.
//
// It knows them by where they are mounted and by what they hold, never by
// walking disks: a plugged-in installer has an ESP too, and for any root but
// "/" the partitions of the running system are never an answer.
package esp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/internal/mount"
)

// Boot is the pair of places that a boot menu lives in. Both are folders of the
// running system; without a separate XBOOTLDR they are the same.
type Boot struct {
	// ESP holds the loader and loader.conf: the loader reads no other
	// loader.conf.
	ESP string
	// Dir is $BOOT: entries, kernels and initrds.
	Dir string
}

// ErrNoBoot says that there is no place for a boot menu. Find wraps it in an
// error that has a Hint.
var ErrNoBoot = errors.New("no boot partition")

// places is where partitions are mounted, in the order of preference. The
// specification advises against /boot/efi, but distributions use it.
func places() []string { return []string{"efi", "boot", "boot/efi"} }

// Find returns the place of root's boot menu. An explicit folder wins and only
// has to exist. Else file systems of type vfat mounted at /efi, /boot or
// /boot/efi below root count; for any root but "/" also plain folders there, as
// in an image that is being built.
//
// Two places that both hold a loader are an error that names them.
func Find(root, explicit string) (Boot, error) {
	if explicit != "" {
		return given(explicit)
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return Boot{}, err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return Boot{}, err
	}
	wakeAutomounts(root)
	points, err := mount.Self()
	if err != nil {
		return Boot{}, err
	}
	return find(root, points)
}

func given(dir string) (Boot, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return Boot{}, fmt.Errorf("use %s as boot partition: %w", dir, err)
	}
	if !info.IsDir() {
		return Boot{}, fmt.Errorf("use %s as boot partition: not a folder", dir)
	}
	return Boot{ESP: dir, Dir: dir}, nil
}

// wakeAutomounts makes systemd mount what it mounts on demand, so that the
// table shows a vfat and not an autofs. Looking below a mount point is enough.
func wakeAutomounts(root string) {
	for _, place := range places() {
		_, _ = os.Lstat(filepath.Join(root, place, "loader"))
	}
}

func find(root string, points []mount.Point) (Boot, error) {
	parts := mounted(root, points)
	if len(parts) == 0 && root != "/" {
		parts = folders(root)
	}
	if two := withLoader(parts); len(two) > 1 {
		return Boot{}, &AmbiguousError{First: two[0].dir, Second: two[1].dir}
	}
	if len(parts) == 0 {
		return Boot{}, &noBootError{root: root}
	}
	return choose(parts), nil
}

// choose: the ESP is where the loader is. With nothing installed yet it is the
// one that is not at /boot, because that is where the specification wants
// XBOOTLDR. A second partition at /boot is XBOOTLDR.
func choose(parts []part) Boot {
	system := parts[0]
	if i := slices.IndexFunc(parts, func(p part) bool { return p.loader }); i >= 0 {
		system = parts[i]
	} else if len(parts) > 1 && system.mounted && system.place == "boot" {
		system = parts[1]
	}
	entries := system
	for _, p := range parts {
		if p.mounted && p.place == "boot" {
			entries = p
		}
	}
	return Boot{ESP: system.dir, Dir: entries.dir}
}

// AmbiguousError says that two places look like the ESP.
type AmbiguousError struct{ First, Second string }

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("find boot partition: both %s and %s hold a boot loader", e.First, e.Second)
}

// Hint is what to do about it.
func (e *AmbiguousError) Hint() string { return "name the right one with --esp DIR" }

type noBootError struct{ root string }

func (e *noBootError) Error() string {
	var tried []string
	for _, place := range places() {
		tried = append(tried, filepath.Join(e.root, place))
	}
	return fmt.Sprintf("find boot partition: none at %s", strings.Join(tried, ", "))
}

func (e *noBootError) Unwrap() error { return ErrNoBoot }

// Hint is what to do about it.
func (e *noBootError) Hint() string {
	return "mount it there, name it with --esp DIR, or go without a boot menu: --no-boot"
}
