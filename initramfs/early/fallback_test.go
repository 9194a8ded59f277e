package early

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/activate"
)

// menu writes the list of menu entries.
func (c *choice) menu(t *testing.T, lines ...string) *choice {
	t.Helper()
	testutil.Tree{".moss/boot/menu": strings.Join(lines, "\n") + "\n"}.Create(t, c.states.Dir())
	return c
}

// offers records what a restart is asked for, and refuses it.
func (c *choice) offers() *[]string {
	var offered []string
	c.restart = func(able []menuEntry) error {
		for _, e := range able {
			offered = append(offered, e.state.String()+" "+e.kernel)
		}
		return errors.New("no way out")
	}
	return &offered
}

// Each of the three steps, in order, with the second one closed.
func TestStepsOfFallback(t *testing.T) {
	for _, tt := range []struct {
		name, live string
		archived   map[string]string
		menu       []string

		activated activate.ID
		step      int
		offered   string
	}{
		{"an earlier one at once", "1 ok", map[string]string{"2": "old", "3": "ok", "4": "broken"},
			[]string{"4 6.1.0", "3 6.1.0", "2 5.10.0"}, 3, 1, ""},
		{"an earlier one with another kernel before a later one", "5 ok", map[string]string{"1": "old", "2": "old", "4": "broken"},
			[]string{"5 6.1.0", "4 6.1.0", "2 5.10.0", "1 5.10.0"}, 5, 3, "2 5.10.0,1 5.10.0"},
		{"not one that could not boot with it either", "5 ok", map[string]string{"2": "broken", "4": "broken"},
			[]string{"4 6.1.0", "2 5.10.0"}, 5, 3, ""},
		{"not one whose modules are for a third", "5 ok", map[string]string{"2": "old", "4": "broken"},
			[]string{"4 6.1.0", "2 4.19.0"}, 5, 3, ""},
		{"without a menu there is no entry to restart into", "5 ok", map[string]string{"2": "old", "4": "broken"}, nil, 5, 3, ""},
		{"one that is in no menu", "4 broken", map[string]string{"2": "ok", "3": "old"},
			[]string{"4 6.1.0", "3 5.10.0"}, 2, 3, "3 5.10.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := system(t, tt.live, tt.archived).with("moss.fstx=4")
			if tt.menu != nil {
				c.menu(t, tt.menu...)
			}
			offered := c.offers()
			if err := c.run(); err != nil {
				t.Fatal(err)
			}
			if got := c.outcome; got.Activated != tt.activated || got.Step != tt.step || !got.Fallback || strings.Join(*offered, ",") != tt.offered {
				t.Errorf("got %+v after offering %v, want state %s in step %d after %s", got, *offered, tt.activated, tt.step, tt.offered)
			}
			if text := c.failedRecords(t); text["2"] == otherInit || text["1"] == otherInit {
				t.Errorf("got %v, want nobody blamed for the running kernel", text)
			}
		})
	}
}

// A later state that needs another kernel is the last that is tried.
func TestLaterEntryIsBetterThanNothing(t *testing.T) {
	c := system(t, "3 broken", map[string]string{"5": "old"}).with("moss.fstx=3").menu(t, "5 5.10.0 once file", "3 6.1.0 once file")
	offered := c.offers()
	err := c.run()
	if err != nil || c.outcome.Activated != 5 || strings.Join(*offered, ",") != "5 5.10.0" {
		t.Errorf("got %+v, %v after offering %v, want the later entry, and then its state all the same", c.outcome, err, *offered)
	}
}

// Where every state lacks only modules of the running kernel and no restart is
// possible, one boots without them, the wanted one first.
func TestWithoutModulesIsBetterThanNothing(t *testing.T) {
	const how = "; booted without the modules of kernel 6.1.0"
	for _, tt := range []struct {
		name, live string
		archived   map[string]string
		activated  activate.ID
		reason     string
	}{
		{"the wanted one", "1 old", map[string]string{"2": "old", "3": "old"}, 3, otherInit + how},
		{"an earlier one", "1 old", map[string]string{"2": "old", "3": "broken"}, 2, brokenInit + how},
		{"the live one", "1 old", map[string]string{"2": "broken", "3": "broken"}, 1, brokenInit + how},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := system(t, tt.live, tt.archived).with("moss.fstx=3").menu(t, "3 6.1.0", "2 6.1.0", "1 6.1.0")
			for _, reason := range []string{tt.reason, "failed before (2026-11-22T04:00:00Z): " + tt.reason} { // the second time it failed before
				b := bootOf(t, c)
				if err := errors.Join(b.activate(), b.settle()); err != nil {
					t.Fatal(err)
				}
				got := b.report.Outcome
				got.Reason = strings.Replace(got.Reason, c.recordTime(3), "2026-11-22T04:00:00Z", 1)
				if got.Activated != tt.activated || got.Fallback != (tt.activated != 3) || got.Step != 3 || got.Reason != reason {
					t.Errorf("got %+v, want state %s: %s", got, tt.activated, reason)
				}
				if c.failedRecords(t)["3"] == "" {
					t.Error("the record is gone although nothing is mended")
				}
				if !strings.Contains(screen(t, b), "state "+tt.activated.String()+" is booted without the modules of kernel 6.1.0") {
					t.Errorf("got %q", screen(t, b))
				}
			}
		})
	}
}

// Nothing is given up to the end: moss.fallback=off asks for a state that works.
func TestFallbackOffAsksForModules(t *testing.T) {
	c := system(t, "1 ok", map[string]string{"3": "old"}).with("moss.fstx=3 moss.fallback=off")
	if err := c.run(); err == nil || !strings.Contains(err.Error(), otherInit) {
		t.Errorf("got %+v, %v", c.outcome, err)
	}
}

func (c *choice) recordTime(id activate.ID) string {
	r, _ := c.record(id)
	return r.time
}

// What early boot held against the wanted state may have been a fault outside its
// tree: where nothing else is left, that state comes first.
func TestWantedIsFirstInTheLastRound(t *testing.T) {
	c := system(t, "1 broken", map[string]string{"2": "ok", "3": "ok"}).with("moss.fstx=3")
	for _, id := range []activate.ID{2, 3} {
		if err := c.remember(id, errors.New("/lib64 leads nowhere")); err != nil {
			t.Fatal(err)
		}
	}
	b := bootOf(t, c)
	if err := errors.Join(b.activate(), b.settle()); err != nil || b.report.Activated != 3 || b.report.Fallback {
		t.Errorf("got %+v, %v, want state 3", b.report.Outcome, err)
	}
	if got := c.failedRecords(t); got["3"] != "" {
		t.Errorf("got %v, want the record gone", got)
	}
}

// A cause that may be gone at the next boot is recorded as one.
func TestPassingCauses(t *testing.T) {
	for _, tt := range []struct {
		cause error
		want  bool
	}{
		{&refusedError{errors.New("x")}, true},
		{fmt.Errorf("x: %w", &refusedError{unix.ENOSPC}), true},
		{&os.PathError{Op: "read", Path: "x", Err: unix.EIO}, true},
		{unix.ENOMEM, true},
		{&activate.CannotBoot{Path: "/sbin/init", Reason: "is missing"}, false},
		{unix.ENOENT, false},
	} {
		c := system(t, "1 ok", map[string]string{"3": "ok"})
		if err := c.remember(3, tt.cause); err != nil {
			t.Fatal(err)
		}
		r, _ := c.record(3)
		if (r.boot == bootID()) != tt.want || (r.boot != "") != tt.want {
			t.Errorf("%v: got %+v", tt.cause, r)
		}
		before := testutil.Read(t, c.recordPath(3))
		if err := c.remember(3, tt.cause); err != nil || testutil.Read(t, c.recordPath(3)) != before {
			t.Errorf("%v: written again: %v", tt.cause, err)
		}
	}
}

// What the running system recorded, and what early boot did, is not tried again;
// another tree, another kernel and a person's word are.
func TestFailedBefore(t *testing.T) {
	const when = "2026-11-20T10:00:00Z"
	same := func(c *choice) string { return identity(c.tree(3)) }
	for _, tt := range []struct {
		name   string
		record func(c *choice) string
		line   string
		want   activate.ID
		kept   bool // the record is still there
	}{
		{"the same tree", func(c *choice) string { return "tree: " + same(c) }, "", 2, true},
		{"another tree", func(*choice) string { return "tree: 1-1" }, "", 3, false},
		{"no tree then", func(*choice) string { return "tree: none" }, "", 3, false},
		{"of the running system", func(*choice) string { return "" }, "", 2, true},
		{"this kernel", func(c *choice) string { return "tree: " + same(c) + "\nscope: kernel" }, "", 2, true},
		{"moss.fallback=off", func(c *choice) string { return "tree: " + same(c) }, " moss.fallback=off", 3, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := system(t, "1 ok", map[string]string{"2": "ok", "3": "ok"}).with("moss.fstx=3" + tt.line)
			testutil.Tree{".moss/boot/failed/3": "reason: no sound\nkernel: 6.1.0\ntime: " + when + "\n" + tt.record(c) + "\n"}.Create(t, c.states.Dir())
			b := bootOf(t, c)
			if err := errors.Join(b.activate(), b.settle()); err != nil {
				t.Fatal(err)
			}
			got := b.report.Outcome
			if got.Activated != tt.want || (tt.want == 2) != strings.HasPrefix(got.Reason, "failed before ("+when+"): no sound") {
				t.Errorf("got %+v, want state %s", got, tt.want)
			}
			if _, err := os.Stat(c.recordPath(3)); (err == nil) != tt.kept {
				t.Errorf("record: got %v, want kept %v", err, tt.kept)
			}
		})
	}
}

func TestRecordOfAnotherKernelDoesNotCount(t *testing.T) {
	c := system(t, "1 ok", map[string]string{"3": "ok"}).with("moss.fstx=3")
	testutil.Tree{".moss/boot/failed/3": "reason: x\nkernel: 5.10.0\nscope: kernel\ntree: " + identity(c.tree(3)) + "\n"}.Create(t, c.states.Dir())
	if err := c.run(); err != nil || c.outcome.Activated != 3 {
		t.Errorf("got %+v, %v", c.outcome, err)
	}
}

// The second boot of an entry that failed goes straight to the good state and
// writes nothing; the tree under the same number that comes later is tried.
func TestNextBootGoesStraightToTheGoodState(t *testing.T) {
	c := system(t, "1 ok", map[string]string{"2": "ok", "3": "broken"}).with("moss.fstx=3")
	if err := c.run(); err != nil {
		t.Fatal(err)
	}
	before := testutil.List(t, c.states.Dir())
	c.writable = func() error { return errors.New("nothing may be written") }
	c.outcome = Outcome{}
	if err := c.run(); err != nil || c.outcome.Activated != 2 || !strings.HasSuffix(c.outcome.Reason, brokenInit) || !strings.HasPrefix(c.outcome.Reason, "failed before (") {
		t.Errorf("got %+v, %v", c.outcome, err)
	}
	if got := testutil.List(t, c.states.Dir()); !maps.Equal(index(before), index(got)) {
		t.Errorf("something moved: %v", got)
	}
	if err := os.RemoveAll(c.states.Archive(3)); err != nil {
		t.Fatal(err)
	}
	state(t, c.states.Archive(3), "3", "ok")
	b := bootOf(t, c)
	if err := errors.Join(b.activate(), b.settle()); err != nil || b.report.Activated != 3 || b.report.Fallback {
		t.Errorf("got %+v, %v, want the mended tree", b.report.Outcome, err)
	}
	if got := c.failedRecords(t); len(got) != 0 {
		t.Errorf("got %v, want the record gone with what it was about", got)
	}
}

func index(lines []string) map[string]bool {
	set := map[string]bool{}
	for _, l := range lines {
		set[l] = true
	}
	return set
}

// States that failed before are worth more than a machine that stands, the
// wanted one last.
func TestFailedBeforeIsTheLastResort(t *testing.T) {
	c := system(t, "1 broken", map[string]string{"2": "ok", "3": "ok"}).with("moss.fstx=3")
	mark := "reason: 3 boots, none was blessed\nkernel: 6.1.0\ntime: x\n"
	testutil.Tree{".moss/boot/failed/2": mark, ".moss/boot/failed/3": mark}.Create(t, c.states.Dir())
	if err := c.run(); err != nil || c.outcome.Activated != 2 || c.outcome.Step != 3 {
		t.Errorf("got %+v, %v, want state 2 after all", c.outcome, err)
	}
	c = system(t, "1 broken", map[string]string{"3": "ok"}).with("moss.fstx=3")
	testutil.Tree{".moss/boot/failed/3": mark}.Create(t, c.states.Dir())
	if err := c.run(); err != nil || c.outcome.Activated != 3 || c.outcome.Fallback {
		t.Errorf("got %+v, %v, want state 3 itself", c.outcome, err)
	}
}

// Damage that a verification found in what is live is no reason to leave it: the
// menu goes on offering it.
func TestDamageOfTheLiveStateDoesNotCount(t *testing.T) {
	mark := testutil.Tree{".moss/boot/failed/3": "reason: verify: share/doc/x is changed\nkernel: 6.1.0\n"}
	c := system(t, "3 ok", map[string]string{"2": "ok"}).with("moss.fstx=3")
	mark.Create(t, c.states.Dir())
	if err := c.run(); err != nil || c.outcome.Activated != 3 {
		t.Errorf("got %+v, %v", c.outcome, err)
	}
	c = system(t, "2 ok", map[string]string{"3": "ok"}).with("moss.fstx=3")
	mark.Create(t, c.states.Dir())
	if err := c.run(); err != nil || c.outcome.Activated != 2 {
		t.Errorf("archived: got %+v, %v", c.outcome, err)
	}
}

// Every word of the system for a refused exchange: the live state boots, only the
// wanted one is blamed, in a sentence.
func TestRefusedExchange(t *testing.T) {
	for errno, want := range map[unix.Errno]string{
		unix.EXDEV:  "the two are on different file systems (invalid cross-device link)",
		unix.EINVAL: "this file system cannot exchange two names (invalid argument)",
		unix.ENOSYS: "this file system cannot exchange two names",
		unix.EBUSY:  "one of the two is in use as a mount point (device or resource busy)",
		unix.EROFS:  "the root cannot be written (read-only file system)",
		unix.EIO:    "the disk reports an error (input/output error)",
		unix.ENOSPC: "the root is full (no space left on device)",
		unix.EPERM:  "operation not permitted",
	} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			c := system(t, "1 ok", map[string]string{"2": "ok", "3": "ok"}).with("moss.fstx=3")
			asked := 0
			c.exchange = func(id activate.ID) error {
				asked++
				return fmt.Errorf("exchange: %w", &os.LinkError{Op: "x", Old: "y", New: "z", Err: errno})
			}
			offered := c.menu(t, "3 6.1.0", "2 6.1.0", "1 6.1.0").offers()
			if err := c.run(); err != nil {
				t.Fatal(err)
			}
			reason := c.outcome.Reason
			if c.outcome.Activated != 1 || c.outcome.Step != 1 || !strings.HasPrefix(reason, "the exchange with /usr was refused: ") || !strings.Contains(reason, want) {
				t.Errorf("got %+v, want %q", c.outcome, want)
			}
			if got := slices.Collect(maps.Keys(c.failedRecords(t))); !slices.Equal(got, []string{"3"}) || len(*offered) > 0 {
				t.Errorf("got records of %v, offered %v", got, *offered)
			}
			if c.mark(t) != "tree 1" {
				t.Errorf("got %s", c.mark(t))
			}
			// A root that cannot be written is not asked twice.
			if want := map[bool]int{true: 1, false: 2}[errno == unix.EROFS]; asked != want {
				t.Errorf("got %d exchanges, want %d", asked, want)
			}
		})
	}
}

// With a root that cannot be written nobody but the wanted state is named.
func TestStuckRootNamesNobodyElse(t *testing.T) {
	c := system(t, "1 ok", map[string]string{"2": "ok", "3": "ok"}).with("moss.fstx=3")
	said := 0
	c.warn = func(format string, args ...any) {
		said++
		if got := fmt.Sprintf(format, args...); !strings.Contains(got, "state 3 could not be recorded: no writing today") {
			t.Errorf("got %q", got)
		}
	}
	c.writable = func() error { return errors.New("no writing today") }
	if err := c.run(); err != nil || c.outcome.Activated != 1 || len(c.outcome.Failed) != 1 || said != 1 {
		t.Errorf("got %+v, %v, %d warnings", c.outcome, err, said)
	}
}

// A panic on the way is one state's failure in builds without fault points, too.
func TestPanicInExchange(t *testing.T) {
	c := system(t, "1 ok", map[string]string{"3": "ok"}).with("moss.fstx=3")
	c.exchange = func(activate.ID) error { panic("torn") }
	if err := c.run(); err != nil || c.outcome.Activated != 1 || c.outcome.Reason != "panic while state 3 was activated: torn" {
		t.Errorf("got %+v, %v", c.outcome, err)
	}
	c = system(t, "1 ok", map[string]string{"3": "ok"}).with("moss.fstx=3")
	c.exchange = func(id activate.ID) error { _ = c.states.Exchange(id); panic("torn") }
	if err := c.run(); err != nil || c.outcome.Activated != 3 || c.outcome.Fallback {
		t.Errorf("after the exchange: got %+v, %v, want the state that is live", c.outcome, err)
	}
}

// bootOf is a boot on a machine that is a folder, with the root of a choice.
func bootOf(t *testing.T, c *choice) *Boot {
	t.Helper()
	b := &Boot{Top: t.TempDir(), Sysroot: c.states.Dir(), line: c.line, kernel: c.kernel, mounted: &rootMount{path: c.states.Dir()}}
	tty, err := os.Create(filepath.Join(b.Top, "screen"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	b.console.tty = tty
	b.platform = &recorder{t: t}
	return b
}

// A slip in init= is held against no state but the wanted one, and against that
// only as long as the word is there.
func TestSlipInInit(t *testing.T) {
	c := system(t, "3 ok", map[string]string{"1": "ok", "2": "ok"}).with("moss.fstx=3 init=/bin/bsh")
	for range 2 { // the second time it failed before
		c.outcome = Outcome{}
		if err := c.run(); err == nil || !strings.Contains(err.Error(), "/bin/bsh is missing") {
			t.Errorf("got %+v, %v", c.outcome, err)
		}
		if got := c.failedRecords(t); len(got) != 1 || got["3"] != "/bin/bsh is missing" {
			t.Errorf("got records %v", got)
		}
	}
	b := bootOf(t, c.with("moss.fstx=3"))
	if err := errors.Join(b.activate(), b.settle()); err != nil || b.report.Activated != 3 || b.report.Fallback {
		t.Errorf("got %+v, %v", b.report.Outcome, err)
	}
	if got := c.failedRecords(t); len(got) != 0 {
		t.Errorf("got records %v", got)
	}
}
