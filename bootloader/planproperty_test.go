package bootloader_test

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/efivar"
	"moss/bootloader/esp"
	"moss/internal/atomicfile"
	"moss/internal/testutil"
)

// trial is one plan, followed step by step on a disk that counts clusters.
type trial struct {
	*world
	want bootloader.Want
	vol  *volume
	// free is how many clusters were free at the start, limit how many there are.
	free, limit int
	vars        *efivar.Memory
	// calm: nothing was damaged and there is plenty of space.
	calm bool
}

// unsynced is a disk that spares the time of writing out what is read back from
// memory anyway.
type unsynced struct{ bootloader.RealDisk }

func (unsynced) SyncDir(string) error { return nil }
func (unsynced) SyncFS(string) error  { return nil }

func (u unsynced) Create(dir, pattern string) (atomicfile.File, error) {
	file, err := u.RealDisk.Create(dir, pattern)
	return unsyncedFile{file}, err
}

type unsyncedFile struct{ atomicfile.File }

func (unsyncedFile) Sync() error { return nil }

// quick is sync without waiting for the disk.
func (w *world) quick(want bootloader.Want) {
	plan, err := w.plan(want)
	if err == nil {
		_, err = bootloader.ApplyOn(plan, nil, unsynced{})
	}
	if err != nil {
		w.rt.Fatal(err)
	}
}

const plenty = 1 << 30 // clusters

func TestEveryPlanKeepsThePromises(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(rt *rapid.T) {
		tr := newTrial(t, rt)
		plan, err := tr.makePlan(tr.free)
		if err != nil {
			var space *bootloader.SpaceError
			if !errors.As(err, &space) || tr.calm {
				rt.Fatal(err)
			}
			tr.checkRefusal(space)
			return
		}
		booted := map[string]bool{}
		for _, own := range tr.scan().Ours {
			if own.State == tr.want.Booted && !own.Rescue {
				booted[own.Name.Stem] = true
			}
		}
		before := tr.found(plenty)
		tr.follow(plan)
		tr.checkMenu(tr.want, plan.Shrunk, booted)
		tr.checkBad(tr.want, tr.free < plenty)
		tr.checkShrunk(plan.Shrunk)
		tr.checkSay(before)
		tr.checkFiles(tr.want)
		tr.checkForeign()
		tr.checkChoice()
		tr.checkAgain(plan)
	})
}

func newTrial(t *testing.T, rt *rapid.T) *trial {
	tr := &trial{world: newWorld(t, rt), vars: &efivar.Memory{}, free: plenty}
	tr.calm = rapid.IntRange(0, 2).Draw(rt, "calm") == 0
	first := tr.drawWant("first")
	tr.quick(first)
	if !tr.calm {
		tr.disturb()
	}
	if text := rapid.SampledFrom([]string{"", "timeout 1\n", "default other*\n", "default moss-" + token + "-3-*\n", "default @saved\n"}).Draw(rt, "conf"); text != "" {
		tr.write("loader/loader.conf", text)
	}
	if rapid.IntRange(0, 3).Draw(rt, "another system") == 0 {
		tr.write("other", "x")
		tr.write("loader/entries/other.conf", "linux /other\n")
	}
	tr.want = tr.drawWant("second")
	tr.drawVars()
	tr.want.Contents, _ = bootloader.Digest(tr.want)
	tr.keepDefault()
	cluster := rapid.SampledFrom([]int{512, 2048, 8192}).Draw(rt, "cluster")
	tr.vol = volumeOf(tr.rig, cluster, rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "gaps"), 1)))
	if !tr.calm {
		plan, err := tr.makePlan(plenty)
		if err != nil {
			rt.Fatal(err)
		}
		tr.free = rapid.IntRange(0, int(plan.Need)/cluster+1).Draw(rt, "free")
	}
	tr.limit = tr.vol.used + tr.free
	return tr
}

func (tr *trial) drawVars() {
	names := []string{"", "", "windows*", "other*", "@saved", "moss-" + token + "-*", "moss-" + token + "-99-*", "moss-" + token + "-3-6.1_+3.conf"}
	for _, own := range tr.scan().Ours {
		names = append(names, own.File, own.Name.Stem+".conf", bootloader.Pattern(token, max(own.State, 1)))
	}
	for _, name := range []string{"LoaderEntryPreferred", "LoaderEntryDefault", "LoaderEntryOneShot"} {
		if text := rapid.SampledFrom(names).Draw(tr.rt, name); text != "" {
			tr.must(efivar.SetText(tr.vars, name, text))
		}
	}
	info := "systemd-boot 252.39"
	features := rapid.SampledFrom([]byte{0, 8}).Draw(tr.rt, "bit 19")
	if features != 0 {
		info = "systemd-boot 260"
	}
	tr.must(efivar.SetText(tr.vars, "LoaderInfo", info))
	tr.must(tr.vars.Write(efivar.Loader("LoaderFeatures"), []byte{0xff, 7, features, 0, 0, 0, 0, 0}, efivar.Volatile))
}

// keepDefault is what a sync does that is not to change the default.
func (tr *trial) keepDefault() {
	if !rapid.Bool().Draw(tr.rt, "keep the default") {
		return
	}
	found := tr.found(plenty)
	if tr.want.Default = found.Wish(); tr.want.Default == 0 {
		tr.want.Default = found.DefaultState()
	}
	if !slices.Contains(bootable(tr.want), tr.want.Default) {
		tr.want.Default = 0
	}
	tr.want.Contents, _ = bootloader.Digest(tr.want)
}

func (tr *trial) found(free int) bootloader.Found {
	found := tr.scan()
	found.Vars = bootloader.ReadVariables(tr.vars)
	if tr.vol != nil {
		found.Space = esp.Space{Free: uint64(free * tr.vol.cluster), Total: plenty, Cluster: uint64(tr.vol.cluster)}
		found.ESPSpace = found.Space
	}
	return found
}

func (tr *trial) makePlan(free int) (bootloader.Plan, error) {
	return bootloader.MakePlan(tr.want, tr.found(free))
}

// follow applies a plan step by step.
func (tr *trial) follow(plan bootloader.Plan) {
	good := tr.files(tr.complete())
	_, must := inMenu(tr.want)
	must = slices.DeleteFunc(append(must, tr.want.Booted), func(id uint64) bool { return id == 0 || !good.has(id) })
	bootable, before, choices := good.any(), tr.chosenBy(tr.found(plenty)), [][2]uint64{}
	for i, step := range plan.Steps {
		tr.vol.take(step)
		if tr.vol.peak > tr.limit {
			tr.rt.Fatalf("step %d of %s: %d clusters used, want at most %d", i, ops(plan), tr.vol.peak, tr.limit)
		}
		if _, err := bootloader.ApplyOn(bootloader.Plan{Boot: plan.Boot, Steps: plan.Steps[i : i+1]}, tr.vars, unsynced{}); err != nil {
			tr.rt.Fatal(err)
		}
		if step.Op == bootloader.OpSync || step.Op == bootloader.OpFolder || step.Op == bootloader.OpMarker {
			continue
		}
		found := tr.found(plenty)
		now, all := tr.files(tr.completeOf(found)), tr.files(found.Ours)
		for file := range all {
			fresh := step.Op == bootloader.OpEntry && strings.EqualFold(filepath.Base(step.Path), file) && all[file] != tr.want.Booted
			if _, whole := now[file]; !whole && (good[file] != 0 || fresh && all[file] != 0) {
				tr.rt.Fatalf("step %d of %s: %s has not got its files", i, ops(plan), file)
			}
		}
		good = now
		for _, id := range must {
			if !now.has(id) {
				tr.rt.Fatalf("step %d of %s: nothing starts state %d, which must stay", i, ops(plan), id)
			}
		}
		if bootable && !now.any() {
			tr.rt.Fatalf("step %d of %s: no complete entry", i, ops(plan))
		}
		choices = append(choices, tr.chosenBy(found))
	}
	tr.checkCuts(plan, before, choices)
}

// entries are states by their file; 0 is the rescue entry.
type entries map[string]uint64

func (e entries) has(id uint64) bool {
	for _, state := range e {
		if state == id {
			return true
		}
	}
	return false
}

// any: there is an entry of a state.
func (e entries) any() bool {
	for _, state := range e {
		if state != 0 {
			return true
		}
	}
	return false
}

func (tr *trial) files(list []bootloader.Own) entries {
	files := entries{}
	for _, own := range list {
		files[own.File] = own.State
	}
	return files
}

// checkCuts: at every cut the loader starts what it did before or what it is to
// start afterwards. Where only a setting of ours kept another system from having
// the say, it may start the first of ours in between. Left out are a default that
// is known to fail and a menu in which nothing works: what the loader makes of
// those changes with the last variable.
func (tr *trial) checkCuts(plan bootloader.Plan, before [2]uint64, choices [][2]uint64) {
	works := slices.ContainsFunc(bootable(tr.want), func(id uint64) bool { return !failed(tr.want)[id] })
	if !tr.calm || len(choices) == 0 || !works || failed(tr.want)[tr.want.Default] {
		return
	}
	found := tr.found(plenty)
	ours := tr.chosenBy(bootloader.Found{Ours: found.Ours})
	for i, now := range choices {
		for loader := range now {
			if found.Loader() != loaders()[loader] {
				continue // not the one of this machine
			}
			wanted := []uint64{before[loader], choices[len(choices)-1][loader]}
			if wanted[1] == 0 {
				wanted = append(wanted, ours[loader])
			}
			if before[loader] != 0 && !slices.Contains(wanted, now[loader]) {
				tr.rt.Fatalf("change %d of %s: loader %d starts state %d, want one of %v", i, ops(plan), loader, now[loader], wanted)
			}
		}
	}
}

// chosenBy has the states that 252 and 260 start by themselves, 0 for none.
func (tr *trial) chosenBy(found bootloader.Found) (states [2]uint64) {
	for i, loader := range loaders() {
		if own, ok := choiceOf(found, loader); ok {
			states[i] = own.State
		}
	}
	return states
}

func loaders() [2]bls.Loader { return [2]bls.Loader{{}, {Preferred: true, Bare: true}} }

func choiceOf(found bootloader.Found, loader bls.Loader) (bootloader.Own, bool) {
	var list []bls.Entry
	for _, own := range found.Ours {
		if own.Err == nil {
			list = append(list, own.Entry)
		}
	}
	for _, raw := range found.Foreign {
		if raw.Err == nil {
			list = append(list, raw.Entry)
		}
	}
	e, _, ok := bls.Default(list, bls.Vars{Preferred: found.Vars.Preferred, Default: found.Vars.Default, Config: bls.ConfigDefault(found.ConfigText), Loader: loader})
	i := slices.IndexFunc(found.Ours, func(o bootloader.Own) bool { return o.File == e.File })
	if !ok || i < 0 {
		return bootloader.Own{}, false
	}
	return found.Ours[i], true
}

// checkChoice: unless somebody else has the say, the loader starts the wanted
// default if it has tries left, else the newest that has, else anything.
func (tr *trial) checkChoice() {
	found := tr.found(plenty)
	if len(bootable(tr.want)) == 0 || foreign(found.Vars.Default) || foreign(bls.ConfigDefault(found.ConfigText)) {
		return
	}
	for _, raw := range found.Foreign {
		if foreign := strings.HasPrefix(raw.File, "moss-"+token+"-"); foreign && raw.Err == nil && raw.Entry.Hidden == "" {
			return // whoever calls an entry so takes part in the choice
		}
	}
	want, spare, good := uint64(0), uint64(0), false
	for _, own := range found.Ours {
		if own.Rescue {
			continue // never, as long as there is a state
		}
		if failed(tr.want)[own.State] && !own.Name.Bad() {
			return // of the booted one, whose kernel is not wanted any more
		}
		if own.Err == nil && own.Entry.Hidden == "" && !own.Name.Bad() && !slices.Contains(bootable(tr.want), own.State) {
			spare = own.State
		} else if own.Err == nil && own.Entry.Hidden == "" && !own.Name.Bad() {
			want, good = max(want, own.State), true
		}
	}
	for _, own := range found.Ours {
		if own.State == tr.want.Default && own.State != 0 && !own.Name.Bad() {
			want = own.State
		}
	}
	if want == 0 && spare != 0 {
		want, good = spare, true // the booted one without its state
	}
	if got, ok := choiceOf(found, loaders()[0]); !good {
		if tr.calm && (!ok || got.Rescue) {
			tr.rt.Fatalf("the loader starts %q, want a state even if all have failed", got.File)
		}
		return
	}
	for i, loader := range loaders() {
		if loader.Preferred && (foreign(found.Vars.Preferred) || found.Vars.Features&bls.FeaturePreferred == 0) {
			continue
		}
		if got, ok := choiceOf(found, loader); !ok || got.State != want || got.Name.Bad() {
			tr.rt.Fatalf("loader %d starts %q of state %d, want state %d", i, got.File, got.State, want)
		}
	}
}

func foreign(setting string) bool {
	return setting != "" && !strings.HasPrefix(setting, "moss-"+token+"-")
}

// checkShrunk: a good state gives way only when no bad one is left that may.
func (tr *trial) checkShrunk(shrunk []uint64) {
	all, must := inMenu(tr.want)
	bad := failed(tr.want)
	for _, id := range shrunk {
		if slices.Contains(must, id) {
			tr.rt.Fatalf("state %d gave way, want %v kept", id, must)
		}
	}
	if !slices.ContainsFunc(shrunk, func(id uint64) bool { return !bad[id] }) {
		return
	}
	for _, id := range all {
		if bad[id] && !slices.Contains(must, id) && !slices.Contains(shrunk, id) {
			tr.rt.Fatalf("%v gave way, and state %d, which fails, did not", shrunk, id)
		}
	}
}

// checkSay: what another system set, and the loader follows, it still follows,
// unless a person chose ours. An entry of theirs of which a file was gone that is
// ours too may come back with it, and match before the other.
func (tr *trial) checkSay(before bootloader.Found) {
	was, now := before.Usual(), tr.found(plenty).Usual()
	kept := before.Vars.Preferred == bootloader.Pattern(token, max(tr.want.Default, 1)) // chosen earlier
	if tr.want.TakeDefault || kept || was.Why == bls.ByOrder || !strings.HasPrefix(was.File, "other") {
		return
	}
	back := slices.ContainsFunc(before.Foreign, func(raw bls.Raw) bool { return raw.File == now.File && raw.Entry.Hidden != "" })
	if now.File != was.File && !back || now.Why != was.Why {
		tr.rt.Fatalf("the loader starts %q, want %q still", now.Text, was.Text)
	}
}

// checkAgain: there is nothing left to do. Where space was short the plan had to
// assume the worst of the folders; what that spared may be used the next time,
// and soon no more. Then states only come back: a menu whose states take turns
// wears the disk out and never settles.
func (tr *trial) checkAgain(first bootloader.Plan) {
	wrote, states := tr.wrote(first, map[string]bool{}), tr.files(tr.scan().Ours)
	for again := range 4 {
		plan, err := tr.makePlan(tr.limit - tr.vol.used)
		if err == nil && len(plan.Steps) == 0 {
			return
		}
		if err != nil || tr.free == plenty || again == 3 {
			tr.rt.Fatalf("got steps %s, %v after %d syncs, want none", ops(plan), err, again+1)
		}
		tr.follow(plan)
		wrote = tr.wrote(plan, wrote)
		now := tr.files(tr.scan().Ours)
		for _, id := range states {
			if !now.has(id) {
				tr.rt.Fatalf("state %d is gone after %d syncs: %s", id, again+1, ops(plan))
			}
		}
		states = now
	}
}

// wrote adds the entries that a plan writes. What one wrote goes with none.
func (tr *trial) wrote(plan bootloader.Plan, before map[string]bool) map[string]bool {
	for _, step := range plan.Steps {
		if step.Op == bootloader.OpDrop && before[step.Path] {
			tr.rt.Fatalf("%s removes %s, which this sync or one before it wrote", ops(plan), filepath.Base(step.Path))
		}
		before[step.Path] = before[step.Path] || step.Op == bootloader.OpEntry
	}
	return before
}

// checkRefusal computes in its own way what the least menu needs, with the
// folders at their worst: nothing may be refused that fits so.
func (tr *trial) checkRefusal(e *bootloader.SpaceError) {
	found := tr.found(tr.free)
	_, must := inMenu(tr.want)
	must = append(must, tr.want.Booted)
	var texts strings.Builder                   // of what stays
	free, need, names, last := tr.free, 0, 3, 0 // clusters, and names of loader.conf and folders
	complete := tr.files(tr.complete())
	for _, own := range found.Ours {
		if stays := slices.Contains(must, own.State) && own.State != 0; stays {
			texts.Write(own.Data)
			if complete.has(own.State) {
				last = -plenty
			}
			continue
		}
		free += tr.vol.clusters(len(own.Data))
		cost := 0
		for path, content := range found.Files {
			if strings.Contains(string(own.Data), filepath.Base(path)) {
				cost += tr.vol.clusters(int(content.Size))
			}
		}
		last = max(last, cost+2) // one of them may have to stay for a while
	}
	for _, raw := range found.Foreign {
		texts.WriteString(strings.ToLower(string(raw.Data)))
	}
	kernels := []bootloader.Kernel{}
	for _, s := range tr.want.States {
		if slices.Contains(must, s.ID) {
			kernels = append(kernels, s.Kernels...)
		}
	}
	if tr.want.Rescue != nil {
		kernels = append(kernels, *tr.want.Rescue)
	}
	for _, k := range kernels {
		need, names = need+tr.vol.clusters(800), names+1
		for i, path := range append([]string{k.Image}, k.Initrds...) {
			content := tr.want.Contents[path]
			file := content.Hash[:32] + []string{".linux", ".initrd"}[min(i, 1)]
			if !strings.Contains(texts.String(), "needed "+file) && found.Files[filepath.Join(found.Folder, file)] != content {
				need, names = need+tr.vol.clusters(int(content.Size)), names+1
			}
			texts.WriteString("needed " + file)
		}
	}
	for path, content := range found.Files {
		if !strings.Contains(texts.String(), filepath.Base(path)) {
			free += tr.vol.clusters(int(content.Size))
		}
	}
	for _, content := range found.Stale {
		free += tr.vol.clusters(int(content.Size))
	}
	// Five folders, loader.conf, entries.srel and a temporary file; names at most
	// eight slots long, and as many again for each length that there is.
	need += 8 + 5 + tr.vol.clusters(32*8*names+32*16*12)
	if need+max(last, 0) <= free {
		tr.rt.Fatalf("got %v with %d clusters free, want a plan: the least menu needs %d of %d", e, tr.free, need, free)
	}
	if e.Need <= e.Have || e.Need-e.Have > uint64(need*tr.vol.cluster) {
		tr.rt.Fatalf("got %v, want what is missing", e)
	}
}
