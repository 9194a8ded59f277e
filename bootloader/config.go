package bootloader

import (
	"bytes"
	"fmt"
	"slices"

	"moss/bootloader/bls"
)

// freshConfig is the loader.conf of a partition that has none: the loader's own
// timeout is 0, which hides the menu from a person who needs it.
const freshConfig = "timeout 5\n"

// config plans loader.conf: its "default" means all states of ours, and their
// order says which. Naming one would start it also when it has no tries left. A
// default that someone else set stays, unless a person chose ours.
//
// One that does not decide now goes first, before it can, and one that is missing
// comes first where it changes nothing yet: the loader is not to start something
// else once our entries are without tries. Any other stands until the old entries
// are gone.
func (d *draft) config() (steps []Step, first bool) {
	if len(d.items) == 0 {
		return nil, false
	}
	text, pattern := d.found.ConfigText, everything(d.want.Token)
	current := bls.ConfigDefault(text)
	ours := current == "" || d.found.means(current) || isEverything(d.want.Token, current)
	if !ours && !d.want.TakeDefault || d.lean && ours && d.agrees(current) {
		return nil, false
	}
	what := fmt.Sprintf("take the default %q out of %s", current, d.found.Config)
	switch {
	case len(text) == 0: // none, or one that a power cut left empty
		text, what = []byte(freshConfig), "write "+d.found.Config
	case ours:
		what = "let the order decide the default in " + d.found.Config
	}
	if text = bls.WithDefault(text, pattern); bytes.Equal(text, d.found.ConfigText) {
		return nil, false
	}
	usual := d.found.Usual()
	return []Step{{Op: OpConfig, Path: d.found.Config, Data: text, Bytes: d.round(uint64(len(text))), Text: what}}, usual.Why != bls.ByConfig && (current != "" || usual.State != 0)
}

// stale: a setting of ours that names nothing.
func (f Found) stale(setting string) bool {
	_, there := f.named(setting)
	return f.means(setting) && !there
}

// agrees: a "default" of ours from before, or none, that does no harm yet. One
// that names a state that fails would start it over and over.
func (d *draft) agrees(current string) bool {
	state, there := d.found.named(current)
	return current == "" || there && state == d.want.first() && !d.want.fails(state)
}

// first is the state that the order is to put first.
func (w Want) first() uint64 {
	if w.Default == 0 {
		return w.newest()
	}
	return w.Default
}

// means: the setting of the loader can match nothing but entries of ours.
func (f Found) means(setting string) bool {
	prefix := folderName(f.Token) + "-"
	return len(setting) >= len(prefix) && equalFold(setting[:len(prefix)], prefix) &&
		!slices.ContainsFunc(f.Foreign, func(raw bls.Raw) bool { return bls.Match(setting, raw.File) })
}
