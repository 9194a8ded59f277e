package world

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/qemu-tests/debian"
)

// Stones are package files by name.
type Stones map[string]string

// Paths are the files of all packages but some, sorted.
func (s Stones) Paths(except ...string) []string {
	var paths []string
	for name, path := range s {
		if !slices.Contains(except, name) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// Pack makes a stone of every package of a set, or finds them in the cache.
func (w *World) Pack(ctx context.Context, set debian.Set) (Stones, error) {
	debs, err := w.Debs(ctx, set)
	if err != nil {
		return nil, err
	}
	if set.Name != debian.Kernel().Name {
		// The kernel is half of all bytes; it is packed once, for everybody.
		debs = slices.DeleteFunc(debs, func(d debian.Deb) bool { return strings.HasPrefix(d.Name, "linux-image-") })
	}
	key, err := w.sourceKey("store/pack", "store/deb", "store/stone", "store/tree")
	if err != nil {
		return nil, err
	}
	args := []string{"pack", "--quiet", "--level", "3"}
	for _, given := range debian.Assumptions() {
		for _, name := range append(strings.Fields(given.Provides), given.Name) {
			args = append(args, "--without-dep", strings.TrimSuffix(name, ","))
		}
	}
	key += " " + strings.Join(args, " ")
	for _, deb := range debs {
		args = append(args, deb.Path)
		key += " " + filepath.Base(deb.Path)
	}
	dir, err := w.cached("stones-"+set.Name, key, func(dir string) error {
		_, err := w.Run(ctx, "moss", append(args, "-o", dir)...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return stonesIn(dir, debs)
}

// stonesIn finds each Debian package's stone: <name>-<version>-….stone.
func stonesIn(dir string, debs []debian.Deb) (Stones, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*.stone"))
	if err != nil {
		return nil, err
	}
	all := Stones{}
	for _, deb := range debs {
		i := slices.IndexFunc(found, func(path string) bool { return isStoneOf(filepath.Base(path), deb.Name) })
		if i < 0 {
			return nil, fmt.Errorf("find stone of %s: none in %s", deb.Name, dir)
		}
		all[deb.Name] = found[i]
	}
	return all, nil
}

func isStoneOf(file, name string) bool {
	rest, ok := strings.CutPrefix(file, name+"-")
	return ok && rest != "" && '0' <= rest[0] && rest[0] <= '9'
}

// PackDir makes a stone of a folder that holds usr.
func (w *World) PackDir(ctx context.Context, dir, name, version, out string) (string, error) {
	_, err := w.Run(ctx, "moss", "pack", dir, "--name", name, "--version", version, "--owner-root", "-o", out)
	if err != nil {
		return "", err
	}
	return filepath.Join(out, fmt.Sprintf("%s-%s-1-1-x86_64.stone", name, version)), nil
}

// BashCompletion is the package that AerynOS built, where it lies beside the
// checkout, else Debian's; real says which.
func (w *World) BashCompletion(system Stones) (path string, real bool) {
	path = filepath.Join(w.Repo, "../shared/data/stones/bash-completion-2.11-1-1-x86_64.stone")
	if _, err := os.Stat(path); err == nil {
		return path, true
	}
	return system["bash-completion"], false
}

// Programs packs moss' own programs as a distribution would.
func (w *World) Programs(ctx context.Context, out string) (string, error) {
	dir, err := os.MkdirTemp(w.Build, ".programs-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for name, place := range map[string]string{"moss": "usr/bin", "moss-boot": "usr/bin", "moss-init": "usr/lib/moss"} {
		if err := install(w.Program(name), filepath.Join(dir, place, name), 0o755); err != nil {
			return "", err
		}
	}
	const units = "usr/lib/systemd/system"
	for _, unit := range []string{"moss-bless.service", "moss-triggers.service"} {
		if err := install(filepath.Join(w.Repo, "dist/systemd", unit), filepath.Join(dir, units, unit), 0o644); err != nil {
			return "", err
		}
	}
	// As a distribution links it: every boot that gets as far is blessed.
	wanted := filepath.Join(dir, units, "basic.target.wants/moss-bless.service")
	if err := os.MkdirAll(filepath.Dir(wanted), 0o755); err != nil {
		return "", err
	}
	if err := os.Symlink("../moss-bless.service", wanted); err != nil {
		return "", err
	}
	return w.PackDir(ctx, dir, "moss", "0.1", out)
}

// install copies a file into a folder that is made if need be.
func install(from, to string, perm os.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, perm)
}
