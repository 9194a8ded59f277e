package bootloader

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// squeeze plans one round with as little urgency as space allows.
func squeeze(w Want, f Found, items []item) (*draft, error) {
	var d *draft
	u := urgency{}
	for _, u = range []urgency{{}, {rubbish: true}, {rubbish: true, early: true}, {rubbish: true, early: true, lean: true}} {
		if d = draw(w, f, items, u); d.fits() {
			return d, nil
		}
	}
	for _, s := range w.spares(f) {
		u.without = append(u.without, s.ID)
		if d = draw(w, f, items, u); d.fits() {
			return spare(d, items), nil
		}
	}
	return nil, d.spaceError(items)
}

func (d *draft) fits() bool { return d.book.peak <= int64(d.found.Space.Free) }

// spares are the states that may give way, in that order: those that are known to
// fail, then those that have no entry yet, then the oldest. Of those that work
// none that is there goes for one that is not: what an entry takes is known only
// once it is written (see ledger.name), so the next sync might find room for
// another exchange, and the menu would not settle.
func (w Want) spares(f Found) []State {
	states := without(w.kept(), w.protects)
	slices.SortFunc(states, func(a, b State) int {
		return cmp.Or(boolean(!a.Bad, !b.Bad), boolean(f.shows(a.ID), f.shows(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	return states
}

// shows: the state has an entry.
func (f Found) shows(id uint64) bool {
	return slices.ContainsFunc(f.Ours, func(o Own) bool { return o.State == id })
}

// protects: these never give way. The newest is what the plan is for.
func (w Want) protects(s State) bool { return s.Pinned || w.holds(s.ID) || s.ID == w.newest() }

// spare takes states back into the menu, the last first, that gave way to no
// purpose: they need nothing that others do not need too. One that is known to
// fail waits until all others are back, or it would have to go for one of them.
func spare(d *draft, items []item) *draft {
	works := func(id uint64) bool { return !d.want.fails(id) }
	for _, id := range slices.Backward(d.without) {
		u := d.urgency
		u.without = without(u.without, func(other uint64) bool { return other == id })
		if !works(id) && slices.ContainsFunc(u.without, works) {
			break
		}
		if fewer := draw(d.want, d.found, items, u); fewer.fits() {
			d = fewer
		}
	}
	return d
}

// SpaceError says that $BOOT cannot take what it would have to. Nothing was
// written.
type SpaceError struct {
	Dir string
	// Need and Have are bytes in whole clusters. Have counts what the plan would
	// free before it writes, Need is what it takes at its peak.
	Need, Have uint64
	// Frees are the states that only a person can let go, newest first.
	Frees []Freed
	// Foreign is what files of others take.
	Foreign uint64
}

// Freed is how many bytes less are needed without a state, which may have to be
// unpinned to be removed.
type Freed struct {
	State, Bytes uint64
	Pinned       bool
}

// spaceError describes a draft that does without all that it may.
func (d *draft) spaceError(items []item) *SpaceError {
	free := d.found.Space.Free
	e := &SpaceError{Dir: d.found.Boot.Dir, Need: uint64(d.book.peak - d.book.low), Have: free + uint64(-d.book.low), Foreign: d.foreign()}
	for _, s := range d.want.kept() {
		if slices.Contains([]uint64{d.want.Active, d.want.Booted, d.want.Default, d.want.Once, d.want.newest()}, s.ID) || slices.Contains(d.without, s.ID) {
			continue
		}
		u := d.urgency
		u.without = append(slices.Clone(u.without), s.ID)
		if saved := d.book.peak - draw(d.want, d.found, items, u).book.peak; saved > 0 {
			e.Frees = append(e.Frees, Freed{State: s.ID, Bytes: uint64(saved), Pinned: s.Pinned})
		}
	}
	return e
}

func (d *draft) foreign() uint64 {
	ours := uint64(0)
	for _, own := range d.found.Ours {
		ours += d.round(uint64(len(own.Data)))
	}
	for _, files := range []Contents{d.found.Files, d.found.Stale} {
		for _, content := range files {
			ours += d.round(content.Size)
		}
	}
	s := d.found.Space
	return s.Total - min(s.Total, s.Free+ours)
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("write boot files to %s: need %s, have %s", e.Dir, size(e.Need), size(e.Have))
}

// Hint is what to do about it.
func (e *SpaceError) Hint() string {
	var ways []string
	lack, sum := e.Need-min(e.Need, e.Have), uint64(0)
	for _, f := range e.Frees {
		verb := "remove"
		if f.Pinned {
			verb = "unpin and remove"
		}
		ways, sum = append(ways, fmt.Sprintf("%s state %d (%s)", verb, f.State, size(f.Bytes))), sum+f.Bytes
	}
	if e.Foreign > 0 && e.Foreign >= lack {
		ways, sum = append(ways, fmt.Sprintf("delete files of others there (they take %s)", size(e.Foreign))), sum+e.Foreign
	}
	if len(ways) == 0 || sum < lack {
		ways = append(ways, "make it larger")
	}
	return fmt.Sprintf("free %s on %s: %s", size(lack), e.Dir, strings.Join(ways, ", or "))
}

// ReadOnlyError says that $BOOT has to change and cannot.
type ReadOnlyError struct{ Dir string }

func (e *ReadOnlyError) Error() string {
	return fmt.Sprintf("write boot files to %s: read-only", e.Dir)
}

// Hint is what to do about it.
func (e *ReadOnlyError) Hint() string {
	return "the kernel does that to a damaged FAT: unmount it, run fsck.fat, mount it again"
}

// LayoutError says that the folder of entries belongs to a loader of another
// kind, by its entries.srel.
type LayoutError struct{ Entries, Marker, Layout string }

func (e *LayoutError) Error() string {
	return fmt.Sprintf("use %s: %s says that its entries are of another kind: %q", e.Entries, e.Marker, e.Layout)
}

// Hint is what to do about it.
func (e *LayoutError) Hint() string {
	return fmt.Sprintf("give systemd-boot a partition of its own with --esp DIR, or, if nothing else reads that folder, write %q into %s", layout, e.Marker)
}
