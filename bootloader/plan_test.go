package bootloader_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader"
	"moss/internal/testutil"
)

func states(r rig, n uint64) []bootloader.State {
	var list []bootloader.State
	for id := uint64(1); id <= n; id++ {
		list = append(list, r.state(id, "6.1=kernel+initrd"))
	}
	return list
}

func TestWhoIsInTheMenu(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*bootloader.Want)
		want   []uint64
	}{
		{"the newest five", func(*bootloader.Want) {}, []uint64{6, 7, 8, 9, 10}},
		{"fewer", func(w *bootloader.Want) { w.Keep = 2 }, []uint64{9, 10}},
		{"the active one", func(w *bootloader.Want) { w.Active = 1 }, []uint64{1, 6, 7, 8, 9, 10}},
		{"the booted one", func(w *bootloader.Want) { w.Booted = 2 }, []uint64{2, 6, 7, 8, 9, 10}},
		{"the default", func(w *bootloader.Want) { w.Default = 3 }, []uint64{3, 6, 7, 8, 9, 10}},
		{"the last good", func(w *bootloader.Want) { w.Good = 4 }, []uint64{4, 6, 7, 8, 9, 10}},
		{"the one for the next boot alone", func(w *bootloader.Want) { w.Once = 2 }, []uint64{2, 6, 7, 8, 9, 10}},
		{"pinned ones", func(w *bootloader.Want) { w.States[0].Pinned, w.States[3].Pinned = true, true }, []uint64{1, 4, 6, 7, 8, 9, 10}},
		{"one is all of that", func(w *bootloader.Want) { w.Active, w.Booted, w.States[0].Pinned = 1, 1, true }, []uint64{1, 6, 7, 8, 9, 10}},
		{"without a kernel no place", func(w *bootloader.Want) { w.States[9].Kernels = nil }, []uint64{5, 6, 7, 8, 9}},
		{"in any order", func(w *bootloader.Want) { slices.Reverse(w.States) }, []uint64{6, 7, 8, 9, 10}},
	} {
		r := newRig(t, nil)
		w := want(states(r, 10)...)
		c.change(&w)
		r.sync(w)
		var got []uint64
		for _, own := range r.scan().Ours {
			got = append(got, own.State)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// The loader, not a sort of ours, says that the newest state comes first: also
// with an older kernel, and also past 9.
func TestNewestIsFirstForTheLoader(t *testing.T) {
	r := newRig(t, nil)
	list := []bootloader.State{r.state(9, "6.12.6=b"), r.state(10, "6.1.0-9=a", "6.1.0-56=c"), r.state(8, "6.12.6=b")}
	list[1].OSID = "zzz"
	r.sync(want(list...))
	items := bootloader.List(r.scan(), bootloader.Marks{})
	var got []string
	for _, it := range items {
		got = append(got, fmt.Sprintf("%d/%s", it.State, it.Kernel))
	}
	if diff := cmp.Diff([]string{"10/6.1.0-56", "10/6.1.0-9", "9/6.12.6", "8/6.12.6"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !items[0].Default {
		t.Error("got another default than the first")
	}
}

func TestSecondSyncWritesNothing(t *testing.T) {
	r := newRig(t, testutil.Tree{"loader/loader.conf": "timeout 1"})
	w := want(states(r, 7)...)
	w.Booted, w.Default = 1, 3
	setTries(w, 3)
	r.sync(w)
	before := r.stamps()
	if plan := r.sync(w); len(plan.Steps) != 0 {
		t.Errorf("got steps %s, want none", ops(plan))
	}
	if diff := cmp.Diff(before, r.stamps()); diff != "" {
		t.Errorf("inodes and times changed (-before +after):\n%s", diff)
	}
}

// stamps has inode and change time of everything: a file that is written again,
// with whatever content, shows.
func (r rig) stamps() map[string]string {
	r.t.Helper()
	stamps := map[string]string{}
	err := filepath.WalkDir(r.boot.Dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err == nil {
			st := info.Sys().(*syscall.Stat_t)
			stamps[path] = fmt.Sprintf("inode %d, written %v, changed %v", st.Ino, st.Mtim, st.Ctim)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return stamps
}

func TestFurtherStateWithTheSameKernelCostsOneEntry(t *testing.T) {
	r := newRig(t, nil)
	r.sync(want(states(r, 2)...))
	if got := ops(r.sync(want(states(r, 3)...))); got != "entry sync" {
		t.Errorf("got %s, want only an entry", got)
	}
}

func TestCountersOfUnchangedEntriesStay(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 3)...)
	setTries(w, 3)
	r.sync(w)
	if got := r.entries(); !slices.Equal(got, []string{"1-6.1_+3.conf", "2-6.1_+3.conf", "3-6.1_+3.conf"}) {
		t.Fatalf("got %v, want fresh counters", got)
	}
	r.rename("1-6.1_+3.conf", "1-6.1_.conf")
	r.rename("2-6.1_+3.conf", "2-6.1_+0-3.conf")
	r.rename("3-6.1_+3.conf", "3-6.1_+1-2.conf")
	if plan := r.sync(w); len(plan.Steps) != 0 {
		t.Errorf("got steps %s, want none", ops(plan))
	}
	// What the entry is called is not what it boots.
	w.States[1].Summary, w.States[2].Summary, w.MachineID, w.Default = "changed", "changed too", "", 1
	if got := ops(r.sync(w)); got != "entry entry entry sync" {
		t.Errorf("got %s, want the entries rewritten", got)
	}
	if got := r.entries(); !slices.Equal(got, []string{"1-6.1_.conf", "2-6.1_+0-3.conf", "3-6.1_+1-2.conf"}) {
		t.Errorf("got %v, want names and counters kept", got)
	}
	if got := r.read("loader/entries/moss-" + token + "-2-6.1_+0-3.conf"); !strings.Contains(got, "changed") {
		t.Errorf("got %q, want the new title", got)
	}
	w.States[0].Kernels[0].Cmdline = append(w.States[0].Kernels[0].Cmdline, "splash")
	w.States[1].Kernels[0].Initrds = nil
	w.States[2].Kernels[0].Image = r.file("another kernel")
	r.sync(w)
	if got := r.entries(); !slices.Equal(got, []string{"1-6.1_+3.conf", "2-6.1_+3.conf", "3-6.1_+3.conf"}) {
		t.Errorf("got %v, want the counters of changed entries reset and no twins", got)
	}
}

func (r rig) rename(from, to string) {
	r.t.Helper()
	prefix := r.path("loader/entries/moss-" + token + "-")
	if err := os.Rename(prefix+from, prefix+to); err != nil {
		r.t.Fatal(err)
	}
}

func TestTwins(t *testing.T) {
	for _, c := range []struct {
		what  string
		files map[string]string // name: "new", "old"
		want  string
	}{
		{"proved before counted", map[string]string{"1-6.1_.conf": "new", "1-6.1_+3.conf": "new"}, "1-6.1_.conf"},
		{"more tries before fewer", map[string]string{"1-6.1_+1-2.conf": "new", "1-6.1_+2-1.conf": "new"}, "1-6.1_+2-1.conf"},
		{"the right text before a proved name", map[string]string{"1-6.1_.conf": "old", "1-6.1_+2-1.conf": "new"}, "1-6.1_+2-1.conf"},
		{"none has the right text", map[string]string{"1-6.1_.conf": "old", "1-6.1_+2-1.conf": "old"}, "1-6.1_.conf"},
		{"one has no text at all", map[string]string{"1-6.1_+2-1.conf": ""}, "1-6.1_.conf"},
	} {
		r := newRig(t, nil)
		w := want(states(r, 1)...)
		r.sync(w)
		texts := map[string]string{"new": r.read("loader/entries/moss-" + token + "-1-6.1_.conf"), "old": "linux /" + name("kernel", ".linux") + "\n"}
		if err := os.Remove(r.path("loader/entries/moss-" + token + "-1-6.1_.conf")); err != nil {
			t.Fatal(err)
		}
		for file, text := range c.files {
			r.write("loader/entries/moss-"+token+"-"+file, texts[text])
		}
		r.sync(w)
		if got := r.entries(); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: got %v, want %s", c.what, got, c.want)
		}
		if plan, err := r.plan(w); err != nil || len(plan.Steps) != 0 {
			t.Errorf("%s: got steps %s, %v the second time, want none", c.what, ops(plan), err)
		}
	}
}

// On FAT both spellings are one file: dropping the "other" would take away what
// was just written.
func TestEntryInCapitalsIsReplacedInPlace(t *testing.T) {
	r := newRig(t, nil)
	capital := "MOSS-" + strings.ToUpper(token) + "-1-6.1_.CONF"
	r.write("loader/entries/"+capital, "linux /x\n")
	plan := r.sync(want(states(r, 1)...))
	for _, step := range plan.Steps {
		if step.Op == bootloader.OpDrop {
			t.Errorf("got %s dropped, want it replaced", step.Path)
		}
	}
	if got := r.read("loader/entries/" + capital); !strings.Contains(got, "moss.fstx=1") {
		t.Errorf("got %q under the old spelling, want the new entry", got)
	}
}

func TestBootedEntryStaysWithoutItsState(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 3)...)
	r.sync(w)
	w.States, w.Booted = w.States[1:], 1
	r.sync(w)
	if !slices.Contains(r.entries(), "1-6.1_.conf") || !r.exists(name("kernel", ".linux")) {
		t.Errorf("got %v, want the booted entry and its kernel kept", r.entries())
	}
	w.Booted = 3
	r.sync(w)
	if got := r.entries(); !slices.Equal(got, []string{"2-6.1_.conf", "3-6.1_.conf"}) {
		t.Errorf("got %v, want the entry gone when another state is booted", got)
	}
}

func TestMenuIsNeverEmptied(t *testing.T) {
	r := newRig(t, nil)
	r.sync(want(states(r, 2)...))
	before := r.stamps()
	if plan := r.sync(want()); len(plan.Steps) != 0 {
		t.Errorf("got steps %s, want none", ops(plan))
	}
	if diff := cmp.Diff(before, r.stamps()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if plan := newRig(t, nil).sync(want()); len(plan.Steps) != 0 {
		t.Errorf("got steps %s on an empty partition without a kernel, want none", ops(plan))
	}
}

func TestDamagedAndAbsentFilesAreBroughtBack(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 1)...)
	r.sync(w)
	r.write(name("kernel", ".linux"), "kerneI")
	if err := os.Remove(r.path(name("initrd", ".initrd"))); err != nil {
		t.Fatal(err)
	}
	plan := r.sync(w)
	if got := ops(plan); got != "copy copy sync" {
		t.Errorf("got %s, want two copies", got)
	}
	if got := r.read(name("kernel", ".linux")) + r.read(name("initrd", ".initrd")); got != "kernelinitrd" {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(plan.Steps[0].Text, "damaged") {
		t.Errorf("got %q, want it said", plan.Steps[0].Text)
	}
	if err := os.RemoveAll(r.path("moss-" + token)); err != nil {
		t.Fatal(err)
	}
	if got := ops(r.sync(w)); got != "folder copy copy sync" {
		t.Errorf("got %s, want the folder made again", got)
	}
}

func TestDefaultIsInTheOrder(t *testing.T) {
	r := newRig(t, testutil.Tree{"loader/loader.conf": "timeout 9\nconsole-mode max"})
	w := want(states(r, 3)...)
	w.States[1].Kernels = append(w.States[1].Kernels, r.state(2, "6.12=kernel").Kernels...)
	r.sync(w)
	all := "timeout 9\nconsole-mode max\ndefault moss-" + token + "-[0-9]*\n"
	for _, c := range []struct {
		ask         uint64
		steps, want string
		found       uint64
	}{
		{2, "entry entry sync", "2-6.12", 2},
		{1, "entry entry entry sync", "1-6.1", 1},
		{1, "", "1-6.1", 1},
		{0, "entry sync", "3-6.1", 0},
		{3, "", "3-6.1", 0},
	} {
		w.Default = c.ask
		if got := ops(r.sync(w)); got != c.steps {
			t.Errorf("default %d: got %q, want %q", c.ask, got, c.steps)
		}
		if got := r.chosen(); got.Version != c.want {
			t.Errorf("default %d: got %s chosen, want %s", c.ask, got.File, c.want)
		}
		if got := r.scan().DefaultState(); got != c.found {
			t.Errorf("default %d: got default state %d, want %d", c.ask, got, c.found)
		}
		if got := r.read("loader/loader.conf"); got != all {
			t.Errorf("default %d: got %q, want %q", c.ask, got, all)
		}
	}
	w.Default = 77
	if _, err := r.plan(w); err == nil {
		t.Error("got no error for a default without an entry")
	}
}

// A state that was put first stays so when the newer ones go.
func TestDefaultStaysWhereItIsWhenNewerStatesGo(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 3)...)
	w.Default = 2
	r.sync(w)
	w.States = w.States[:2]
	if got := ops(r.sync(w)); got != "drop sync" || r.scan().DefaultState() != 2 {
		t.Errorf("got %s and default %d, want the entry of state 2 left alone", got, r.scan().DefaultState())
	}
	w.States = append(w.States, r.state(4, "6.1=kernel+initrd"))
	w.Default = 0
	r.sync(w)
	if got := r.chosen(); got.Version != "4-6.1" || r.scan().DefaultState() != 0 {
		t.Errorf("got %s chosen, want the newest after the choice was taken back", got.File)
	}
}

func TestDefaultOfOthersInLoaderConf(t *testing.T) {
	all := "default moss-" + token + "-[0-9]*\n"
	for _, c := range []struct {
		before   string
		take     bool
		want     string
		whatelse string
	}{
		{"beep on\r\ndefault moss-" + token + "-2-*\r\n# x", false, "beep on\r\ndefault moss-" + token + "-[0-9]*\r\n# x", "one line changed"},
		{"default moss-" + token + "-9-6.1_.conf\n", false, all, "a state that is gone"},
		{"default moss-" + token + "-*\n", false, all, "ours of before, which also means the rescue entry and the foreign one"},
		{"default windows*\n", false, "default windows*\n", "a foreign one stays"},
		{"default @saved\n", false, "default @saved\n", "the last booted stays"},
		{"default *\n", false, "default *\n", "one that also means others stays"},
		{"default moss-other000-*\n", false, "default moss-other000-*\n", "another installation's stays"},
		{"default moss-" + token + "-hand*\n", false, "default moss-" + token + "-hand*\n", "a foreign entry under our prefix"},
		{"default windows*\ntimeout 1\n", true, all + "timeout 1\n", "a person chose"},
		{"default @saved", true, strings.TrimSuffix(all, "\n"), "a person chose, last line"},
		{"default @bogus\n", false, "default @bogus\n" + all, "a line that the loader passes over"},
	} {
		r := newRig(t, testutil.Tree{"loader/loader.conf": c.before, "loader/entries/moss-" + token + "-hand.conf": "linux /x\n"})
		w := want(states(r, 3)...)
		w.TakeDefault = c.take
		r.sync(w)
		if got := r.read("loader/loader.conf"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.whatelse, got, c.want)
		}
		if plan := r.sync(w); len(plan.Steps) != 0 {
			t.Errorf("%s: got steps %s the second time, want none", c.whatelse, ops(plan))
		}
	}
}

func TestConfigIsOnTheESPAndEntriesOnXBOOTLDR(t *testing.T) {
	r := newRig(t, nil)
	r.boot.ESP = t.TempDir()
	testutil.Tree{"loader/entries/old.conf": "linux /vmlinuz\n", "vmlinuz": "x"}.Create(t, r.boot.ESP)
	w := want(states(r, 2)...)
	w.Default = 1
	r.sync(w)
	if r.exists("loader/loader.conf") || len(r.entries()) != 2 {
		t.Errorf("got loader.conf %v and entries %v on XBOOTLDR", r.exists("loader/loader.conf"), r.entries())
	}
	text, err := os.ReadFile(filepath.Join(r.boot.ESP, "loader/loader.conf"))
	if want := "timeout 5\ndefault moss-" + token + "-[0-9]*\n"; err != nil || string(text) != want {
		t.Errorf("got %q, %v, want %q on the ESP", text, err, want)
	}
	if items := bootloader.List(r.scan(), bootloader.Marks{}); len(items) != 3 || !items[2].Foreign {
		t.Errorf("got %+v, want the entry of the ESP listed too", items)
	}
	if plan := r.sync(w); len(plan.Steps) != 0 {
		t.Errorf("got steps %s, want none", ops(plan))
	}
}

func TestForeignLayoutIsRefused(t *testing.T) {
	r := newRig(t, testutil.Tree{"loader/entries.srel": "type0\n"})
	if plan, err := r.plan(want(states(r, 1)...)); err == nil {
		t.Errorf("got steps %s, want an error", ops(plan))
	}
	r = newRig(t, testutil.Tree{"loader/entries.srel": "type1\n"})
	if got := ops(r.sync(want(states(r, 1)...))); strings.Contains(got, "marker") {
		t.Errorf("got %s, want the marker left as it is", got)
	}
}

func TestWantIsChecked(t *testing.T) {
	for what, change := range map[string]func(*bootloader.Want){
		"a short token":          func(w *bootloader.Want) { w.Token = "abc" },
		"a token with a glob":    func(w *bootloader.Want) { w.Token = "abcdefg*" },
		"another token":          func(w *bootloader.Want) { w.Token = "abcd12345" },
		"a machine id":           func(w *bootloader.Want) { w.MachineID = "x" },
		"state 0":                func(w *bootloader.Want) { w.States[0].ID = 0 },
		"a state twice":          func(w *bootloader.Want) { w.States[1].ID = 1 },
		"a kernel twice":         func(w *bootloader.Want) { w.States[0].Kernels = append(w.States[0].Kernels, w.States[0].Kernels[0]) },
		"no version":             func(w *bootloader.Want) { w.States[0].Kernels[0].Version = "" },
		"nothing hashed":         func(w *bootloader.Want) { w.Contents = nil },
		"a newline in cmdline":   func(w *bootloader.Want) { w.States[0].Kernels[0].Cmdline = []string{"a\nlinux /evil"} },
		"a command line too big": func(w *bootloader.Want) { w.States[0].Kernels[0].Cmdline = []string{strings.Repeat("a", 2000)} },
	} {
		r := newRig(t, nil)
		w := want(states(r, 2)...)
		w.Contents, _ = bootloader.Digest(w)
		change(&w)
		if plan, err := bootloader.MakePlan(w, r.scan()); err == nil {
			t.Errorf("%s: got steps %s, want an error", what, ops(plan))
		}
	}
}

func TestPlanTouchesNothing(t *testing.T) {
	r := newRig(t, testutil.Tree{"loader/entries/moss-" + token + "-9-6.1_.conf": "linux /x\n"})
	before := r.stamps()
	if plan, err := r.plan(want(states(r, 2)...)); err != nil || len(plan.Steps) == 0 {
		t.Fatalf("got %v, %v, want steps", plan, err)
	}
	if diff := cmp.Diff(before, r.stamps()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestWhatIsToBeFirstIsWrittenFirst(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 3)...)
	r.sync(w)
	for _, c := range []struct {
		newest, ask uint64
		want        string
	}{{4, 2, "2 4"}, {5, 0, "5 2"}, {6, 3, "3 6"}, {7, 1, "1 7 3"}} {
		w.States, w.Default, w.Keep = append(w.States, r.state(c.newest, "6.1=kernel+initrd")), c.ask, 9
		var order []string
		for _, step := range r.sync(w).Steps {
			if step.Op == bootloader.OpEntry {
				order = append(order, strings.TrimPrefix(strings.TrimSuffix(filepath.Base(step.Path), "-6.1_.conf"), "moss-"+token+"-"))
			}
		}
		if got := strings.Join(order, " "); got != c.want {
			t.Errorf("default %d beside the new %d: got %s written, want %s", c.ask, c.newest, got, c.want)
		}
	}
}

func TestRescueEntry(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 2)...)
	w.Rescue = &w.States[1].Kernels[0]
	if got := ops(r.sync(w)); !strings.Contains(got, "copy copy sync entry entry entry") {
		t.Errorf("got %s, want the kernel shared", got)
	}
	text := r.read("loader/entries/moss-" + token + "-rescue-6.1_.conf")
	for _, part := range []string{"title Debian GNU/Linux 12 (bookworm), rescue shell, kernel 6.1\n", "sort-key ~debian\n", " quiet moss.shell\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("got %q, want %q in it", text, part)
		}
	}
	if strings.Contains(text, "moss.fstx") || len(w.States[1].Kernels[0].Cmdline) != 3 {
		t.Errorf("got %q and %v, want no state named and the state's kernel untouched", text, w.States[1].Kernels[0].Cmdline)
	}
	items := bootloader.List(r.scan(), bootloader.Marks{})
	if last := items[len(items)-1]; !strings.Contains(last.File, "rescue") || items[0].State != 2 {
		t.Errorf("got %v, want the rescue entry last", items)
	}
	if plan := r.sync(w); len(plan.Steps) != 0 {
		t.Errorf("got %s the second time, want nothing", ops(plan))
	}
	w.Rescue = nil
	if got := ops(r.sync(w)); got != "drop sync" {
		t.Errorf("got %s, want the rescue entry gone", got)
	}
}
