package bootloader

import (
	"fmt"
	"slices"
	"strings"

	"moss/bootloader/bls"
)

// Choice is the entry that the loader will start by itself, and why.
type Choice struct {
	// File is the name of the entry's file, "" when there is none to start, or
	// when it cannot be told. State is 0 for the rescue entry and for one of
	// another system.
	File  string  `json:"file"`
	State uint64  `json:"state"`
	Why   bls.Why `json:"why"`
	// Bad: the entry has no tries left, so it has failed before.
	Bad bool `json:"bad"`
	// Text says it to a person, with whatever makes it uncertain.
	Text string `json:"text"`
}

// Loader is what is known of this machine's loader.
func (f Found) Loader() bls.Loader {
	ids := f.Vars.Entries
	if f.Vars.CountPath != "" && f.Vars.Selected != "" {
		ids = append(slices.Clone(ids), f.Vars.Selected)
	}
	return bls.LoaderOf(f.Vars.Info, f.Vars.Features, ids, f.entries())
}

// Next is what the loader will start next time, if nobody chooses at its menu.
func (f Found) Next() Choice { return f.choose(f.settings()) }

// Usual is what it starts when no one-shot is set.
func (f Found) Usual() Choice {
	settings := f.settings()
	settings.OneShot = ""
	return f.choose(settings)
}

func (f Found) settings() bls.Vars {
	return bls.Vars{
		OneShot: f.Vars.OneShot, Preferred: f.Vars.Preferred, Default: f.Vars.Default, LastBooted: f.Vars.LastBooted,
		ConfigPreferred: bls.ConfigPreferred(f.ConfigText), Config: bls.ConfigDefault(f.ConfigText),
		Loader: f.Loader(),
	}
}

// entries is all that the loader makes an entry of.
func (f Found) entries() []bls.Entry {
	var all []bls.Entry
	for _, own := range f.Ours {
		if own.Err == nil {
			all = append(all, own.Entry)
		}
	}
	for _, raw := range f.Foreign {
		if raw.Err == nil {
			all = append(all, raw.Entry)
		}
	}
	return all
}

func (f Found) choose(settings bls.Vars) Choice {
	entries := f.entries()
	e, why, ok := bls.Default(entries, settings)
	if other, by := f.unmodelled(settings, why); other != "" {
		return Choice{Why: by, Text: fmt.Sprintf("%s asks for %s, which is no entry file: what it starts cannot be told from here", by, other)}
	}
	if !ok {
		return Choice{Text: "no entry that the loader would show"}
	}
	c := Choice{File: e.File, Why: why, Bad: e.Name.Bad()}
	if i := slices.IndexFunc(f.Ours, func(o Own) bool { return o.File == e.File && o.Err == nil }); i >= 0 {
		c.State = f.Ours[i].State
	}
	c.Text = f.explain(c, e, entries, settings)
	return c
}

func (f Found) explain(c Choice, e bls.Entry, entries []bls.Entry, settings bls.Vars) string {
	text := "entry " + e.File + " of another system"
	if c.State != 0 {
		text = fmt.Sprintf("state %d (%s)", c.State, e.File)
	} else if slices.ContainsFunc(f.Ours, func(o Own) bool { return o.Rescue && o.File == e.File }) {
		text = "the rescue shell (" + e.File + ")"
	}
	pattern := "*"
	if i := slices.IndexFunc(settings.Rules(), func(r bls.Rule) bool { return r.Why == c.Why }); i >= 0 {
		pattern = settings.Rules()[i].Pattern
		text += fmt.Sprintf(": the first that matches %q of %s", pattern, c.Why)
	} else {
		text += ": the first in the order of the menu"
	}
	if rival := f.rival(pattern); rival != "" {
		text += ", unless the unified kernel " + rival + " stands above it"
	}
	if c.Bad {
		text += ", though it has no tries left"
		if !slices.ContainsFunc(entries, func(e bls.Entry) bool { return e.Hidden == "" && !e.Name.Bad() }) {
			text += "; no entry has any"
		}
	}
	if len(e.Missing) > 0 {
		text += "; it cannot start, for it lacks " + strings.Join(e.Missing, ", ")
	}
	if settings.Loader.Foreign != "" {
		text += "; a guess, for the loader is " + settings.Loader.Foreign
	}
	return text
}

// unmodelled is an id that a setting before the one that decided may mean: a
// unified kernel or one of the loader's own entries.
func (f Found) unmodelled(settings bls.Vars, decided bls.Why) (id string, by bls.Why) {
	for _, rule := range settings.Rules() {
		if rule.Why == decided {
			break
		}
		for _, id := range f.others() {
			if bls.Match(rule.Pattern, id) {
				return id, rule.Why
			}
		}
		if len(f.Vars.Entries) == 0 && strings.HasSuffix(strings.ToLower(rule.Pattern), unified) {
			return rule.Pattern, rule.Why
		}
	}
	return "", ""
}

const unified = ".efi" // ends the id of a unified kernel

// others are the ids that are no type #1 entries: what the loader listed at this
// boot, or without that what it may make up itself.
func (f Found) others() []string {
	if len(f.Vars.Entries) > 0 {
		return slices.DeleteFunc(slices.Clone(f.Vars.Entries), func(id string) bool { return strings.HasSuffix(strings.ToLower(id), bls.Suffix) })
	}
	return []string{"auto-windows", "auto-osx", "auto-efi-shell", "auto-efi-default", "auto-reboot-to-firmware-setup", "auto-poweroff", "auto-reboot"}
}

// rival is a unified kernel that the loader sorts among the entries and that
// pattern matches as well, "" if it saw none.
func (f Found) rival(pattern string) string {
	for _, id := range f.Vars.Entries {
		if strings.HasSuffix(strings.ToLower(id), unified) && bls.Match(pattern, id) {
			return id
		}
	}
	return ""
}
