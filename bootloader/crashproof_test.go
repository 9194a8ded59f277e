package bootloader_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
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

// proof is one change of a menu, cut after every call of it.
type proof struct {
	rig
	random *rand.Rand
	// writeback: the kernel writes folder entries by itself now and then.
	writeback bool
	// limit is how many disks are looked at after one call, again how many of
	// all the different ones are synced once more.
	limit, again int
	want         bootloader.Want
	// blind: the sync after a cut does not see which files share clusters.
	blind   bool
	foreign map[string]string
	// config has what loader.conf may be: "" when it may be absent.
	config   []string
	bootable bool
	// final has the files of the menu that a sync without a cut makes.
	final []string
	// seen has the different disks, looked those that differ to a loader.
	seen, looked map[string]bool
	disks        int
}

func (p *proof) ours(file string) bool {
	return strings.HasPrefix(file, "loader/entries/moss-"+token+"-") || strings.HasPrefix(file, "moss-"+token+"/")
}

// run applies change to the menu that is there and returns the first fault.
func (p *proof) run(change func(*recorder) error) error {
	start := load(p.t, p.boot.Dir)
	p.seen, p.looked = map[string]bool{}, map[string]bool{}
	p.bootable = p.complete(image(start.now()).tree(true)) > 0
	rec := newRecorder(p.t, p.boot.Dir)
	if p.writeback {
		rec.fat.writeback = func() bool { return p.random.IntN(2) == 0 }
	}
	var fault error
	var left []image
	rec.cut = func(call string) {
		if fault != nil {
			return
		}
		rec.fat.images(p.limit, p.random, func(img image) bool {
			p.disks++
			all := img.tree(false)
			if key := digest(all); !p.seen[key] {
				p.seen[key] = true
				left = append(left, img)
			}
			if err := rec.leak(all); err != nil {
				fault = fmt.Errorf("cut after %s: %w", call, err)
			}
			tree := shown(img.tree(true))
			if key := digest(tree); !p.looked[key] {
				p.looked[key] = true
				if err := p.look(tree); err != nil {
					fault = fmt.Errorf("cut after %s: %w\n%s", call, err, strings.Join(rec.calls, "\n"))
				}
			}
			return fault == nil
		})
	}
	if err := change(rec); err != nil {
		return fmt.Errorf("%w\n%s", err, strings.Join(rec.calls, "\n"))
	}
	rec.cut = func(string) {}
	if fault == nil {
		fault = rec.same()
	}
	for _, img := range sample(left, p.again, p.random) {
		if fault == nil {
			fault = p.recover(img)
		}
	}
	return fault
}

func (f *fat) now() map[sectorKey]any {
	img := map[sectorKey]any{}
	for key, h := range f.sectors {
		img[key] = h.last()
	}
	return img
}

// shown is what of a disk a loader cares for: no temporary files, none under a
// short name, and not where the clusters are.
func shown(tree map[string]leaf) map[string]leaf {
	list := map[string]leaf{}
	for name, l := range tree {
		if !strings.HasPrefix(filepath.Base(name), ".") && !strings.Contains(name, "~") {
			list[name] = leaf{data: l.data, damaged: l.damaged}
		}
	}
	return list
}

func digest(tree map[string]leaf) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		fmt.Fprintf(&text, "%q %+v\n", name, tree[name])
	}
	return hash(text.String())
}

func sample[T any](list []T, n int, random *rand.Rand) []T {
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(n, len(list))]
}

// genuine: the file is whole and holds what its name says.
func genuine(tree map[string]leaf, file string) bool {
	l, ok := tree[strings.TrimPrefix(file, "/")]
	base, _, _ := strings.Cut(filepath.Base(file), ".")
	return ok && !l.damaged && strings.HasPrefix(hash(l.data), base)
}

func whole(tree map[string]leaf, e bls.Entry) bool {
	return !slices.ContainsFunc(e.Files(), func(file string) bool { return !genuine(tree, file) })
}

func (p *proof) complete(tree map[string]leaf) int {
	n := 0
	for file, l := range tree {
		if e, err := bls.Parse(filepath.Base(file), []byte(l.data)); p.ours(file) && err == nil && !l.damaged && whole(tree, e) {
			n++
		}
	}
	return n
}

// look is what the loader makes of a disk.
func (p *proof) look(tree map[string]leaf) error {
	dir := p.materialise(tree, true)
	defer os.RemoveAll(dir)
	raws, err := bls.Load(func(path string) (string, bool) { return esp.Fold(dir, path) })
	if err != nil {
		return err
	}
	var shown []bls.Entry
	good := 0
	for _, raw := range raws {
		if raw.Err != nil || raw.Entry.Hidden != "" {
			continue
		}
		shown = append(shown, raw.Entry)
		if !p.ours("loader/entries/" + raw.File) {
			continue
		}
		if !whole(tree, raw.Entry) {
			return fmt.Errorf("%s is shown and not complete", raw.File)
		}
		good++
	}
	if good == 0 && p.bootable {
		return errors.New("no complete entry")
	}
	config := bls.ConfigDefault([]byte(tree["loader/loader.conf"].data))
	if e, _, ok := bls.Default(shown, bls.Vars{Config: config}); ok && p.bootable && !p.ours("loader/entries/"+e.File) {
		return fmt.Errorf("%s is chosen", e.File)
	}
	if l := tree["loader/loader.conf"]; l.damaged || !slices.Contains(p.config, l.data) {
		return fmt.Errorf("loader.conf: got %q, want one of %q", l.data, p.config)
	}
	return p.checkForeign(tree)
}

func (p *proof) checkForeign(tree map[string]leaf) error {
	for file, text := range p.foreign {
		if l := tree[file]; l.data != text || l.damaged {
			return fmt.Errorf("foreign %s: got %q, want %q", file, l.data, text)
		}
	}
	return nil
}

// materialise makes a folder of a disk. A loader sees nothing of a file that it
// cannot read.
func (p *proof) materialise(tree map[string]leaf, loader bool) string {
	dir, err := os.MkdirTemp(p.host, "disk")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			err = os.Mkdir(path, 0o755)
		} else if !loader || !tree[name].damaged {
			err = os.WriteFile(path, []byte(tree[name].data), 0o644)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return dir
}

// recover syncs once more on a disk that a cut left, after a fsck. The menu must
// come out as wanted.
func (p *proof) recover(img image) error {
	rec := &recorder{t: p.t, temps: 1000, fat: img.mount(), fail: func(int, string) error { return nil }, cut: func(string) {}}
	mounted := image(rec.fat.now())
	rec.root = p.materialise(mounted.tree(false), false)
	defer os.RemoveAll(rec.root)
	r := p.rig
	r.boot = esp.Boot{ESP: rec.root, Dir: rec.root}
	plan, err := r.plan(p.want)
	if err != nil {
		return fmt.Errorf("plan after a cut: %w", err)
	}
	warnings, err := bootloader.ApplyOn(plan, nil, &wrong{recorder: rec, noStart: p.blind})
	if err != nil {
		return fmt.Errorf("sync after a cut: %w", err)
	}
	if len(warnings) > 0 {
		return nil
	}
	if err := rec.same(); err != nil {
		return fmt.Errorf("after a cut and %s:\n%w", ops(plan), err)
	}
	if got := p.menu(rec.root); !slices.Equal(got, p.final) {
		return fmt.Errorf("after a cut and a sync: got %v, want %v", got, p.final)
	}
	return nil
}

// menu lists our files with their content, but for those whose long name was
// lost in a cut: nobody can know them. Whether an entry has its counter depends on
// when the cut was.
func (p *proof) menu(dir string) []string {
	var list []string
	for _, pattern := range []string{"loader/*", "loader/entries/*", "moss-" + token + "/*", "loader/entries/.*", "moss-" + token + "/.*"} {
		paths, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, path := range paths {
			rel, _ := filepath.Rel(dir, path)
			data, err := os.ReadFile(path)
			if name, ok := bls.ParseName(filepath.Base(rel)); ok && filepath.Base(rel) != "loader.conf" {
				rel = filepath.Join(filepath.Dir(rel), name.Stem)
			}
			if err == nil && !strings.Contains(rel, "~") {
				list = append(list, rel+" "+hash(string(data))[:8])
			}
		}
	}
	slices.Sort(list)
	return list
}

// big are contents of several clusters, so that chains can break.
var big = []string{
	strings.Repeat("kernel A ", 70), strings.Repeat("kernel B ", 40), strings.Repeat("initrd A ", 50), strings.Repeat("initrd B ", 10), "initrd C",
}

func draw(rt *rapid.T, r rig, label string) bootloader.Want {
	var list []bootloader.State
	for _, id := range rapid.SliceOfNDistinct(rapid.Uint64Range(1, 6), 1, 4, rapid.ID[uint64]).Draw(rt, label) {
		files := rapid.SampledFrom(big[:2]).Draw(rt, "kernel")
		for _, initrd := range rapid.SliceOfN(rapid.SampledFrom(big[2:]), 0, 2).Draw(rt, "initrds") {
			files += "+" + initrd
		}
		s := r.state(id, "6.1="+files)
		s.Kernels[0].Cmdline = append(s.Kernels[0].Cmdline, rapid.SampledFrom([]string{"quiet", strings.Repeat("a.long=option ", 20) + "rw"}).Draw(rt, "options"))
		s.Tries = rapid.UintMax(2).Draw(rt, "tries")
		list = append(list, s)
	}
	w := want(list...)
	w.Keep = rapid.IntRange(1, 4).Draw(rt, "keep")
	return w
}

// newProof has a menu on its disk and wants another.
func newProof(t testing.TB, rt *rapid.T) *proof {
	dir, err := os.MkdirTemp(t.TempDir(), "proof")
	if err != nil {
		t.Fatal(err)
	}
	boot := filepath.Join(dir, "boot")
	p := &proof{rig: rig{t: t, host: dir, boot: esp.Boot{ESP: boot, Dir: boot}}, limit: 12, again: 3, foreign: map[string]string{}}
	if err := os.Mkdir(boot, 0o755); err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(rt, "foreign") {
		p.foreign = map[string]string{"EFI/Linux/uki.efi": strings.Repeat("MZ", 300), "loader/entries/other.conf": "title x\nlinux /EFI/Linux/uki.efi\n"}
		p.write("loader/loader.conf", "# mine\n"+strings.Repeat("timeout 3\n", 40))
		for file, text := range p.foreign {
			p.write(file, text)
		}
	}
	p.random = rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
	p.writeback = rapid.Bool().Draw(rt, "writeback")
	p.want = draw(rt, p.rig, "before")
	if rapid.IntRange(0, 3).Draw(rt, "old menu") > 0 {
		p.apply(newRecorder(t, boot))
	}
	if rapid.Bool().Draw(rt, "rewrite") {
		p.rewrite()
	} else {
		p.want = draw(rt, p.rig, "after")
	}
	return p
}

// rewrite wants the same menu with other command lines: entries are replaced
// under their names.
func (p *proof) rewrite() {
	p.want.States = slices.Clone(p.want.States)
	for n, s := range p.want.States {
		k := s.Kernels[0]
		k.Cmdline = append([]string{strings.Repeat("changed ", 30)}, k.Cmdline...)
		p.want.States[n].Kernels = []bootloader.Kernel{k}
	}
}

func (p *proof) close() { os.RemoveAll(p.host) }

// apply makes the wanted menu without a cut.
func (p *proof) apply(rec *recorder) {
	p.t.Helper()
	r := p.rig
	r.boot = esp.Boot{ESP: rec.root, Dir: rec.root}
	plan, err := r.plan(p.want)
	if err == nil {
		_, err = bootloader.ApplyOn(plan, nil, rec)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// prepare makes the plan, and on a copy the menu that every sync after a cut has
// to make.
func (p *proof) prepare() bootloader.Plan {
	p.t.Helper()
	plan, err := p.plan(p.want)
	if err != nil {
		p.t.Fatal(err)
	}
	p.config = []string{p.text("loader/loader.conf")}
	for _, step := range plan.Steps {
		if step.Op == bootloader.OpConfig {
			p.config = append(p.config, string(step.Data))
		}
	}
	copied := p.materialise(image(load(p.t, p.boot.Dir).now()).tree(false), false)
	defer os.RemoveAll(copied)
	p.apply(newRecorder(p.t, copied))
	p.final = p.menu(copied)
	return plan
}

func (p *proof) text(file string) string {
	data, err := os.ReadFile(p.path(file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Fatal(err)
	}
	return string(data)
}

// sync is the change that most proofs are about.
func (p *proof) sync() error {
	plan := p.prepare()
	return p.run(func(rec *recorder) error {
		_, err := bootloader.ApplyOn(plan, nil, rec)
		return err
	})
}

// prove runs a property a few times: each looks at hundreds of disks.
func prove(t *testing.T, property func(rt *rapid.T, p *proof) error) {
	t.Helper()
	flag := flag.Lookup("rapid.checks")
	if flag.Value.String() == flag.DefValue {
		defer flag.Value.Set(flag.DefValue)
		if err := flag.Value.Set("12"); err != nil {
			t.Fatal(err)
		}
	}
	disks, different := 0, 0
	rapid.Check(testutil.Seeded(t), func(rt *rapid.T) {
		p := newProof(t, rt)
		defer p.close()
		if err := property(rt, p); err != nil {
			rt.Fatal(err)
		}
		disks, different = disks+p.disks, different+len(p.seen)
	})
	t.Logf("%d disks, %d different", disks, different)
}
