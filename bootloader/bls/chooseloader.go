package bls

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Loader is what a loader does where versions of systemd-boot differ. The zero
// value is 252, which is also the guess for a loader that says nothing.
type Loader struct {
	// Preferred: it knows LoaderEntryPreferred and "preferred" of loader.conf
	// (260).
	Preferred bool
	// Bare: its ids leave the boot counters out (259, and 258.3 of the stable
	// line), so that "x.conf" means "x+3.conf" as well.
	Bare bool
	// Foreign is the name of a loader that speaks the same interface and is not
	// systemd-boot, "" for one that is. What it chooses is a guess.
	Foreign string
}

// Bits of LoaderFeatures (Boot Loader Interface).
const (
	FeatureDefault   uint64 = 1 << 2
	FeatureOneShot   uint64 = 1 << 3
	FeatureCounting  uint64 = 1 << 4
	FeatureXbootldr  uint64 = 1 << 5
	FeatureSortKey   uint64 = 1 << 8
	FeatureSaved     uint64 = 1 << 9
	FeaturePreferred uint64 = 1 << 19
)

// LoaderOf tells the loader from what it left behind: LoaderInfo, LoaderFeatures
// and the ids that it saw at this boot, LoaderEntries. What the ids show counts
// more than the version: distributions backport.
func LoaderOf(info string, features uint64, ids []string, entries []Entry) Loader {
	l := Loader{Preferred: features&FeaturePreferred != 0, Bare: bareSince(info)}
	if name, _, _ := strings.Cut(info, " "); name != "" && !strings.EqualFold(name, "systemd-boot") {
		l.Foreign = info
	}
	if bare, known := bareBy(ids, entries); known {
		l.Bare = bare
	}
	return l
}

// bareBy looks at the ids themselves. One with a counter settles it. So does one
// without where the entry's name now says that it was tried: it had its counter
// when the loader saw it, for nobody but the loader counts.
func bareBy(ids []string, entries []Entry) (bare, known bool) {
	for _, id := range ids {
		if name, ok := ParseName(id); ok && name.Counted {
			return false, true
		}
	}
	plain := func(stem string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return lower(id) == lower(stem)+Suffix })
	}
	twin := func(stem string) bool {
		return slices.ContainsFunc(entries, func(e Entry) bool { return !e.Name.Counted && lower(e.Name.Stem) == lower(stem) })
	}
	for _, e := range entries {
		if e.Name.Counted && e.Name.Done > 0 && plain(e.Name.Stem) && !twin(e.Name.Stem) {
			return true, true
		}
	}
	return false, false
}

var systemdBoot = regexp.MustCompile(`(?i)^systemd-boot v?([0-9]{1,9})(?:\.([0-9]{1,9}))?`)

// bareSince reads "systemd-boot 258.3-1".
func bareSince(info string) bool {
	found := systemdBoot.FindStringSubmatch(info)
	if found == nil {
		return false
	}
	major, _ := strconv.Atoi(found[1]) // digits, and few
	minor, _ := strconv.Atoi(found[2]) // 0 without one
	return major > 258 || major == 258 && minor >= 3
}

// ID is the entry's name to this loader.
func (l Loader) ID(e Entry) string {
	if l.Bare {
		return lower(e.Name.Stem) + Suffix
	}
	return e.ID()
}
