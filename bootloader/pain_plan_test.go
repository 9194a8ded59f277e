package bootloader_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/efivar"
	"moss/bootloader/esp"
	"moss/internal/testutil"
)

// short makes a plan on a partition with so many clusters of 512 bytes free.
func (r rig) short(w bootloader.Want, clusters int) (bootloader.Plan, error) {
	r.t.Helper()
	var err error
	if w.Contents, err = bootloader.Digest(w); err != nil {
		r.t.Fatal(err)
	}
	found := r.scan()
	found.Space = esp.Space{Free: uint64(clusters) * 512, Total: 1 << 20, Cluster: 512}
	return bootloader.MakePlan(w, found)
}

// own is a state that shares no file with any other; its files take 20 clusters.
func own(r rig, id uint64) bootloader.State {
	return r.state(id, "6.1="+strings.Repeat(string(rune('a'+id)), 10*512)+"+"+strings.Repeat(string(rune('A'+id)), 10*512))
}

func (r rig) apply(plan bootloader.Plan, vars efivar.Vars) {
	r.t.Helper()
	if _, err := bootloader.Apply(plan, vars); err != nil {
		r.t.Fatal(err)
	}
}

// A full partition is found out before anything is written, with figures and
// with what would help.
func TestPain01FullESPIsRefusedBeforeTheFirstWrite(t *testing.T) {
	r := newRig(t, testutil.Tree{"EFI/Microsoft/Boot/bootmgfw.efi": strings.Repeat("w", 4096)})
	w := want(own(r, 1), own(r, 2))
	w.Booted, w.Active, w.States[0].Pinned = 2, 2, true
	r.sync(w)
	before := r.stamps()
	w.States = append(w.States, own(r, 3))
	_, err := r.short(w, 5)
	var space *bootloader.SpaceError
	if !errors.As(err, &space) {
		t.Fatalf("got %v, want a SpaceError", err)
	}
	if space.Need < 21*512 || space.Need > 27*512 || space.Have != 5*512 {
		t.Errorf("got need %d, have %d, want 21 to 27 clusters and 5", space.Need, space.Have)
	}
	if len(space.Frees) != 1 || space.Frees[0].State != 1 || space.Frees[0].Bytes < 20*512 {
		t.Errorf("got %v, want state 1, which only its pin keeps, with its 20 clusters", space.Frees)
	}
	if space.Foreign == 0 || !strings.Contains(space.Hint(), "remove state 1 (11 kB)") || strings.Contains(space.Hint()+space.Error(), "\n") {
		t.Errorf("got hint %q, want what would help in one line", space.Hint())
	}
	if diff := r.stamps(); len(diff) != len(before) {
		t.Error("something was written")
	}
	// What a person would do about it helps.
	w.States[0].Pinned = false
	if _, err := r.short(w, 5); err != nil {
		t.Errorf("got %v without the pin", err)
	}
}

// The peak counts, not what is left in the end; older states give way only as
// far as needed, and what is booted or known to work never does.
func TestPain02PeakShrinksTheMenuOnlyAsFarAsNeeded(t *testing.T) {
	for _, c := range []struct {
		free    int
		shrunk  []uint64
		refused bool
	}{
		{30, nil, false},
		{10, []uint64{3}, false},
		{0, []uint64{3, 4}, false},
	} {
		r := newRig(t, nil)
		w := want(own(r, 1), own(r, 2), own(r, 3), own(r, 4))
		w.Booted, w.Active, w.Good = 2, 2, 1
		r.sync(w)
		w.Keep = 6
		w.States = append(w.States, own(r, 5))
		if c.free == 0 {
			w.States[4] = r.state(5, "6.1="+strings.Repeat("n", 35*512))
		}
		plan, err := r.short(w, c.free)
		if err != nil {
			t.Fatalf("%d clusters: %v", c.free, err)
		}
		slices.Sort(plan.Shrunk)
		if !slices.Equal(plan.Shrunk, c.shrunk) {
			t.Errorf("%d clusters: got %v without an entry, want %v", c.free, plan.Shrunk, c.shrunk)
		}
		if got := ops(plan); len(c.shrunk) > 0 && !strings.HasPrefix(got, strings.Repeat("drop ", len(c.shrunk))+"sync sweep ") {
			t.Errorf("%d clusters: got %s, want entries, then their files, then the rest", c.free, got)
		}
		if plan.Need > uint64(c.free)*512 {
			t.Errorf("got need %d of %d", plan.Need, c.free*512)
		}
		r.apply(plan, nil)
		if got := len(r.entries()); got != 5-len(c.shrunk) {
			t.Errorf("%d clusters: got %v", c.free, r.entries())
		}
	}
}

// With space, nothing is removed before everything new is there; without, what
// is booted and what works still is.
func TestPain03NothingGoesBeforeTheNewIsThere(t *testing.T) {
	r := newRig(t, nil)
	w := want(own(r, 1), own(r, 2))
	r.sync(w)
	w.States = []bootloader.State{own(r, 3)}
	plan, err := r.plan(w)
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Fields(ops(plan))
	if slices.Index(list, "drop") < slices.Index(list, "entry") || slices.Index(list, "sweep") < slices.Index(list, "drop") {
		t.Errorf("got %s, want files, entry, old entries, old files", ops(plan))
	}
	// Too little for both: one of the two old ones stays until the new is there.
	plan, err = r.short(w, 4)
	if err != nil {
		t.Fatal(err)
	}
	if got := ops(plan); !strings.HasPrefix(got, "drop sync sweep sweep sync copy copy sync entry") || !strings.HasSuffix(got, "drop sync sweep sweep") {
		t.Errorf("got %s, want one old entry kept until the new one is there", got)
	}
	if _, err = r.short(w, 0); err == nil {
		// 20 clusters are freed, 20 are needed, and one for the entry's name.
		t.Error("got a plan that leaves nothing to boot for a while")
	}
	w.States, w.Booted, w.Good = append(w.States, own(r, 2)), 2, 1
	w.States = append(w.States, own(r, 1))
	if plan, err = r.short(w, 4); err == nil {
		t.Errorf("got %s, want the booted and the good one kept", ops(plan))
	}
}

// A bad entry is not started as long as a good one is there, on either loader.
func TestPain05BadDefaultLosesToAGoodEntry(t *testing.T) {
	r := newRig(t, nil)
	vars := &efivar.Memory{}
	if err := vars.Write(efivar.Loader("LoaderFeatures"), []byte{0xff, 7, 8, 0, 0, 0, 0, 0}, efivar.Volatile); err != nil {
		t.Fatal(err)
	}
	w := want(states(r, 3)...)
	setTries(w, 3)
	w.Default = 2
	r.withVars(w, vars)
	for _, c := range []struct{ from, to, want string }{
		{"2-6.1_+3.conf", "2-6.1_+0-3.conf", "3-6.1"},
		{"3-6.1_+3.conf", "3-6.1_+0-3.conf", "1-6.1"},
	} {
		if got := r.chosenWith(vars, bls.Loader{}); c.from[0] == '2' && got != "2-6.1" {
			t.Errorf("got %s while the default has tries left, want 2", got)
		}
		r.rename(c.from, c.to)
		for _, loader := range loaders() {
			if got := r.chosenWith(vars, loader); got != c.want {
				t.Errorf("%s: got %s, want %s", c.to, got, c.want)
			}
		}
		if plan := r.withVars(w, vars); len(plan.Steps) != 0 {
			t.Errorf("got %s, want a bad entry left as it is", ops(plan))
		}
	}
	if text := r.read("loader/loader.conf"); !strings.Contains(text, "default moss-"+token+"-[0-9]*\n") {
		t.Errorf("got %q, want no single entry named", text)
	}
}

// withVars syncs a machine with variables.
func (r rig) withVars(w bootloader.Want, vars efivar.Vars) bootloader.Plan {
	r.t.Helper()
	var err error
	if w.Contents, err = bootloader.Digest(w); err != nil {
		r.t.Fatal(err)
	}
	found := r.scan()
	found.Vars = bootloader.ReadVariables(vars)
	plan, err := bootloader.MakePlan(w, found)
	if err != nil {
		r.t.Fatal(err)
	}
	r.apply(plan, vars)
	return plan
}

func (r rig) chosenWith(vars efivar.Vars, loader bls.Loader) string {
	found, v := r.scan(), bootloader.ReadVariables(vars)
	var list []bls.Entry
	for _, own := range found.Ours {
		list = append(list, own.Entry)
	}
	e, _, _ := bls.Default(list, bls.Vars{Preferred: v.Preferred, Default: v.Default, Config: bls.ConfigDefault(found.ConfigText), Loader: loader})
	return e.Version
}

// A default holds whatever counter the file has got meanwhile.
func TestPain06DefaultHoldsWhateverTheCounter(t *testing.T) {
	r := newRig(t, nil)
	vars := &efivar.Memory{}
	w := want(states(r, 3)...)
	setTries(w, 3)
	r.withVars(w, vars)
	r.rename("1-6.1_+3.conf", "1-6.1_+1-2.conf")
	w.Default = 1
	r.withVars(w, vars)
	for _, name := range []string{"1-6.1_+1-2.conf", "1-6.1_.conf", "1-6.1_+3.conf"} {
		if name != "1-6.1_+1-2.conf" {
			r.rename(r.entries()[0], name)
		}
		for _, loader := range loaders() {
			if got := r.chosenWith(vars, loader); got != "1-6.1" {
				t.Errorf("%s: got %s, want state 1", name, got)
			}
		}
		if got := r.scan().DefaultState(); got != 1 {
			t.Errorf("%s: got default %d", name, got)
		}
	}
}

// LoaderEntryDefault never beats the menu unseen.
func TestPain07StaleVariableDoesNotBeatTheMenu(t *testing.T) {
	id := "moss-" + token + "-"
	for _, c := range []struct {
		value          string
		take           bool
		wish           uint64
		left, default_ string
	}{
		{id + "2-6.1_.conf", false, 2, "", "2-6.1"},
		{strings.ToUpper(id) + "2-6.1_+2-1.CONF", false, 2, "", "2-6.1"},
		{id + "2-*", false, 2, "", "2-6.1"},
		{id + "9-6.1_.conf", false, 0, "", "3-6.1"},
		{id + "9-*", false, 0, "", "3-6.1"},
		{"windows*", false, 0, "windows*", "3-6.1"},
		{"@saved", false, 0, "@saved", "3-6.1"},
		{"moss-other000-2-*", false, 0, "moss-other000-2-*", "3-6.1"},
		{"windows*", true, 0, "", "3-6.1"},
	} {
		r := newRig(t, nil)
		vars := &efivar.Memory{}
		w := want(states(r, 3)...)
		r.withVars(w, vars)
		if err := efivar.SetText(vars, "LoaderEntryDefault", c.value); err != nil {
			t.Fatal(err)
		}
		found := r.scan()
		found.Vars = bootloader.ReadVariables(vars)
		if got := found.Wish(); got != c.wish {
			t.Errorf("%s: got wish %d, want %d", c.value, got, c.wish)
		}
		w.Default, w.TakeDefault = found.Wish(), c.take
		plan := r.withVars(w, vars)
		if got := bootloader.ReadVariables(vars).Default; got != c.left {
			t.Errorf("%s: got %q left, want %q", c.value, got, c.left)
		}
		if got := r.chosenWith(vars, bls.Loader{}); got != c.default_ {
			t.Errorf("%s: got %s chosen, want %s", c.value, got, c.default_)
		}
		for _, step := range plan.Steps {
			if step.Op == bootloader.OpUnset && step.Needed != c.take {
				t.Errorf("%s: got needed %v in %q", c.value, step.Needed, step.Text)
			}
		}
		if plan := r.withVars(w, vars); len(plan.Steps) != 0 {
			t.Errorf("%s: got %s the second time, want nothing", c.value, ops(plan))
		}
	}
}

func TestPain07PreferredFollowsTheDefault(t *testing.T) {
	r := newRig(t, nil)
	vars := &efivar.Memory{}
	w := want(states(r, 3)...)
	for _, c := range []struct {
		bit      byte
		default_ uint64
		want     string
	}{
		{0, 2, ""}, {8, 2, bootloader.Pattern(token, 2)}, {8, 1, bootloader.Pattern(token, 1)}, {8, 0, ""}, {8, 1, bootloader.Pattern(token, 1)}, {0, 1, ""},
	} {
		if err := vars.Write(efivar.Loader("LoaderFeatures"), []byte{0xff, 7, c.bit, 0, 0, 0, 0, 0}, efivar.Volatile); err != nil {
			t.Fatal(err)
		}
		w.Default = c.default_
		r.withVars(w, vars)
		if got := bootloader.ReadVariables(vars).Preferred; got != c.want {
			t.Errorf("bit %d, default %d: got %q, want %q", c.bit, c.default_, got, c.want)
		}
	}
	// Someone chose another one in the loader's menu since.
	w.Default = 2
	r.withVars(w, vars)
	if err := efivar.SetText(vars, "LoaderEntryDefault", bootloader.Pattern(token, 1)); err != nil {
		t.Fatal(err)
	}
	found := r.scan()
	found.Vars = bootloader.ReadVariables(vars)
	if got := found.Wish(); got != 1 {
		t.Errorf("got wish %d, want the newer one", got)
	}
	if err := efivar.SetText(vars, "LoaderEntryOneShot", bootloader.Pattern(token, 9)); err != nil {
		t.Fatal(err)
	}
	r.withVars(w, vars)
	if got := bootloader.ReadVariables(vars); got.OneShot != "" || got.Default != "" {
		t.Errorf("got %+v, want what names a gone entry removed", got)
	}
}

// Entries, files and temporary files that nothing needs do not pile up, whatever
// the loader has made of their names and whatever the machine is called.
func TestPain09NothingPilesUp(t *testing.T) {
	r := newRig(t, nil)
	w := want(own(r, 1), own(r, 2), own(r, 3))
	setTries(w, 3)
	r.sync(w)
	r.rename("1-6.1_+3.conf", "1-6.1_+0-3.conf")
	r.rename("2-6.1_+3.conf", "2-6.1_.conf")
	r.write("moss-"+token+"/."+strings.Repeat("0", 32)+".linux.tmp-77", "half")
	r.write("loader/entries/.moss-"+token+"-9-6.1_.conf.tmp-1", "half")
	w = want(own(r, 4))
	w.MachineID = strings.Repeat("0b", 16)
	r.sync(w)
	if got := r.entries(); !slices.Equal(got, []string{"4-6.1_.conf"}) {
		t.Errorf("got entries %v", got)
	}
	files, err := os.ReadDir(r.path("moss-" + token))
	if err != nil || len(files) != 2 {
		t.Errorf("got %v, %v, want the two files of state 4", files, err)
	}
	if left, _ := os.ReadDir(r.path("loader/entries")); len(left) != 1 {
		t.Errorf("got %v in loader/entries", left)
	}
}

// Entries of others stay byte by byte, whatever is in them, and so do the files
// that they name, also ours and also when space is short.
func TestPain10ForeignStaysByteByByte(t *testing.T) {
	r := newRig(t, nil)
	r.sync(want(own(r, 1), own(r, 2)))
	foreign := testutil.Tree{
		"loader/entries/mine.conf": "title x\r\nlinux /" + name(strings.Repeat("b", 10*512), ".linux") + "\r\n", "loader/entries/broken.conf": "\x00\xff", "loader/entries/empty.conf": "",
		"loader/entries/moss-" + token + "-x_.conf": "linux /y\n", "loader/entries/uki.conf": "uki /EFI/Linux/a.efi\n",
		"EFI/Microsoft/Boot/bootmgfw.efi": "w", "EFI/BOOT/BOOTX64.EFI": "b", "loader/random-seed": "r", "moss-" + token + "/note": "n",
	}
	foreign.Create(t, r.boot.Dir)
	w := want(own(r, 3), own(r, 4))
	plan, err := r.short(w, 30)
	if err != nil {
		t.Fatal(err)
	}
	r.apply(plan, nil)
	for rel, text := range foreign {
		if got := r.read(rel); got != text {
			t.Errorf("%s: got %q, want %q", rel, got, text)
		}
	}
	if !r.exists(name(strings.Repeat("b", 10*512), ".linux")) || r.exists(name(strings.Repeat("c", 10*512), ".linux")) {
		t.Error("want the kernel that a foreign entry names kept, and no other old one")
	}
}

// One file for each entry: one that boots the same keeps its counter, one that
// does not gets a new one, and never are there two.
func TestPain11NoTwinAndNoLostCounter(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*bootloader.Want, rig)
		want   string
	}{
		{"nothing", func(*bootloader.Want, rig) {}, "1-6.1_.conf"},
		{"the title", func(w *bootloader.Want, _ rig) { w.States[0].Summary = "renamed" }, "1-6.1_.conf"},
		{"the machine", func(w *bootloader.Want, _ rig) { w.MachineID = "" }, "1-6.1_.conf"},
		{"the place", func(w *bootloader.Want, r rig) { w.States, w.Default = append(w.States, r.state(2)), 1 }, "1-6.1_.conf"},
		{"the system's name", func(w *bootloader.Want, _ rig) { w.States[0].OSID = "other" }, "1-6.1_.conf"},
		{"the arguments", func(w *bootloader.Want, _ rig) { w.States[0].Kernels[0].Cmdline = []string{"moss.fstx=1"} }, "1-6.1_+3.conf"},
		{"the kernel", func(w *bootloader.Want, r rig) { w.States[0].Kernels[0].Image = r.file("new") }, "1-6.1_+3.conf"},
		{"the initrds", func(w *bootloader.Want, r rig) { w.States[0].Kernels[0].Initrds = nil }, "1-6.1_+3.conf"},
	} {
		r := newRig(t, nil)
		w := want(states(r, 1)...)
		setTries(w, 3)
		r.sync(w)
		// The loader counts, and a blessing is cut short.
		r.rename("1-6.1_+3.conf", "1-6.1_+2-1.conf")
		r.write("loader/entries/moss-"+token+"-1-6.1_.conf", r.read("loader/entries/moss-"+token+"-1-6.1_+2-1.conf"))
		c.change(&w, r)
		setTries(w, 3)
		r.sync(w)
		if got := r.entries(); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: got %v, want %s", c.what, got, c.want)
		}
	}
}
