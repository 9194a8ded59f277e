package bls

import (
	"cmp"
	"slices"
)

// Compare is the order of the menu of systemd-boot 252, see Loader.Compare.
func Compare(a, b Entry) int { return Loader{}.Compare(a, b) }

// Compare is the order of the menu: negative when a stands above b. Entries
// without tries come last, entries with a sort key before those without, then
// sort key and machine id upwards, version and id downwards, more tries left
// first, fewer done first (config_entry_compare, unchanged from 252 on for
// type #1 but for what an id is).
//
// With a sort key on both, the version decides before the name does; without,
// only the name counts.
func (l Loader) Compare(a, b Entry) int {
	order := cmp.Or(
		boolean(a.Name.Bad(), b.Name.Bad()),
		boolean(a.SortKey == "", b.SortKey == ""),
	)
	if order == 0 && a.SortKey != "" {
		order = cmp.Or(
			cmp.Compare(a.SortKey, b.SortKey),
			cmp.Compare(a.MachineID, b.MachineID),
			-CompareVersion(a.Version, b.Version),
		)
	}
	if order == 0 {
		order = -CompareVersion(l.ID(a), l.ID(b))
	}
	if order != 0 || !a.Name.Counted || !b.Name.Counted {
		return order
	}
	return cmp.Or(-cmp.Compare(a.Name.Left, b.Name.Left), cmp.Compare(a.Name.Done, b.Name.Done))
}

// Sort puts entries into the order of the menu of systemd-boot 252.
func Sort(entries []Entry) { Loader{}.Sort(entries) }

// Sort puts entries into the order of the menu. Entries that Compare cannot
// tell apart keep their order.
func (l Loader) Sort(entries []Entry) { slices.SortStableFunc(entries, l.Compare) }

func boolean(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
