package world

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// modulesInLib are in the old place, with what they need.
func modulesInLib() []string {
	return []string{"dummy", "dm_mod", "dm_log_writes", "xfs", "btrfs", "f2fs"}
}

// moduleInUsr is in the new place, where a later package has put it: each place
// has its own indexes, and neither knows the other's.
const moduleInUsr = "veth"

// unmergedKernel puts some modules of the kernel into both places of a root.
func unmergedKernel(ctx context.Context, k Kernel, root string) error {
	from := filepath.Join(filepath.Dir(k.Image), "../../..")
	for base, names := range map[string][]string{root: modulesInLib(), filepath.Join(root, "usr"): {moduleInUsr}} {
		args := append([]string{"--dirname", from, "--set-version", k.Version, "--show-depends", "--all"}, names...)
		needed, err := tool(ctx, "", "modprobe", args...)
		if err != nil {
			return err
		}
		folder := filepath.Join("lib/modules", k.Version)
		files := []string{"modules.order", "modules.builtin", "modules.builtin.modinfo"}
		for line := range strings.Lines(needed) {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "insmod" {
				name, err := filepath.Rel(filepath.Join(from, folder), fields[1])
				if err != nil {
					return err
				}
				files = append(files, name)
			}
		}
		for _, name := range files {
			err := install(filepath.Join(from, folder, name), filepath.Join(base, folder, name), 0o644)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if _, err := tool(ctx, "", "depmod", "--basedir", base, k.Version); err != nil {
			return err
		}
	}
	return nil
}

// unitsInLib: the skeleton enables units where a merged system has them.
func unitsInLib(root string) error {
	return filepath.WalkDir(filepath.Join(root, "etc/systemd/system"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() != fs.ModeSymlink {
			return err
		}
		text, err := os.Readlink(path)
		if inLib, moved := strings.CutPrefix(text, "/usr/lib/systemd/"); err == nil && moved {
			err = errors.Join(os.Remove(path), os.Symlink("/lib/systemd/"+inLib, path))
		}
		return err
	})
}
