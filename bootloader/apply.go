package bootloader

import (
	"fmt"
	"os"
	"path/filepath"

	"moss/bootloader/efivar"
	"moss/internal/fault"
)

// Apply carries the steps out, in order, and stops at the first that fails.
// Every prefix of a plan leaves a menu in which each entry has its files, so
// nothing is undone: the next plan goes on from there. A machine without
// variables has nil for vars. What went wrong and does no harm is a warning.
//
// What is written is read back before it gets its name. Whatever the order of
// the steps, an entry is written only when the files before it are durable, and
// nothing is removed before what was written is.
func Apply(p Plan, vars efivar.Vars) (warnings []string, err error) {
	return apply(p, vars, realDisk{}, fault.Point)
}

func apply(p Plan, vars efivar.Vars, d disk, point func(string) error) ([]string, error) {
	a := applier{disk: d, boot: p.Boot.Dir, vars: vars}
	for _, step := range p.Steps {
		if err := point("menu/" + string(step.Op)); err != nil {
			return a.warnings, err
		}
		if err := a.do(step); err != nil {
			return a.warnings, fmt.Errorf("%s: %w", step.Text, err)
		}
	}
	return a.warnings, point("menu/done")
}

type applier struct {
	disk     disk
	boot     string
	vars     efivar.Vars
	warnings []string
	// files and menu: kernels and initrds, entries and loader.conf were written
	// and the file system was not written out since.
	files, menu bool
	// skipped: the warning about missing variables was given.
	skipped bool
}

func (a *applier) do(s Step) error {
	switch s.Op {
	case OpFolder:
		return makeFolder(a.disk, s.Path)
	case OpCopy:
		a.files = true
		return a.copy(s)
	case OpSync:
		return a.writeOut(s.Path)
	case OpMarker, OpConfig:
		a.menu = true
		return writeText(a.disk, s.Path, s.Data)
	case OpEntry:
		return a.entry(s)
	case OpDrop, OpSweep:
		return a.remove(s)
	case OpSet, OpUnset:
		return a.variable(s)
	}
	return fmt.Errorf("unknown step %q", s.Op)
}

// writeOut makes durable what single syncs may have missed (see careful.Hold).
func (a *applier) writeOut(dir string) error {
	if err := a.disk.SyncFS(dir); err != nil {
		return err
	}
	a.files, a.menu = false, false
	return nil
}

// copy never lets a file appear under a name that its content does not have.
func (a *applier) copy(s Step) error {
	file, err := os.Open(s.Source)
	if err != nil {
		return err
	}
	defer file.Close()
	return write(a.disk, s.Path, file, s.Content.Hash)
}

func (a *applier) entry(s Step) error {
	if a.files {
		if err := a.writeOut(a.boot); err != nil {
			return err
		}
	}
	a.menu = true
	return writeText(a.disk, s.Path, s.Data)
}

// remove leaves a temporary file alone that shares its clusters with the file
// that it was to become: a cut between two writes to the disk can do that, and
// removing the one would free the clusters of the other.
func (a *applier) remove(s Step) error {
	if err := a.settle(); err != nil {
		return err
	}
	if temp := tempForm.FindStringSubmatch(filepath.Base(s.Path)); temp != nil {
		twin := filepath.Join(filepath.Dir(s.Path), temp[1])
		if start := a.disk.Start(s.Path); start != 0 && start == a.disk.Start(twin) {
			a.warn("%s shares its clusters with %s since a power cut and stays: unmount the partition and run fsck.fat", s.Path, temp[1])
			return nil
		}
	}
	return removeOn(a.disk, s.Path)
}

// settle comes before everything that trusts what was written.
func (a *applier) settle() error {
	if a.files || a.menu {
		return a.writeOut(a.boot)
	}
	return nil
}

func (a *applier) warn(format string, args ...any) {
	a.warnings = append(a.warnings, fmt.Sprintf(format, args...))
}
