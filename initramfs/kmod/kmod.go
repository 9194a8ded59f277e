// Package kmod knows what a kernel's module folder says (modules.dep, .softdep,
// .alias, .builtin, as depmod(8) writes them) and loads modules in the order
// that these files ask for.
//
// It serves two programs: the image builder, which needs the closure of a few
// names, and PID 1, which has no modprobe beside it. The kernel's own
// request_module needs that program too, so whatever the kernel would ask for
// later (crc32c for ext4, a character set for vfat) must be loaded beforehand.
// The package is linked into PID 1: no compression, no regular expressions.
//
// modprobe.d(5) is not read: the kernel command line is the only configuration
// that exists before the root file system.
package kmod

import (
	"errors"
	"path"
	"strings"
)

// ErrUnknown means that no module, built-in or loadable, has the name or alias.
var ErrUnknown = errors.New("no such module in this kernel's index")

// ErrBlacklisted means that the wanted module itself is on the blacklist.
var ErrBlacklisted = errors.New("blacklisted")

// ErrOmitted means that a module is left out on purpose.
var ErrOmitted = errors.New("it is left out by omit")

// Name gives a module's canonical name: '-' becomes '_', as in /proc/modules,
// because files, dependencies and command lines mix the two freely (the kernel
// treats them as one, see parameqn in kernel/params.c).
func Name(name string) string { return strings.ReplaceAll(name, "-", "_") }

// Plain cuts the suffix of a compressed module file: what is left ends in .ko.
func Plain(file string) string {
	for _, suffix := range []string{".xz", ".zst", ".gz"} {
		if plain, ok := strings.CutSuffix(file, suffix); ok {
			return plain
		}
	}
	return file
}

// fileName is the canonical name of the module in a file, "" if the file's name
// is not one of a module.
func fileName(file string) string {
	name, ok := strings.CutSuffix(Plain(path.Base(file)), ".ko")
	if !ok {
		return ""
	}
	return Name(name)
}
