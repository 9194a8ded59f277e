package bootloader

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"moss/bootloader/bls"
	"moss/bootloader/efivar"
)

// prefers: the loader reads LoaderEntryPreferred.
func (v Variables) prefers() bool { return v.Features&bls.FeaturePreferred != 0 }

// Wish is the state of ours that a person asked for behind our back, by the "d"
// key of the loader's menu or with another program: the one that
// LoaderEntryPreferred, LoaderEntryDefault or "default" of loader.conf names, 0
// when none names an entry that is there. What only repeats the order is not
// news, so anything else goes before it.
func (f Found) Wish() uint64 {
	known, wish := f.first(), uint64(0)
	for _, state := range f.hints() {
		if state != known {
			return state
		}
		wish = state
	}
	return wish
}

// hints are the states that settings name, in the order in which the loader
// follows them. One that means all entries leaves it to their order.
func (f Found) hints() []uint64 {
	settings := []string{f.Vars.Default, bls.ConfigDefault(f.ConfigText)}
	if f.Vars.prefers() {
		settings = append([]string{f.Vars.Preferred}, settings...)
	}
	var states []uint64
	for _, setting := range settings {
		if state, there := f.named(setting); there && state != 0 && !isEverything(f.Token, setting) {
			states = append(states, state)
		}
	}
	return states
}

// first is the state that the order puts first, counters aside.
func (f Found) first() uint64 {
	state := f.DefaultState()
	for _, own := range f.Ours {
		if f.DefaultState() == 0 {
			state = max(state, own.State)
		}
	}
	return state
}

// named finds the entry of ours that a setting of the loader means, in the
// loader's order: by pattern, with or without the counter (ids lose it from 259
// on), or by a name that had another counter. It is false when there is none.
func (f Found) named(setting string) (state uint64, there bool) {
	if !f.means(setting) {
		return 0, false
	}
	exact, _ := bls.ParseName(strings.ToLower(setting))
	list := choose(f.Ours, func(o Own) bool {
		return bls.Match(setting, o.File) || bls.Match(setting, o.Name.Stem+bls.Suffix) || equalFold(exact.Stem, o.Name.Stem)
	})
	if len(list) == 0 {
		return 0, false
	}
	return slices.MinFunc(list, func(a, b Own) int {
		return cmp.Or(boolean(a.Err != nil, b.Err != nil), bls.Compare(a.Entry, b.Entry))
	}).State, true
}

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }

// variables plans what the loader is told beside the order, which has said it
// all: a newer loader gets the same as a preference, and what would beat the
// order goes. It gets none where somebody else has the say, which a preference
// would take. What decides now does so to the last; what does not decide goes
// first, or it might as soon as its entry is there again or another one is gone,
// and of two the one that the other one beats.
//
// LoaderEntryDefault is never written: it would start an entry that has no tries
// left. What somebody else put into a variable stays unless a person chose ours.
func (w Want) variables(f, now Found) (first, last []Step) {
	v := f.Vars
	if !v.Present || len(w.kept()) == 0 {
		return nil, nil
	}
	free := func(value string) bool { return value == "" || f.means(value) || w.TakeDefault }
	preferred := ""
	if w.Default != 0 && v.prefers() && (w.TakeDefault || f.decides() || equalFold(v.Preferred, Pattern(w.Token, w.Default))) {
		preferred = Pattern(w.Token, w.Default)
	}
	goes := v.Preferred != preferred && free(v.Preferred)
	decides := f.decisive(goes, free(v.Default), now.ConfigText)
	if v.Default != "" && free(v.Default) {
		step := w.variable(now, string(bls.ByDefault), v.Default, "")
		if decides == bls.ByDefault {
			last = append(last, step)
		} else {
			first = append(first, step)
		}
	}
	if goes {
		step := w.variable(now, string(bls.ByPreferred), v.Preferred, preferred)
		switch chosen := preferred != "" && f.Usual().State == w.Default; {
		case chosen:
			first = append(first, step) // what says so now may name an entry that goes
		case v.Preferred != "" && decides != bls.ByPreferred:
			first = append(first, w.variable(now, string(bls.ByPreferred), v.Preferred, ""))
			fallthrough
		default:
			if preferred != "" || decides == bls.ByPreferred {
				// Before the other goes, or somebody else might decide in between.
				last = slices.Insert(last, 0, step)
			}
		}
	}
	if now.stale(v.OneShot) {
		first = append(first, w.variable(now, string(bls.ByOneShot), v.OneShot, ""))
	}
	return first, last
}

// decisive is what decides now, "" when the loader starts the same without the
// variables that go, with loader.conf as it is and as it is to be: then the order
// can decide from the first step on.
func (f Found) decisive(preferred, fallback bool, config []byte) bls.Why {
	usual := f.Usual()
	if preferred {
		f.Vars.Preferred = ""
	}
	if fallback {
		f.Vars.Default = ""
	}
	before := f.Usual()
	f.ConfigText = config
	if before.File == usual.File && f.Usual().File == usual.File {
		return ""
	}
	return usual.Why
}

// decides: what the loader starts now is said by us, be it by the order alone, or
// by nobody. A preference that is new beats what anybody else said.
func (f Found) decides() bool {
	s := f.settings()
	setting, said := map[bls.Why]string{
		bls.ByPreferred: s.Preferred, bls.ByConfigPreferred: s.ConfigPreferred, bls.ByDefault: s.Default, bls.ByConfig: s.Config,
	}[f.Usual().Why]
	return !said || f.means(setting) || isEverything(f.Token, setting)
}

// variable is the step from one value to another; "" is none.
func (w Want) variable(now Found, name, from, to string) Step {
	state, there := now.named(from)
	step := Step{Op: OpUnset, Key: efivar.Loader(name)}
	switch {
	case to != "":
		step.Op, step.Data = OpSet, efivar.Encode(to)
		step.Text = fmt.Sprintf("set %s to state %d", name, w.Default)
	case there:
		step.Text = fmt.Sprintf("remove %s: the order says which entry is first", name)
	case now.means(from):
		step.Text = fmt.Sprintf("remove %s: its entry %s is gone", name, from)
	default:
		step.Text = fmt.Sprintf("remove %s: it asks for %s", name, clip(plain(from), maxTitle))
	}
	foreign := from != "" && !now.means(from)
	read := name == "LoaderEntryDefault" || name == "LoaderEntryPreferred" && now.Vars.prefers()
	step.Needed = read && (foreign || there && state != w.first())
	return step
}
