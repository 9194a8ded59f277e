package bls

import "strings"

const saved = "@saved"

// Vars are the settings that lead the loader to its choice, as text; "" stands
// for one that is not set.
type Vars struct {
	// OneShot, Preferred, Default and LastBooted are the EFI variables
	// LoaderEntryOneShot, LoaderEntryPreferred, LoaderEntryDefault and
	// LoaderEntryLastBooted.
	OneShot, Preferred, Default, LastBooted string
	// ConfigPreferred and Config are "preferred" and "default" of loader.conf.
	ConfigPreferred, Config string
	// Loader is who reads them; the zero value is systemd-boot 252.
	Loader Loader
}

// Why says what made the loader choose an entry.
type Why string

// The reasons, in the order in which the loader looks. Before all of them comes
// LoaderEntrySysFail (258 and later), but only when the firmware reports that
// the boot before broke something, which nobody can know beforehand.
const (
	ByOneShot         Why = "LoaderEntryOneShot"
	ByPreferred       Why = "LoaderEntryPreferred"
	ByConfigPreferred Why = "preferred of loader.conf"
	ByDefault         Why = "LoaderEntryDefault"
	ByConfig          Why = "loader.conf"
	ByOrder           Why = "order"
)

// Default is the entry that systemd-boot starts by itself when it finds these
// entries: the first in the order of the menu that matches a setting, else the
// first of all. Only "preferred" passes over entries without tries; any other
// setting that matches nothing else picks such a one, and so does the order when
// all are so. It is false when the loader shows none of the entries.
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
	vars.Loader.Sort(shown)
	for _, rule := range vars.Rules() {
		for _, e := range shown {
			if rule.Matches(vars.Loader, e) {
				return e, rule.Why, true
			}
		}
	}
	return shown[0], ByOrder, true
}

// Rule is one setting as the loader applies it.
type Rule struct {
	Pattern string
	Why     Why
	// good passes over entries without tries.
	good bool
}

// Matches says whether the loader takes the entry for what the rule means.
func (r Rule) Matches(l Loader, e Entry) bool {
	return Match(r.Pattern, l.ID(e)) && !(r.good && e.Name.Bad())
}

// Rules are the settings that are set, in the order in which the loader looks,
// with what was booted last in the place of "@saved". When two of them say so
// the loader looks once, which comes to the same. A loader that does not know
// "preferred" (before 260) does not read it.
func (v Vars) Rules() []Rule {
	rules := []Rule{{v.OneShot, ByOneShot, false}}
	if v.Loader.Preferred {
		rules = append(rules, Rule{v.Preferred, ByPreferred, true}, Rule{v.ConfigPreferred, ByConfigPreferred, true})
	}
	rules = append(rules, Rule{v.Default, ByDefault, false}, Rule{v.Config, ByConfig, false})
	set := rules[:0]
	for _, r := range rules {
		if r.Why != ByOneShot && strings.EqualFold(r.Pattern, saved) {
			r.Pattern = v.LastBooted
		}
		if r.Pattern != "" {
			set = append(set, r)
		}
	}
	return set
}

// ConfigPreferred is the value of "preferred" in a loader.conf, "" without one;
// as with "default" the last line wins and "@" begins nothing but "@saved".
func ConfigPreferred(conf []byte) string {
	pattern := ""
	for key, value := range pairs(conf) {
		if key == "preferred" && (!strings.HasPrefix(value, "@") || strings.EqualFold(value, saved)) {
			pattern = value
		}
	}
	return pattern
}
