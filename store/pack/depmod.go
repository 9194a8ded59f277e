package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/store/stone"
)

// NoDepmodError says that a kernel cannot be packed on this machine.
type NoDepmodError struct{ Kernel string }

func (e *NoDepmodError) Error() string {
	return "index modules of " + e.Kernel + ": program depmod is not there"
}

// Hint says where the program comes from.
func (e *NoDepmodError) Hint() string { return "install kmod (apt install kmod), then pack again" }

// indexModules does for a kernel what Debian's postinst does on the target:
// depmod. A state is immutable, so modules.dep and its companions have to be
// there when it is made, or nothing in it can be loaded by name.
func indexModules(ctx context.Context, d *draft, c *contents) error {
	for _, version := range d.plan.bareKernels() {
		if _, err := d.plan.layouts(d.label()); err != nil {
			return err // checked before the paths are used on disk
		}
		if err := depmod(ctx, d, c, version); err != nil {
			return fmt.Errorf("index modules of %s: %w", version, err)
		}
	}
	return nil
}

// bareKernels lists the versions that have modules and come with a kernel's own
// lists of them, but without an index. Modules alone get none: it would claim
// the path of the kernel package's index and miss the kernel's modules.
func (p *plan) bareKernels() []string {
	found := map[string]bool{}
	for name := range p.at {
		version, rest, _ := strings.Cut(strings.TrimPrefix(name, "lib/modules/"), "/")
		if strings.HasPrefix(name, "lib/modules/") && strings.Contains(rest, ".ko") &&
			p.has(version, "modules.order", "modules.builtin") && !p.has(version, "modules.dep") {
			found[version] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func (p *plan) has(version string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return p.at["lib/modules/"+version+"/"+name].IsRegular()
	})
}

func depmod(ctx context.Context, d *draft, c *contents, version string) error {
	// The folders of root's programs too: a user's PATH may lack them.
	program, err := findProgram([]string{"depmod", "/usr/sbin/depmod", "/sbin/depmod"})
	if err != nil {
		return &NoDepmodError{version}
	}
	base := filepath.Join(c.dir, "depmod")
	modules := filepath.Join(base, "usr/lib/modules", version)
	if err := layModules(d.plan, c, base, version); err != nil {
		return err
	}
	// An empty configuration: this machine's /etc/depmod.d is not the package's.
	empty := filepath.Join(base, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		return err
	}
	var complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "-a", "-b", base, "-C", empty, "--", version)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stderr = &complaints
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(complaints.String()))
	}
	if err := takeIndexes(d, c, modules, version); err != nil {
		return err
	}
	return os.RemoveAll(base)
}

func findProgram(names []string) (string, error) {
	for _, name := range names {
		if program, err := exec.LookPath(name); err == nil {
			return filepath.Abs(program)
		}
	}
	return "", exec.ErrNotFound
}

// layModules puts the modules under their names by hard links to the scratch
// contents. lib leads to usr/lib, because kmods differ in which they look into.
func layModules(p *plan, c *contents, base, version string) error {
	if err := os.MkdirAll(filepath.Join(base, "usr/lib"), 0o700); err != nil {
		return err
	}
	if err := os.Symlink("usr/lib", filepath.Join(base, "lib")); err != nil {
		return err
	}
	for name, l := range p.at {
		if !strings.HasPrefix(name, "lib/modules/"+version+"/") || !l.IsRegular() {
			continue
		}
		to := filepath.Join(base, "usr", name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.Link(c.path(l.Hash), to); err != nil {
			return err
		}
	}
	return nil
}

// takeIndexes adds what depmod wrote to the package.
func takeIndexes(d *draft, c *contents, modules, version string) error {
	written, err := os.ReadDir(modules)
	if err != nil {
		return err
	}
	for _, file := range written {
		path := "lib/modules/" + version + "/" + file.Name()
		if _, old := d.plan.at[path]; old || !file.Type().IsRegular() {
			continue
		}
		if err := addFile(d, c, filepath.Join(modules, file.Name()), path); err != nil {
			return err
		}
	}
	if !d.plan.has(version, "modules.dep") {
		return errors.New("depmod wrote no modules.dep")
	}
	return nil
}

func addFile(d *draft, c *contents, file, path string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	hash, err := c.add(f)
	if err != nil {
		return err
	}
	return d.plan.add(d.label(), "depmod's "+filepath.Base(file), stone.Layout{Path: path, Mode: unix.S_IFREG | 0o644, Hash: hash})
}
