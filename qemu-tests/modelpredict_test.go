package qemutests

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/efivar"
	"moss/bootloader/esp"
	"moss/qemu-tests/probe"
)

// outcome is what one start of the loader comes to.
type outcome struct {
	Shown    []string // ids in the order of the menu, without those of the loader's own
	Selected string
	// CountPath and Files are what became of the counter: the loader's word for
	// it and the names on the disk.
	CountPath string
	Files     []string
	// The hints that are left for the next time.
	OneShot, Default, LastBooted string
}

// firmwareEntry is the entry that the loader itself adds here, after all others.
const firmwareEntry = "auto-reboot-to-firmware-setup"

func outcomeOf(a probe.Answer) outcome {
	shown := a.Vars.Strings("LoaderEntries")
	if n := len(shown); n > 0 && shown[n-1] == firmwareEntry {
		shown = shown[:n-1]
	}
	return outcome{
		Shown: shown, Selected: a.Vars.Text("LoaderEntrySelected"),
		CountPath: a.Vars.Text("LoaderBootCountPath"), Files: a.Entries,
		OneShot: a.Vars.Text("LoaderEntryOneShot"), Default: a.Vars.Text("LoaderEntryDefault"), LastBooted: a.Vars.Text("LoaderEntryLastBooted"),
	}
}

// predict is what our reading of the loader's rules makes of a set. Entries that
// no rule tells apart keep the order of the folder, which only the loader knows:
// order has it.
func predict(t *testing.T, q probe.Question, order []string) outcome {
	t.Helper()
	entries := shownEntries(t, q)
	slices.SortFunc(entries, func(a, b bls.Entry) int {
		return cmp.Compare(slices.Index(order, a.ID()), slices.Index(order, b.ID()))
	})
	bls.Sort(entries)
	vars := settings(q)
	o := outcome{Files: entryFiles(q), Default: vars.Default}
	for _, e := range entries {
		o.Shown = append(o.Shown, e.ID())
	}
	chosen, _, ok := bls.Default(entries, vars)
	if !ok {
		t.Fatalf("a set without an entry: %s", show(q))
	}
	o.Selected = chosen.ID()
	o.LastBooted = lastBooted(vars, o.Selected)
	o.count(chosen)
	return o
}

// shownEntries reads a set as moss reads $BOOT.
func shownEntries(t *testing.T, q probe.Question) []bls.Entry {
	t.Helper()
	dir := t.TempDir()
	if err := probe.WriteTree(dir, q.Files); err != nil {
		t.Fatal(err)
	}
	raws, err := bls.Load(func(path string) (string, bool) { return esp.Fold(dir, path) })
	if err != nil {
		t.Fatal(err)
	}
	var entries []bls.Entry
	for _, raw := range raws {
		if raw.Err == nil && raw.Entry.Hidden == "" {
			entries = append(entries, raw.Entry)
		}
	}
	return entries
}

// next is what moss-boot tells a person about the next start.
type next struct {
	bootloader.Choice
	// doubtful: it says that it cannot tell, or two entries are alike to every rule
	// and the order of the folder decides, which FAT does not show us.
	doubtful bool
}

func nextOf(t *testing.T, q probe.Question) next {
	t.Helper()
	h := &home{t: t, dir: t.TempDir()}
	h.must(probe.WriteTree(h.dir, q.Files))
	for name, data := range q.Vars {
		h.must(h.vars.Write(efivar.Loader(name), data, efivar.Stored))
	}
	n := next{Choice: h.look().Next()}
	entries := shownEntries(t, q)
	for i, a := range entries {
		n.doubtful = n.doubtful || slices.ContainsFunc(entries[:i], func(b bls.Entry) bool { return bls.Compare(a, b) == 0 })
	}
	n.doubtful = n.doubtful || n.File == "" && strings.Contains(n.Text, "cannot be told")
	return n
}

func settings(q probe.Question) bls.Vars {
	return bls.Vars{
		OneShot: q.Vars.Text("LoaderEntryOneShot"), Default: q.Vars.Text("LoaderEntryDefault"), LastBooted: q.Vars.Text("LoaderEntryLastBooted"),
		Config: bls.ConfigDefault(q.Files["loader/loader.conf"]),
	}
}

// lastBooted is what the loader remembers: only when somebody wants it, and it
// forgets when nobody does. A one-shot by the entry's exact name changes nothing.
func lastBooted(vars bls.Vars, selected string) string {
	switch {
	case strings.ToLower(vars.OneShot) == selected:
		return vars.LastBooted
	case strings.EqualFold(cmp.Or(vars.Default, vars.Config), "@saved"):
		return selected
	}
	return ""
}

// count takes a try from the chosen entry. A name that is there already stops it.
func (o *outcome) count(e bls.Entry) {
	if !e.Name.Counted {
		return
	}
	name := e.Name
	name.Left, name.Done = max(name.Left, 1)-1, min(name.Done+1, 1<<31-1)
	if slices.ContainsFunc(o.Files, func(other string) bool { return strings.EqualFold(other, name.File()) }) {
		return
	}
	o.CountPath = `\loader\entries\` + name.File()
	o.Files[slices.Index(o.Files, e.File)] = name.File()
	slices.Sort(o.Files)
}
