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
	"moss/store/activate"
)

// Unlocker is where the image and a state have the program that opens LUKS.
const Unlocker = "usr/lib/moss/moss-unlock"

// keymapFile is where early boot looks for the table of keys.
const keymapFile = "etc/moss.bkeymap"

type plan struct {
	cfg       Config
	system    *activate.Root
	machine   machine // what ModeHost found
	entries   []entry // in the archive's order, once finished
	microcode []blob
	report    Report
}

func makePlan(cfg Config) (plan, error) {
	if err := cfg.check(); err != nil {
		return plan{}, err
	}
	cfg.Usr = cmp.Or(cfg.Usr, filepath.Join(cfg.Root, "usr"))
	cfg.Mode = cmp.Or(cfg.Mode, ModeGeneric)
	p := plan{cfg: cfg, system: activate.Open(cfg.Root), report: Report{Compress: cmp.Or(cfg.Compress, "zstd")}}
	dir, index, err := openKernel(cfg)
	if err != nil {
		return plan{}, err
	}
	p.report.Kernel = filepath.Base(dir)
	program, err := readInit(cmp.Or(cfg.Init, filepath.Join(cfg.Usr, "lib/moss/moss-init")))
	if err != nil {
		return plan{}, err
	}
	p.add(skeleton()...)
	p.add(file("init", 0o755, program))
	modules, err := p.choose(index)
	if err != nil {
		return plan{}, fmt.Errorf("kernel %s: %w", p.report.Kernel, err)
	}
	for _, add := range []func() error{p.addUnlock, p.addRescue, p.addPrograms, p.addFiles, p.addKeymap,
		func() error { return p.addModules(dir, index, modules) }, p.findMicrocode} {
		if err := add(); err != nil {
			return plan{}, err
		}
	}
	return p, p.finish()
}

func (cfg Config) check() error {
	if cfg.Time < 0 || cfg.Time > 1<<32-1 {
		return fmt.Errorf("time %d does not fit the archive (0 to %d)", cfg.Time, int64(1<<32-1))
	}
	return checkCompress(cfg.Compress, cfg.Level)
}

func openKernel(cfg Config) (string, *kmod.Index, error) {
	dir, err := chooseKernel(cfg.Usr, cfg.Kernel)
	if err != nil {
		return "", nil, err
	}
	index, err := kmod.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = &IndexError{Dir: dir}
	}
	return dir, index, err
}

func (p *plan) add(entries ...entry) { p.entries = append(p.entries, entries...) }

func (p *plan) addKeymap() error {
	if p.cfg.Keymap != nil {
		p.add(file(keymapFile, 0o644, p.cfg.Keymap))
	}
	return nil
}

func (p *plan) addModules(from string, index *kmod.Index, modules []kmod.Module) error {
	to := "usr/lib/modules/" + p.report.Kernel
	firmware := map[string]bool{}
	for _, m := range modules {
		source := filepath.Join(from, m.Path)
		p.report.Modules = append(p.report.Modules, m.Name)
		p.add(entry{
			name: path.Join(to, kmod.Plain(m.Path)), mode: modeFile | 0o644,
			read: func() ([]byte, error) { return readModule(source) },
		})
		if p.cfg.Firmware != No {
			if err := p.addFirmware(source, firmware); err != nil {
				return err
			}
		}
	}
	slices.Sort(p.report.Modules)
	slices.Sort(p.report.Firmware)
	texts := index.Only(p.report.Modules).Texts()
	for name, text := range texts {
		p.add(file(path.Join(to, name), 0o644, []byte(text)))
	}
	return nil
}

// finish adds the folders that files lie in and puts all in the archive's order.
// What is there twice must be the same.
func (p *plan) finish() error {
	have := map[string]entry{}
	var unique []entry
	for _, e := range p.entries {
		other, twice := have[e.name]
		switch {
		case !twice:
			have[e.name] = e
			unique = append(unique, e)
		case other.source == "" || other.source != e.source || other.mode != e.mode:
			return fmt.Errorf("take /%s into the image: two things want that name; leave one of them out of files and programs", e.name)
		}
	}
	for _, e := range slices.Clone(unique) {
		for parent := path.Dir(e.name); parent != "."; parent = path.Dir(parent) {
			above, there := have[parent]
			if there && above.mode&modeKinds != modeDir {
				return fmt.Errorf("take /%s into the image: /%s is no folder there; name the file by the path that it really has", e.name, parent)
			}
			if !there {
				have[parent] = dir(parent, 0o755)
				unique = append(unique, have[parent])
			}
		}
	}
	slices.SortFunc(unique, compareEntries)
	p.entries = unique
	return nil
}

// compareEntries puts folders first, because the kernel drops a file whose folder
// does not exist yet, and then what is alike together: programs, modules, the
// rest. A compressor finds more in neighbours.
func compareEntries(a, b entry) int {
	return cmp.Or(cmp.Compare(group(a), group(b)), strings.Compare(a.name, b.name))
}

func group(e entry) int {
	switch {
	case e.mode&modeKinds == modeDir:
		return 0
	case e.name == "init" || e.name == Unlocker:
		return 1
	case strings.HasSuffix(e.name, ".ko"):
		return 3
	case e.mode&0o111 != 0:
		return 2
	}
	return 4
}
