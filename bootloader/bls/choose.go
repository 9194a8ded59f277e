package bls

import "strings"

const saved = "@saved"

// Vars are the settings that lead the loader to its choice, as text; "" stands
// for one that is not set.
type Vars struct {
	// OneShot, Default and LastBooted are the EFI variables LoaderEntryOneShot,
	// LoaderEntryDefault and LoaderEntryLastBooted.
	OneShot, Default, LastBooted string
	// Config is "default" of loader.conf.
	Config string
}

// Why says what made the loader choose an entry.
type Why string

// The reasons, in the order in which the loader looks.
const (
	ByOneShot Why = "LoaderEntryOneShot"
	ByDefault Why = "LoaderEntryDefault"
	ByConfig  Why = "loader.conf"
	ByOrder   Why = "order"
)

// Default is the entry that systemd-boot 252 starts by itself when it finds
// these entries: the first in the order of the menu that matches a setting,
// else the first of all. Entries without tries are no exception: a setting that
// only matches such a one picks it, and so does the order when all are so. It
// is false when the loader shows none of the entries.
//
// The loader also knows entries that are not type #1 (unified kernels, "auto-…");
// a setting that means one of those cannot be resolved here.
func Default(entries []Entry, vars Vars) (Entry, Why, bool) {
	shown := make([]Entry, 0, len(entries))
	for _, e := range entries {
		if e.Hidden == "" {
			shown = append(shown, e)
		}
	}
	if len(shown) == 0 {
		return Entry{}, "", false
	}
	Sort(shown)
	for _, rule := range vars.rules() {
		for _, e := range shown {
			if rule.pattern != "" && Match(rule.pattern, e.ID()) {
				return e, rule.why, true
			}
		}
	}
	return shown[0], ByOrder, true
}

type rule struct {
	pattern string
	why     Why
}

// rules puts what was booted last in the place of "@saved". When both settings
// say so the loader looks once, which comes to the same.
func (v Vars) rules() []rule {
	rules := []rule{{v.OneShot, ByOneShot}, {v.Default, ByDefault}, {v.Config, ByConfig}}
	for i := range rules[1:] {
		if strings.EqualFold(rules[i+1].pattern, saved) {
			rules[i+1].pattern = v.LastBooted
		}
	}
	return rules
}
