package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"moss/bootloader"
	"moss/initramfs/image"
	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store"
	"moss/store/activate"
	"moss/store/state"
)

// builtDir holds the early-boot images that were built here, named by what they
// are made of, and a link for each state and kernel to the one it boots with. A
// file of it can go at any time, it is made again.
func builtDir(root string) string { return filepath.Join(root, store.Home, "boot/initrd") }

// earlyInit is in a tree that wants its early-boot images built.
const earlyInit = "lib/moss/moss-init"

// builder gives the kernels that come without an early-boot image one that is
// built here.
type builder struct {
	root   string
	dry    bool     // say what would be built
	follow state.ID // this state follows the configuration even if it has an image
	log    func(string)
	warn   func(string)
	made   map[string]string // images that were asked for, and what became of them
	absent map[string]bool   // kernels whose image is only planned
}

func newBuilder(opt Options, warn func(string)) builder {
	b := builder{root: opt.Root, dry: opt.DryRun || opt.planning, log: opt.Log, warn: warn, made: map[string]string{}, absent: map[string]bool{}}
	if b.log == nil {
		b.log = func(string) {}
	}
	if opt.followConfig {
		b.follow, _ = activate.LiveID(filepath.Join(opt.Root, "usr")) // 0 is no state's
	}
	return b
}

// imageFor is the image of a kernel of a state: the one it has, or one that is
// built now. "" is none: the tree wants none, or it is only planned.
//
// A state that has an image keeps it when the configuration changes: it booted
// with that one, and is what a machine falls back to when the new one is no good.
func (b *builder) imageFor(usr, version string, id state.ID, microcode bool) (string, error) {
	for _, name := range []string{earlyInit, "lib/modules/" + version + "/modules.dep"} {
		if _, err := os.Stat(filepath.Join(usr, name)); errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
	}
	link := filepath.Join(builtDir(b.root), id.String()+"-"+version)
	if target, err := os.Readlink(link); err == nil && id != b.follow && filepath.Base(target) == target {
		if _, err := os.Stat(filepath.Join(builtDir(b.root), target)); err == nil {
			return filepath.Join(builtDir(b.root), target), nil
		}
	}
	cfg, err := InitramfsConfig(b.root, usr, b.warn)
	if err != nil {
		return "", err
	}
	cfg.Kernel = version
	if microcode && cfg.Microcode == "" {
		cfg.Microcode = "no" // another of the kernel's images brings it
	}
	sum, _, err := image.Sum(cfg)
	if err != nil {
		return "", fmt.Errorf("build early-boot image of kernel %s: %w", version, err)
	}
	path, err := b.have(filepath.Join(builtDir(b.root), sum[:32]+".img"), cfg)
	b.absent[version] = path == ""
	return path, err
}

func (b *builder) have(out string, cfg image.Config) (string, error) {
	if path, ok := b.made[out]; ok {
		return path, nil
	}
	_, err := os.Stat(out)
	switch {
	case err == nil:
		b.made[out] = out
	case errors.Is(err, fs.ErrNotExist) && b.dry:
		b.log("the early-boot image of kernel " + cfg.Kernel + " would be built; what is said of its entry is without it")
		b.made[out] = ""
	case errors.Is(err, fs.ErrPermission) && b.dry:
		b.warn("early-boot images can only be read by root: entries are described without them")
		b.made[out] = ""
	case errors.Is(err, fs.ErrNotExist):
		if err := b.build(out, cfg); err != nil {
			return "", err
		}
		b.made[out] = out
	default:
		return "", fmt.Errorf("look for early-boot image: %w", err)
	}
	return b.made[out], nil
}

// build makes an image. The folder is root's alone: an image may hold a key.
func (b *builder) build(out string, cfg image.Config) error {
	dir := builtDir(b.root)
	err := errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, 0o700))
	if err == nil {
		err = fault.Point("initramfs/build")
	}
	var report image.Report
	if err == nil {
		report, err = image.BuildFile(out, cfg)
	}
	if err != nil {
		return fmt.Errorf("build early-boot image of kernel %s: %w", cfg.Kernel, err)
	}
	b.log(fmt.Sprintf("built the early-boot image of kernel %s: %d bytes, %d modules, %s", cfg.Kernel, report.Bytes, len(report.Modules), report.Compress))
	return nil
}

// settleBuilt records which image each state of a menu boots with, and removes the
// images that none does. It comes after the menu is written; the caller holds the
// root's lock.
func settleBuilt(root string, want bootloader.Want) error {
	dir := builtDir(root)
	rows, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep early-boot images: %w", err)
	}
	links, keep := usedImages(dir, want), map[string]bool{}
	changed := false
	for link, target := range links {
		keep[filepath.Base(link)], keep[target] = true, true
		if now, err := os.Readlink(link); err == nil && now == target {
			continue
		}
		changed = true
		if err := relink(link, target); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if keep[row.Name()] || row.IsDir() {
			continue
		}
		if err := fault.Point("initramfs/sweep"); err != nil {
			return err
		}
		changed = true
		if err := os.Remove(filepath.Join(dir, row.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep early-boot images: %w", err)
		}
	}
	if !changed {
		return nil
	}
	return atomicfile.SyncDir(dir)
}

// usedImages maps each link to its image, for the states of a menu.
func usedImages(dir string, want bootloader.Want) map[string]string {
	links := map[string]string{}
	for _, s := range want.States {
		for _, k := range s.Kernels {
			i := slices.IndexFunc(k.Initrds, func(path string) bool { return filepath.Dir(path) == dir })
			if i >= 0 {
				links[filepath.Join(dir, fmt.Sprintf("%d-%s", s.ID, k.Version))] = filepath.Base(k.Initrds[i])
			}
		}
	}
	return links
}

// relink sets a link at once. A link that a cut has left half made is swept.
func relink(link, target string) error {
	temp := filepath.Join(filepath.Dir(link), "."+filepath.Base(link)+".tmp-link")
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("link early-boot image: %w", err)
	}
	if err := os.Symlink(target, temp); err != nil {
		return fmt.Errorf("link early-boot image: %w", err)
	}
	if err := os.Rename(temp, link); err != nil {
		return fmt.Errorf("link early-boot image: %w", err)
	}
	return nil
}
