// Package debian provides a small but real operating system to boot: it fetches
// Debian 12's own packages and makes, once, what an installer makes in the
// folders that belong to the user and not to a state: accounts, PAM's stacks, a
// file system table.
package debian

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Suite is the release whose packages are used. Its systemd-boot, 252, is the
// oldest that is supported.
const Suite = "bookworm"

// Deb is one package file.
type Deb struct {
	Name, Version, Arch string
	Path                string
}

// parseDeb takes a file name apart; apt writes the colon of an epoch as %3a.
func parseDeb(path string) (Deb, error) {
	parts := strings.Split(strings.TrimSuffix(filepath.Base(path), ".deb"), "_")
	if len(parts) != 3 || !strings.HasSuffix(path, ".deb") {
		return Deb{}, fmt.Errorf("package file %s: not NAME_VERSION_ARCH.deb", path)
	}
	return Deb{parts[0], strings.ReplaceAll(parts[1], "%3a", ":"), parts[2], path}, nil
}

// KernelVersion finds the version of the kernel among the packages, as uname -r
// prints it.
func KernelVersion(debs []Deb) (string, error) {
	for _, deb := range debs {
		if version, ok := strings.CutPrefix(deb.Name, "linux-image-"); ok && strings.ContainsRune(version, '.') {
			return version, nil
		}
	}
	return "", fmt.Errorf("find kernel: %w among %d packages", os.ErrNotExist, len(debs))
}
