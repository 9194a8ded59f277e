package esp

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// usable leaves out the partitions whose type says that they are something else,
// wherever they are mounted.
func (s *search) usable(spots []spot) []spot {
	var some []spot
	for _, one := range spots {
		if kindOf(one.part.Type) == kindOther {
			s.note("%s is of type %s, not an ESP", one, typeName(one.part.Type))
			continue
		}
		some = append(some, one)
	}
	return some
}

func (s *search) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// system finds the ESP.
func (s *search) system(spots []spot) (spot, error) {
	if known := of(spots, kindSystem); len(known) > 0 {
		for _, one := range of(spots, kindUnknown) {
			s.note("%s is on no partition that the loader could know: not used", one)
		}
		return s.only(known)
	}
	if unknown := of(spots, kindUnknown); len(unknown) > 0 {
		return guess(unknown)
	}
	if s.root == "/" {
		return s.unmounted(spots)
	}
	for _, one := range spots {
		s.note("%s is XBOOTLDR, and its ESP is not mounted", one)
	}
	// A place that something is mounted on but was refused is no plain folder.
	plain := slices.DeleteFunc(folders(s.root), func(one spot) bool {
		return slices.ContainsFunc(s.mounted(), func(m spot) bool { return m.dir == one.dir })
	})
	if len(plain) == 0 || len(spots) > 0 {
		return spot{}, s.none()
	}
	return guess(plain)
}

// only is the one of several ESPs that the loader was started from.
func (s *search) only(known []spot) (spot, error) {
	if len(known) == 1 {
		return known[0], nil
	}
	started := slices.DeleteFunc(slices.Clone(known), func(one spot) bool { return s.Device == "" || one.part.UUID != s.device() })
	if len(started) == 1 {
		return started[0], nil
	}
	return spot{}, ambiguous("are EFI system partitions", known)
}

// device is the PARTUUID of Query.Device in the spelling of Part.
func (s *search) device() string { return strings.ToLower(strings.TrimSpace(s.Device)) }

// guess goes by what is there where no partition table tells: the ESP is where
// the loader is. With nothing installed yet it is the one that is not at /boot,
// because that is where the specification wants XBOOTLDR.
func guess(spots []spot) (spot, error) {
	loaders := slices.DeleteFunc(slices.Clone(spots), func(one spot) bool { return !one.loader })
	switch {
	case len(loaders) > 1:
		return spot{}, ambiguous("hold a boot loader", loaders)
	case len(loaders) == 1:
		return loaders[0], nil
	case len(spots) > 1 && spots[0].mounted && spots[0].place == "boot":
		return spots[1], nil
	}
	return spots[0], nil
}

// unmounted finds the ESP of the running system among what is not mounted at any
// of the usual places; entries are the XBOOTLDR that are.
func (s *search) unmounted(entries []spot) (spot, error) {
	if s.Device != "" {
		if found, err := s.started(); len(found) == 1 || err != nil {
			return one(found), err
		}
	}
	var disks []string
	for _, e := range entries {
		disks = append(disks, e.part.Disk)
	}
	if len(disks) == 0 {
		disks = s.m.rootDisks()
	}
	found := s.on(disks, kindSystem)
	switch len(found) {
	case 0:
		return spot{}, s.none()
	case 1:
		return found[0], nil
	}
	return spot{}, ambiguous("are EFI system partitions on the disks of the system", found)
}

func one(spots []spot) spot {
	if len(spots) == 0 {
		return spot{}
	}
	return spots[0]
}

// started looks for the partition that the loader was started from. A copy of a
// disk has the same identifiers.
func (s *search) started() ([]spot, error) {
	var found []spot
	for _, d := range s.m.parts(false) {
		if p := s.m.describe(d); p.UUID == s.device() {
			found = append(found, spot{part: p})
		}
	}
	if len(found) > 1 {
		return nil, ambiguous("have the PARTUUID of the partition that the loader was started from", found)
	}
	if len(found) == 1 && !slices.Contains([]kind{kindSystem, kindUnknown}, kindOf(found[0].part.Type)) {
		s.note("the loader was started from %s, which is of type %s: not used", found[0], typeName(found[0].part.Type))
		return nil, nil
	}
	return found, nil
}

// on lists the partitions of one kind on some disks, in the order of the tables.
func (s *search) on(disks []string, k kind) []spot {
	var found []spot
	for _, d := range s.m.parts(true) {
		if slices.Contains(disks, d.disk().name) {
			found = append(found, spot{part: s.m.describe(d)})
		}
	}
	slices.SortStableFunc(found, func(a, b spot) int { return a.part.Number - b.part.Number })
	return of(found, k)
}

// entries finds $BOOT for an ESP: the XBOOTLDR that its loader reads, which is
// the first in the table of its disk, else the ESP itself.
func (s *search) entries(system spot, spots []spot) (spot, error) {
	mounted := of(spots, kindEntries)
	if kindOf(system.part.Type) == kindUnknown {
		return guessEntries(system, append(mounted, spots...)), nil
	}
	first := one(s.on([]string{system.part.Disk}, kindEntries)).part
	for _, m := range mounted {
		if m.part.Name == first.Name {
			return m, nil
		}
	}
	for _, m := range mounted {
		s.note("%s is not used: the loader on %s reads only the first XBOOTLDR of its own disk", m, system)
	}
	if first.Name == "" || s.root != "/" || !s.m.isFAT(first) {
		return system, nil
	}
	if s.passive {
		s.note("%s is not mounted", first.Node)
		return spot{}, s.none()
	}
	return spot{part: first}, nil
}

// guessEntries: a second partition at /boot is XBOOTLDR.
func guessEntries(system spot, spots []spot) spot {
	for _, one := range spots {
		if system.mounted && one.place == "boot" {
			return one
		}
	}
	return system
}

// none is the error for no ESP at all.
func (s *search) none() error {
	e := &noBootError{notes: slices.Concat(s.notes, s.m.unreadable())}
	for _, place := range places() {
		e.tried = append(e.tried, filepath.Join(s.root, place))
	}
	return e
}
