package bootloader_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/esp"
	"moss/internal/testutil"
)

// world is a rig whose partition is made of random pieces.
type world struct {
	rig
	rt *rapid.T
	// foreign has the bytes of every file that is not ours.
	foreign map[string]string
}

var contents = []string{
	strings.Repeat("kernel A", 800), strings.Repeat("kernel B", 500), strings.Repeat("initrd A", 1500), strings.Repeat("initrd B", 100), "initrd C",
}

func newWorld(t *testing.T, rt *rapid.T) *world {
	dir, err := os.MkdirTemp(t.TempDir(), "world")
	if err != nil {
		t.Fatal(err)
	}
	boot := filepath.Join(dir, "boot")
	w := &world{rig: rig{t: t, host: dir, boot: esp.Boot{ESP: boot, Dir: boot}}, rt: rt, foreign: map[string]string{}}
	if err := os.Mkdir(boot, 0o755); err != nil {
		t.Fatal(err)
	}
	rt.Cleanup(func() { os.RemoveAll(dir) })
	return w
}

func (w *world) drawWant(label string) bootloader.Want {
	rt := w.rt
	kernel := rapid.Custom(func(rt *rapid.T) string {
		files := []string{rapid.SampledFrom([]string{"A", "B"}).Draw(rt, "image")}
		files = append(files, rapid.SliceOfN(rapid.SampledFrom([]string{"C", "D", "E"}), 0, 2).Draw(rt, "initrds")...)
		return rapid.SampledFrom([]string{"6.1", "6.1.5", "6.12_X"}).Draw(rt, "release") + "=" + strings.Join(files, "+")
	})
	big := func(kernels []string) []string {
		names := strings.NewReplacer("A", contents[0], "B", contents[1], "C", contents[2], "D", contents[3], "E", contents[4])
		for i, text := range kernels {
			release, files, _ := strings.Cut(text, "=")
			kernels[i] = release + "=" + names.Replace(files)
		}
		return kernels
	}
	release := func(text string) string { before, _, _ := strings.Cut(text, "="); return before }
	var list []bootloader.State
	for id := range rapid.SliceOfNDistinct(rapid.Uint64Range(1, 12), 0, 9, rapid.ID[uint64]).Draw(rt, label+" states") {
		s := w.state(uint64(id)+1, big(rapid.SliceOfNDistinct(kernel, 0, 2, release).Draw(rt, "kernels"))...)
		s.Pinned = rapid.IntRange(0, 5).Draw(rt, "pinned") == 0
		s.Summary = rapid.SampledFrom([]string{"install", "remove"}).Draw(rt, "summary")
		list = append(list, s)
	}
	id := rapid.Uint64Range(0, 12)
	want := want(list...)
	want.Active, want.Booted, want.Good = id.Draw(rt, "active"), id.Draw(rt, "booted"), id.Draw(rt, "good")
	want.Keep = rapid.IntRange(0, 6).Draw(rt, "keep")
	setTries(want, rapid.UintMax(3).Draw(rt, "tries"))
	if ids := bootable(want); len(ids) > 0 && rapid.Bool().Draw(rt, "a default") {
		want.Default = rapid.SampledFrom(ids).Draw(rt, "default")
	}
	if rapid.IntRange(0, 3).Draw(rt, "rescue") == 0 {
		want.Rescue = &w.state(1, "6.1="+contents[0]+"+"+contents[3]).Kernels[0]
	}
	want.Once = id.Draw(rt, "once")
	for i := range want.States {
		want.States[i].Bad = rapid.IntRange(0, 3).Draw(rt, "bad") == 0
	}
	want.TakeDefault = rapid.IntRange(0, 3).Draw(rt, "take") == 0
	return want
}

// bootable are the states with a kernel, newest first.
func bootable(want bootloader.Want) []uint64 {
	var ids []uint64
	for _, s := range want.States {
		if len(s.Kernels) > 0 {
			ids = append(ids, s.ID)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

// inMenu has the states that the menu is to show, newest first, and of these the
// ones that it must.
func inMenu(want bootloader.Want) (all, must []uint64) {
	keep := want.Keep
	if keep == 0 {
		keep = 5
	}
	newest, bad := uint64(0), failed(want)
	for i, id := range bootable(want) {
		pinned := slices.ContainsFunc(want.States, func(s bootloader.State) bool { return s.ID == id && s.Pinned })
		held := pinned || slices.Contains([]uint64{want.Active, want.Booted, want.Default, want.Good, want.Once}, id)
		if i < keep || held {
			all = append(all, id)
			if newest == 0 && !bad[id] {
				newest = id
			}
		}
		if held {
			must = append(must, id)
		}
	}
	if newest == 0 && len(all) > 0 {
		newest = all[0]
	}
	if newest != 0 && !slices.Contains(must, newest) {
		must = append(must, newest)
	}
	return all, must
}

// failed are the states that are known to fail.
func failed(want bootloader.Want) map[uint64]bool {
	bad := map[uint64]bool{}
	for _, s := range want.States {
		bad[s.ID] = s.Bad
	}
	return bad
}

// checkBad: what is known to fail has no tries. Where space is short the name may
// wait as long as something better stands above it.
func (w *world) checkBad(want bootloader.Want, short bool) {
	if len(bootable(want)) == 0 {
		return
	}
	bad, stems := failed(want), map[string]bool{}
	for _, s := range want.States {
		for _, k := range s.Kernels {
			stems[bootloader.Stem(token, s.ID, k.Version)] = true
		}
	}
	for _, own := range w.scan().Ours {
		if !bad[own.State] || !stems[own.Name.Stem] || own.Name.Bad() {
			continue
		}
		_, must := inMenu(want)
		better := slices.ContainsFunc(must, func(id uint64) bool { return id > own.State && !bad[id] }) || want.Default > own.State
		if !short || !better {
			w.rt.Fatalf("%s of a state that fails has tries left", own.File)
		}
	}
}

// disturb does what others and power cuts do to a partition.
func (w *world) disturb() {
	rt := w.rt
	for _, own := range w.scan().Ours {
		path := filepath.Join(w.boot.Dir, "loader/entries", own.File)
		switch rapid.IntRange(0, 9).Draw(rt, "entry "+own.File) {
		case 0:
			name := own.Name
			name.Counted, name.Left, name.Done = true, 0, 3
			w.must(os.Rename(path, filepath.Join(filepath.Dir(path), name.File())))
		case 1:
			name := own.Name
			name.Counted = false
			w.must(os.Rename(path, filepath.Join(filepath.Dir(path), name.File())))
		case 2:
			w.must(os.WriteFile(filepath.Join(filepath.Dir(path), bls.Name{Stem: own.Name.Stem, Counted: true, Left: 1, Done: 7}.File()), own.Data, 0o644))
		case 3:
			w.must(os.WriteFile(path, own.Data[:len(own.Data)/2], 0o644))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(w.scan().Files)) {
		switch rapid.IntRange(0, 7).Draw(rt, "file") {
		case 0:
			w.must(os.Remove(path))
		case 1:
			w.must(os.WriteFile(path, []byte("kernel a"), 0o644))
		case 2:
			w.must(os.WriteFile(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp-1"), []byte("ker"), 0o644))
		}
	}
	for i := range rapid.IntRange(0, 3).Draw(rt, "foreign") {
		rel := rapid.SampledFrom([]string{"loader/entries/other%d.conf", "EFI/Linux/uki%d.efi", "moss-zzzzzzzz/x%d.linux", "moss-" + token + "/note%d", "loader/entries/moss-" + token + "-x%d.conf"}).Draw(rt, "where")
		text := rapid.SampledFrom([]string{"", "linux /x\n", "linux /EFI/Linux/uki0.efi\nsort-key 0\n", "linux /" + name(contents[0], ".linux") + "\n", "initrd \\" + name(contents[4], ".initrd")}).Draw(rt, "text")
		w.foreign[fmt.Sprintf(rel, i)] = text
		w.write(fmt.Sprintf(rel, i), text)
	}
}

func (w *world) must(err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.rt.Fatal(err)
	}
}

// complete lists our entries that the loader shows and can start: every file is
// there and holds what its name says.
func (w *world) complete() []bootloader.Own { return w.completeOf(w.scan()) }

func (w *world) completeOf(found bootloader.Found) []bootloader.Own {
	var good []bootloader.Own
	for _, own := range found.Ours {
		if own.Err != nil || own.Entry.Hidden != "" || len(own.Entry.Missing) > 0 {
			continue
		}
		if !slices.ContainsFunc(own.Entry.Files(), func(file string) bool { return !w.genuine(found, file) }) {
			good = append(good, own)
		}
	}
	return good
}

func (w *world) genuine(found bootloader.Found, file string) bool {
	content, ok := found.Files[w.path(file)]
	return ok && strings.HasPrefix(filepath.Base(file), content.Hash[:32])
}

func TestEverySyncKeepsThePromises(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(rt *rapid.T) {
		w := newWorld(t, rt)
		w.quick(w.drawWant("first"))
		w.disturb()
		booted := map[string]bool{}
		want := w.drawWant("second")
		for _, own := range w.scan().Ours {
			if own.State == want.Booted && !own.Rescue {
				booted[own.Name.Stem] = true
			}
		}
		before := w.complete()
		w.cutEverywhere(want, len(before) > 0)
		w.quick(want)
		w.checkMenu(want, nil, booted)
		w.checkBad(want, false)
		w.checkFiles(want)
		w.checkForeign()
		if plan, err := w.plan(want); err != nil || len(plan.Steps) != 0 {
			rt.Fatalf("got steps %s, %v the second time, want none", ops(plan), err)
		}
	})
}

// cutEverywhere stops after each step in turn; each time the next sync begins
// with what the last one left. If there was something to boot, there always is.
func (w *world) cutEverywhere(want bootloader.Want, bootable bool) {
	for n := 0; ; n++ {
		plan, err := w.plan(want)
		if err != nil {
			w.rt.Fatal(err)
		}
		cut := plan
		cut.Steps = plan.Steps[:min(n, len(plan.Steps))]
		if _, err := bootloader.ApplyOn(cut, nil, unsynced{}); err != nil {
			w.rt.Fatal(err)
		}
		if bootable && len(w.complete()) == 0 {
			w.rt.Fatalf("no complete entry after %d steps of %s", n, ops(plan))
		}
		if len(cut.Steps) == len(plan.Steps) {
			return
		}
		w.checkForeign()
	}
}

// checkMenu: one entry for each wanted kernel and nothing else but the booted.
func (w *world) checkMenu(want bootloader.Want, shrunk []uint64, booted map[string]bool) {
	all, _ := inMenu(want)
	wanted := map[string]bool{}
	for _, s := range want.States {
		for _, k := range s.Kernels {
			if slices.Contains(all, s.ID) && !slices.Contains(shrunk, s.ID) {
				wanted[bootloader.Stem(token, s.ID, k.Version)] = true
			}
		}
	}
	if len(wanted) > 0 && want.Rescue != nil {
		wanted["moss-"+token+"-rescue-6.1_"] = true
	}
	got := map[string]int{}
	for _, own := range w.scan().Ours {
		got[own.Name.Stem]++
		if len(wanted) > 0 && got[own.Name.Stem] > 1 && wanted[own.Name.Stem] {
			w.rt.Fatalf("a twin of %s", own.File)
		}
		if len(wanted) > 0 && !wanted[own.Name.Stem] && (own.State == 0 || own.State != want.Booted) {
			w.rt.Fatalf("%s is there, want only %v", own.File, wanted)
		}
	}
	for stem := range maps.Keys(wanted) {
		if got[stem] == 0 {
			w.rt.Fatalf("%s is not there", stem)
		}
	}
	for stem := range booted {
		if got[stem] == 0 {
			w.rt.Fatalf("the booted %s is gone", stem)
		}
	}
}

// checkFiles: all wanted entries are complete, no file is left over, and no
// temporary one.
func (w *world) checkFiles(want bootloader.Want) {
	found := w.scan()
	complete := map[string]bool{}
	for _, own := range w.complete() {
		complete[own.File] = true
	}
	var texts strings.Builder
	for _, own := range found.Ours {
		texts.Write(own.Data)
		isWanted := slices.ContainsFunc(want.States, func(s bootloader.State) bool { return s.ID == own.State })
		if isWanted && strings.Contains(string(own.Data), "\noptions ") && !complete[own.File] && own.State != want.Booted && len(bootable(want)) > 0 {
			w.rt.Fatalf("%s is not complete", own.File)
		}
	}
	for _, raw := range found.Foreign {
		texts.Write(raw.Data)
	}
	for path := range found.Files {
		if !strings.Contains(texts.String(), filepath.Base(path)) {
			w.rt.Fatalf("%s is left over", path)
		}
	}
	if len(found.Stale) > 0 {
		w.rt.Fatalf("%v is left over", found.Stale)
	}
}

func (w *world) checkForeign() {
	for rel, text := range w.foreign {
		if got, err := os.ReadFile(w.path(rel)); err != nil || string(got) != text {
			w.rt.Fatalf("%s: got %q, %v, want %q", rel, got, err, text)
		}
	}
}
