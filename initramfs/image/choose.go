package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/initramfs/kmod"
)

// choose gives the modules of the image in load order.
func (p *plan) choose(index *kmod.Index) ([]kmod.Module, error) {
	for module, names := range wishes() {
		index.Wish(module, names...)
	}
	index.Omit(p.cfg.Omit...)
	names, err := p.ofMode(index)
	if err != nil {
		return nil, err
	}
	asked := without(p.cfg.Modules, p.cfg.Omit)
	if p.report.LUKS, err = p.wantsUnlock(slices.Concat(names, asked)); err != nil {
		return nil, err
	}
	if p.report.LUKS {
		names = append(names, p.known(index, lukshard(), true)...)
		names = append(names, p.known(index, luksModules(), false)...)
	}
	if p.report.LUKS || p.cfg.Rescue {
		names = append(names, p.keyboards(index)...)
	}
	dogs := p.watchdogs(index)
	index.Later(without(dogs, asked)...)
	return index.Closure(slices.Concat(names, asked, dogs)...)
}

// ofMode names what the mode asks for; each of it is in the index.
func (p *plan) ofMode(index *kmod.Index) ([]string, error) {
	switch p.cfg.Mode {
	case ModeGeneric:
		return p.known(index, wanted(), true), nil
	case ModeList:
		return nil, nil
	case ModeHost:
		found, err := p.host()
		if err != nil {
			return nil, err
		}
		p.machine = found
		names := p.known(index, found.names, true)
		for _, alias := range found.aliases {
			names = append(names, without(index.Match(alias), p.cfg.Omit)...)
		}
		return names, nil
	}
	return nil, fmt.Errorf("mode %q is not known: use generic, host or list", p.cfg.Mode)
}

// known keeps the names that the kernel has as files. Those that it lacks are
// noted if that matters.
func (p *plan) known(index *kmod.Index, names []string, note bool) []string {
	var files []string
	for _, name := range without(names, p.cfg.Omit) {
		_, isFile := index.Path(name)
		serving := slices.DeleteFunc(without(index.Match(name), p.cfg.Omit), outdated)
		switch {
		case isFile:
			files = append(files, name)
		case len(serving) > 0:
			files = append(files, serving...)
		case !index.Builtin(name) && note:
			p.report.Missing = append(p.report.Missing, name)
		}
	}
	return files
}

// outdated serve ciphers on processors of 2003 and nowhere else.
func outdated(module string) bool { return strings.HasPrefix(module, "padlock_") }

func without(names, omit []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(omit, func(other string) bool { return kmod.Name(other) == kmod.Name(name) })
	})
}

// keyboards are for a passphrase and for a shell; a host image has those of the
// machine.
func (p *plan) keyboards(index *kmod.Index) []string {
	return p.ofMachine(p.known(index, keyboards(), false))
}

// watchdogs come with the modes that look after themselves.
func (p *plan) watchdogs(index *kmod.Index) []string {
	if p.cfg.Mode == ModeList {
		return nil
	}
	return p.ofMachine(p.known(index, watchdogs(), false))
}

// ofMachine leaves to a host image what the machine has in use.
func (p *plan) ofMachine(names []string) []string {
	if p.cfg.Mode != ModeHost {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(p.machine.loaded, kmod.Name(name)) })
}

func (p *plan) unlocker() string {
	return filepath.Join(p.cfg.Usr, strings.TrimPrefix(Unlocker, "usr/"))
}

func (p *plan) wantsUnlock(names []string) (bool, error) {
	_, err := os.Stat(p.unlocker())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("look for moss-unlock: %w", err)
	}
	there, wanted := err == nil, true
	switch {
	case p.cfg.LUKS == No:
		return false, nil
	case p.cfg.LUKS == Yes:
	case p.cfg.Mode == ModeGeneric:
		return there, nil
	case p.cfg.Mode == ModeHost:
		wanted = p.machine.encrypted
	default:
		wanted = slices.ContainsFunc(names, func(name string) bool { return kmod.Name(name) == "dm_crypt" })
	}
	if wanted && !there {
		return false, fmt.Errorf("the image is to open LUKS, and there is no %s: install moss-unlock, or write luks: no", p.unlocker())
	}
	return wanted, nil
}

func (p *plan) addUnlock() error {
	if !p.report.LUKS {
		return nil
	}
	program, err := readStatic("moss-unlock", p.unlocker(), "build it with CGO_ENABLED=0")
	if err == nil {
		p.add(file(Unlocker, 0o755, program))
	}
	return err
}
