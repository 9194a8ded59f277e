package debian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Options are what differs from one installed machine to the next.
type Options struct {
	Hostname  string // empty: moss
	MachineID string // 32 hexadecimal digits; empty: the first boot makes one, which costs seconds
	// RootPARTUUID and ESPPARTUUID name the partitions of / and /efi in the file
	// system table; without one its line is left out.
	RootPARTUUID, ESPPARTUUID string
	// RootPassword is a hash in the form of crypt(5). Empty: root logs in
	// without one.
	RootPassword string
}

// Skeleton makes what an installer makes once outside /usr: root is a folder
// into whose usr the packages were installed. What is there already stays, so
// that a second call changes nothing but what Options name.
//
// It is not durable: the disk is built from root afterwards. Owners need root.
func Skeleton(ctx context.Context, root string, options Options) error {
	if options.Hostname == "" {
		options.Hostname = "moss"
	}
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"folders", func() error { return makeFolders(root) }},
		{"factory defaults", func() error { return copyFactory(ctx, root) }},
		{"links", func() error { return makeLinks(root) }},
		{"accounts", func() error { return makeAccounts(root, options.RootPassword) }},
		{"files", func() error { return makeFiles(root, options) }},
		{"units", func() error { return makeUnits(root) }},
	} {
		if err := step.run(); err != nil {
			return fmt.Errorf("make skeleton in %s: %s: %w", root, step.name, err)
		}
	}
	return nil
}

func makeFolders(root string) error {
	for _, dir := range []struct {
		path string
		mode fs.FileMode
	}{
		{"dev", 0o755}, {"efi", 0o755}, {"etc", 0o755}, {"home", 0o755}, {"media", 0o755}, {"mnt", 0o755},
		{"opt", 0o755}, {"proc", 0o555}, {"root", 0o700}, {"run", 0o755}, {"srv", 0o755}, {"sys", 0o555},
		{"tmp", 0o777 | fs.ModeSticky}, {"var", 0o755}, {"var/log", 0o755}, {"var/tmp", 0o777 | fs.ModeSticky},
	} {
		path := filepath.Join(root, dir.path)
		if err := os.Mkdir(path, 0o755); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return err
		}
		// Not by Mkdir: the umask would take bits away.
		if err := os.Chmod(path, dir.mode); err != nil {
			return err
		}
	}
	return nil
}

// copyFactory copies what packages brought for the user's folders, owners, modes
// and extended attributes kept. What the kernel fills at run time is left out,
// and so is /boot, whose kernel is under /usr.
func copyFactory(ctx context.Context, root string) error {
	factory := filepath.Join(root, "usr/share/factory")
	names, err := filepath.Glob(filepath.Join(factory, "*/*"))
	if err != nil {
		return err
	}
	into := map[string][]string{}
	for _, name := range names {
		rel, _ := filepath.Rel(factory, name)
		top := filepath.Dir(rel)
		// base-files ships var/run and var/lock as folders; see makeLinks.
		skip := []string{"boot", "dev", "proc", "run", "sys", "tmp", "var/run", "var/lock"}
		if !slices.Contains(skip, top) && !slices.Contains(skip, rel) {
			into[top] = append(into[top], name)
		}
	}
	for top, names := range into {
		args := slices.Concat([]string{"-a", "--no-clobber", "-t", filepath.Join(root, top)}, names)
		if err := os.MkdirAll(filepath.Join(root, top), 0o755); err != nil {
			return err
		}
		if out, err := exec.CommandContext(ctx, "cp", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("copy %s: %w: %s", top, err, out)
		}
	}
	return nil
}

// makeLinks makes the links that package scripts make. Those to /usr are
// skipped where something is already: merging is not the skeleton's work.
func makeLinks(root string) error {
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64"} {
		if _, err := os.Stat(filepath.Join(root, "usr", name)); err != nil {
			continue
		}
		if err := link(root, name, "usr/"+name); err != nil {
			return err
		}
	}
	// base-files' script turns its two empty folders into these.
	for _, l := range [][2]string{{"var/run", "/run"}, {"var/lock", "/run/lock"}} {
		if err := link(root, l[0], l[1]); err != nil {
			return err
		}
	}
	return nil
}

func link(root, name, target string) error {
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(target, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
