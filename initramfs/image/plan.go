package image

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"moss/initramfs/kmod"
)

type plan struct {
	entries []entry // parents first
	report  Report
}

func makePlan(cfg Config) (plan, error) {
	if err := cfg.check(); err != nil {
		return plan{}, err
	}
	dir, index, err := openKernel(cfg)
	if err != nil {
		return plan{}, err
	}
	program, err := readInit(cmp.Or(cfg.Init, filepath.Join(cfg.Root, "usr/lib/moss/moss-init")))
	if err != nil {
		return plan{}, err
	}
	p := plan{report: Report{Kernel: filepath.Base(dir), Compress: cmp.Or(cfg.Compress, "zstd")}}
	modules, missing, err := choose(index, cfg.Modules)
	if err != nil {
		return plan{}, fmt.Errorf("kernel %s: %w", p.report.Kernel, err)
	}
	p.report.Missing = missing
	p.add(skeleton()...)
	p.add(file("init", 0o755, program))
	if cfg.Rescue {
		if err := p.addRescue(cmp.Or(cfg.Busybox, filepath.Join(cfg.Root, "usr/bin/busybox"))); err != nil {
			return plan{}, err
		}
	}
	p.addModules(dir, index, modules)
	p.finish()
	return p, nil
}

func (cfg Config) check() error {
	if cfg.Time < 0 || cfg.Time > 1<<32-1 {
		return fmt.Errorf("time %d does not fit the archive (0 to %d)", cfg.Time, int64(1<<32-1))
	}
	return checkCompress(cfg.Compress)
}

func openKernel(cfg Config) (string, *kmod.Index, error) {
	dir, err := chooseKernel(cfg.Root, cfg.Kernel)
	if err != nil {
		return "", nil, err
	}
	index, err := kmod.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = &IndexError{Dir: dir}
	}
	return dir, index, err
}

// choose gives the closure of the general modules and those that were asked for.
func choose(index *kmod.Index, asked []string) (modules []kmod.Module, missing []string, err error) {
	var names []string
	for _, name := range wanted() {
		_, isFile := index.Path(name)
		switch {
		case isFile:
			names = append(names, name)
		case !index.Builtin(name):
			missing = append(missing, name)
		}
	}
	for module, names := range wishes() {
		index.Wish(module, names...)
	}
	modules, err = index.Closure(append(names, asked...)...)
	return modules, missing, err
}

func (p *plan) add(entries ...entry) { p.entries = append(p.entries, entries...) }

func (p *plan) addModules(from string, index *kmod.Index, modules []kmod.Module) {
	to := "usr/lib/modules/" + p.report.Kernel
	for _, m := range modules {
		source := filepath.Join(from, m.Path)
		p.report.Modules = append(p.report.Modules, m.Name)
		p.add(entry{
			name: path.Join(to, kmod.Plain(m.Path)), mode: modeFile | 0o644,
			read: func() ([]byte, error) { return readModule(source) },
		})
	}
	slices.Sort(p.report.Modules)
	for name, text := range index.Only(p.report.Modules).Texts() {
		p.add(file(path.Join(to, name), 0o644, []byte(text)))
	}
}

// finish adds the folders that files lie in and sorts: a name sorts after its
// parent's, and the kernel drops a file whose folder does not exist yet.
func (p *plan) finish() {
	have := map[string]bool{}
	for _, e := range p.entries {
		have[e.name] = true
	}
	for _, e := range slices.Clone(p.entries) {
		for parent := path.Dir(e.name); parent != "." && !have[parent]; parent = path.Dir(parent) {
			have[parent] = true
			p.add(dir(parent, 0o755))
		}
	}
	slices.SortFunc(p.entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
}
