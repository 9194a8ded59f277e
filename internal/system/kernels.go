package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/internal/cmdline"
)

// kernelVersions lists the kernels a tree brings: the folders of lib/kernel
// that hold a vmlinuz, named by `uname -r`, sorted.
func kernelVersions(usr string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(usr, "lib/kernel/*/vmlinuz"))
	if err != nil {
		return nil, err
	}
	var versions []string
	for _, path := range found {
		versions = append(versions, filepath.Base(filepath.Dir(path)))
	}
	slices.Sort(versions)
	return versions, nil
}

// initrds lists a kernel's prebuilt initramfs images in the order the loader
// has to pass them on: by name.
func initrds(usr, version string) ([]string, error) {
	return filepath.Glob(filepath.Join(usr, "lib/kernel", version, "*.initrd"))
}

// commandLine collects the words that a state's entry boots with, but for
// moss.fstx: vendor snippets, the kernel's own, then the administrator's, each
// folder in the order of names. A snippet of the administrator that is a link
// to /dev/null masks the vendor's of the same name.
func commandLine(root, usr, version string) ([]string, error) {
	admin := filepath.Join(root, "etc/kernel/cmdline.d")
	var words []string
	for _, pattern := range []string{
		filepath.Join(usr, "lib/kernel/cmdline.d/*.cmdline"),
		filepath.Join(usr, "lib/kernel", version, "*.cmdline"),
		filepath.Join(admin, "*.cmdline"),
	} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if masked(filepath.Join(admin, filepath.Base(file))) {
				continue
			}
			text, err := snippet(file)
			if err != nil {
				return nil, fmt.Errorf("read kernel command line: %w", err)
			}
			words = append(words, text...)
		}
	}
	return words, nil
}

func masked(path string) bool {
	target, err := os.Readlink(path)
	return err == nil && target == "/dev/null"
}

// snippet is a file's lines without comments; a line is kept whole, because
// quotes may hold blanks.
func snippet(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// initOf is the init= that the tree's entries will carry, or "".
func initOf(root, usr string) string {
	words, err := commandLine(root, usr, "")
	if err != nil {
		return ""
	}
	value, _ := cmdline.Parse(strings.Join(words, " ")).Last("init")
	return value
}

// running is the command line this machine was booted with, "" for a root that
// is not the running one.
func running(root string) (string, error) {
	if filepath.Clean(root) != "/" {
		return "", nil
	}
	data, err := os.ReadFile("/proc/cmdline")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}
