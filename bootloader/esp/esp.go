// Package esp finds $BOOT: the EFI system partition (ESP) and, where there is
// one, the extended boot loader partition (XBOOTLDR) that takes the entries.
//
// It knows them by the type in the partition table and by where they are
// mounted. It never takes any ESP that some disk happens to have: a plugged-in
// installer has one too, and for any root but "/" the partitions of the running
// system are never an answer.
package esp

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"moss/internal/mount"
)

// Boot is the pair of places that a boot menu lives in. Both are folders of the
// running system; without a separate XBOOTLDR they are the same.
type Boot struct {
	// ESP holds the loader and loader.conf: the loader reads no other
	// loader.conf. On a machine without UEFI it is Dir.
	ESP string
	// Dir is $BOOT: entries, kernels and initrds.
	Dir string
	// ESPPart and DirPart are the partitions, as far as they are known.
	ESPPart, DirPart Part
	// Hold is what Open has to say and to give back, nil for nothing.
	Hold *Hold
}

// Close unmounts what Open mounted. The folders are no longer to be used then. A
// second Close does nothing.
func (b Boot) Close() error {
	if b.Hold == nil {
		return nil
	}
	return b.Hold.close()
}

// Warnings is what a person should know before anything is written, one line
// each: a file system that was not unmounted, a partition that was passed over.
func (b Boot) Warnings() []string {
	if b.Hold == nil {
		return nil
	}
	return b.Hold.warnings
}

// Query asks for the place of a root's boot menu.
type Query struct {
	// Root is the root folder of the system that the menu starts. Explicit is a
	// folder that wins over everything; it only has to exist.
	Root, Explicit string
	// Device is the partition that the loader says it was started from, the
	// PARTUUID in LoaderDevicePartUUID; "" when it is not known.
	Device string
	// ReadOnly is for questions: what has to be mounted is mounted read-only, and
	// nothing is repaired.
	ReadOnly bool
	// BIOS says that the system starts without UEFI. For "/" it is found out.
	BIOS bool
	// Sys, Dev, Proc and Run stand for /sys, /dev, /proc and /run/moss, which ""
	// means.
	Sys, Dev, Proc, Run string

	types   []string // of file systems that may be mounted; nil: vfat
	passive bool     // mount nothing
}

// ErrNoBoot says that there is no place for a boot menu. It is wrapped in an
// error that has a Hint.
var ErrNoBoot = errors.New("no boot partition")

// Open returns the place of a root's boot menu. In this order: the explicit
// folder; partitions of the right type that are mounted at /efi, /boot or
// /boot/efi; the partition that the loader was started from; the only ESP on the
// disks of the root file system. The latter two are mounted until Close. XBOOTLDR
// is the one that the loader reads: the first on the disk of the ESP.
//
// For any root but "/" only what is mounted at these places below it counts, or
// plain folders there, as in an image that is being built. Without UEFI $BOOT is
// /boot, whatever it is on.
//
// Two partitions that could be meant are an error that names them.
func Open(q Query) (Boot, error) {
	s, err := newSearch(q)
	if err != nil {
		return Boot{}, err
	}
	return s.boot()
}

// Find is Open without side effects: a partition that would have to be mounted is
// an error.
func Find(root, explicit string) (Boot, error) {
	return Open(Query{Root: root, Explicit: explicit, ReadOnly: true, passive: true})
}

// search is one Query on its way to an answer.
type search struct {
	Query
	root  string // absolute and without links
	m     *machine
	notes []string // what was passed over, and why
}

func newSearch(q Query) (*search, error) {
	s := &search{Query: q}
	var err error
	if s.root, err = filepath.Abs(q.Root); err != nil {
		return nil, err
	}
	if s.root, err = filepath.EvalSymlinks(s.root); err != nil {
		return nil, err
	}
	s.Proc, s.Run = cmp.Or(q.Proc, "/proc"), cmp.Or(q.Run, "/run/moss")
	if s.types == nil {
		s.types = []string{"vfat"}
	}
	if s.root != "/" {
		s.Device = "" // another system's loader
	}
	if q.Explicit == "" {
		wakeAutomounts(s.root)
	}
	file, err := os.Open(filepath.Join(s.Proc, "self/mountinfo"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	points, err := mount.Table(file)
	s.m = &machine{sys: cmp.Or(q.Sys, "/sys"), dev: cmp.Or(q.Dev, "/dev"), points: points, tables: map[string]table{}}
	return s, err
}

func (s *search) boot() (Boot, error) {
	if s.Explicit != "" {
		return s.given()
	}
	spots := s.usable(s.mounted())
	if s.bios() {
		// An ESP that somebody mounted is for the next start by UEFI: a machine
		// whose kernel came another way this time.
		if boot, err := s.plain(); err == nil || len(spots) == 0 {
			return boot, err
		}
	}
	system, err := s.system(spots)
	if err != nil {
		return Boot{}, err
	}
	entries, err := s.entries(system, spots)
	if err != nil {
		return Boot{}, err
	}
	return s.hold(system, entries)
}

func (s *search) given() (Boot, error) {
	info, err := os.Stat(s.Explicit)
	if err != nil {
		return Boot{}, fmt.Errorf("use %s as boot partition: %w", s.Explicit, err)
	}
	if !info.IsDir() {
		return Boot{}, fmt.Errorf("use %s as boot partition: not a folder", s.Explicit)
	}
	return s.at(s.Explicit)
}

// at is a folder that holds everything.
func (s *search) at(dir string) (Boot, error) {
	one := spot{dir: dir}
	if real, err := filepath.Abs(dir); err == nil {
		if real, err = filepath.EvalSymlinks(real); err == nil {
			if point, ok := mount.At(s.m.points, real); ok {
				one.mounted, one.part = true, s.m.on(point)
			}
		}
	}
	return s.hold(one, one)
}

// bios: the kernel shows that folder on every machine that it was started on by
// UEFI, even with its services switched off. Without sysfs nothing is known.
func (s *search) bios() bool {
	if s.BIOS || s.root != "/" {
		return s.BIOS
	}
	_, missing := os.Stat(filepath.Join(s.m.sys, "firmware/efi"))
	_, err := os.Stat(filepath.Join(s.m.sys, "class"))
	return missing != nil && err == nil
}

// plain is /boot, the only place where a BIOS loader looks for entries.
func (s *search) plain() (Boot, error) {
	dir := filepath.Join(s.root, "boot")
	point, ok := mount.At(s.m.points, dir)
	if ok && point.FSType != "autofs" {
		return s.at(dir)
	}
	if dir, found := inside(s.root, "boot"); found && !ok {
		return s.at(dir)
	}
	return Boot{}, &noBootError{tried: []string{dir}}
}
