package early

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moss/internal/cmdline"
	"moss/internal/testutil"
	"moss/store/activate"
)

const runningNow = "6.1.0"

// system is a root with a live state and archived ones. A state is described by
// a word: "ok" boots, "old" boots under another kernel only, "broken" has an
// init that is no program, "unsealed" boots but has no seal.
func system(t *testing.T, live string, archived map[string]string) *choice {
	t.Helper()
	dir := t.TempDir()
	id, kind, _ := strings.Cut(live, " ")
	state(t, filepath.Join(dir, "usr"), id, kind)
	for id, kind := range archived {
		state(t, filepath.Join(dir, ".moss/root", id, "usr"), id, kind)
	}
	c := &choice{
		states: activate.Open(dir), kernel: runningNow,
		writable: func() error { return nil },
		warn:     func(format string, args ...any) { t.Logf("warning: "+format, args...) },
		now:      func() time.Time { return time.Date(2026, 11, 22, 5, 0, 0, 0, time.FixedZone("", 3600)) },
	}
	c.exchange = c.states.Exchange
	return c
}

func state(t *testing.T, usr, id, kind string) {
	t.Helper()
	init := program()
	if kind == "broken" {
		init = "no program"
	}
	tree := testutil.Tree{"sbin/init": "0755:" + init, "mark": "tree " + id}
	kernel := runningNow
	if kind == "old" {
		kernel = "5.10.0"
	}
	tree["lib/modules/"+kernel+"/modules.dep"] = ""
	if kind != "unsealed" {
		tree[".stateID"] = id
	}
	tree.Create(t, usr)
}

// program is the smallest static ELF program there is for this machine: one
// segment, no code.
func program() string {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return ""
	}
	defer self.Close()
	head := make([]byte, 64)
	if _, err := self.ReadAt(head, 0); err != nil {
		return ""
	}
	copy(head[16:], le(2, 2))           // a program
	copy(head[32:], le(64, 8))          // its headers follow
	copy(head[54:], le(56, 2)+le(1, 2)) // one of them
	return string(head) + le(1, 4) + le(5, 4) + strings.Repeat(le(0, 8), 3) + le(120, 8) + le(120, 8) + le(4096, 8)
}

func (c *choice) with(line string) *choice {
	c.line = cmdline.Parse("root=x " + line)
	return c
}

func (c *choice) mark(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.states.Usr(), "mark"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// failedRecords maps the states recorded as failed to their reasons.
func (c *choice) failedRecords(t *testing.T) map[string]string {
	t.Helper()
	records := map[string]string{}
	files, err := filepath.Glob(filepath.Join(c.states.Dir(), ".moss/boot/failed/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		records[filepath.Base(file)] = strings.TrimPrefix(first, "reason: ")
	}
	return records
}

const (
	brokenInit = "/usr/sbin/init is too short for an ELF file"
	otherInit  = "/usr/lib/modules has no modules for kernel 6.1.0, only for 5.10.0"
)

var choices = []struct {
	name, live string
	archived   map[string]string
	menu, line string

	activated activate.ID
	reason    string // "" when the wanted state is activated
	failed    map[string]string
}{
	{name: "live and wanted", live: "3 ok", archived: map[string]string{"2": "ok"}, line: "moss.fstx=3", activated: 3},
	{name: "older", live: "3 ok", archived: map[string]string{"1": "ok", "2": "ok"}, line: "moss.fstx=1", activated: 1},
	{name: "last one counts", live: "3 ok", archived: map[string]string{"1": "ok", "2": "ok"}, line: "moss.fstx=1 moss.fstx=2", activated: 2},
	{name: "live is unsealed, wanted is not", live: "3 unsealed", archived: map[string]string{"2": "ok"}, line: "moss.fstx=2", activated: 2},
	{name: "missing", live: "3 ok", archived: map[string]string{"1": "ok"}, line: "moss.fstx=9",
		activated: 3, reason: "/.moss/root/9/usr is missing", failed: map[string]string{"9": "/.moss/root/9/usr is missing"}},
	{name: "unsealed", live: "1 ok", archived: map[string]string{"2": "ok", "3": "unsealed"}, line: "moss.fstx=3",
		activated: 2, reason: "/.moss/root/3/usr is not sealed: no valid .stateID",
		failed: map[string]string{"3": "/.moss/root/3/usr is not sealed: no valid .stateID"}},
	{name: "broken", live: "1 ok", archived: map[string]string{"2": "ok", "3": "broken"}, line: "moss.fstx=3",
		activated: 2, reason: brokenInit, failed: map[string]string{"3": brokenInit}},
	{name: "live and broken", live: "3 broken", archived: map[string]string{"1": "ok", "2": "ok"}, line: "moss.fstx=3",
		activated: 2, reason: brokenInit, failed: map[string]string{"3": brokenInit}},
	{name: "two broken", live: "1 ok", archived: map[string]string{"2": "broken", "3": "broken"}, line: "moss.fstx=3",
		activated: 1, reason: brokenInit, failed: map[string]string{"2": brokenInit, "3": brokenInit}},
	{name: "earlier ones before later ones", live: "5 ok", archived: map[string]string{"1": "ok", "3": "broken", "4": "ok"}, line: "moss.fstx=3",
		activated: 1, reason: brokenInit, failed: map[string]string{"3": brokenInit}},
	{name: "a later one when no earlier one can", live: "5 ok", archived: map[string]string{"1": "broken", "3": "broken", "4": "ok"}, line: "moss.fstx=3",
		activated: 5, reason: brokenInit, failed: map[string]string{"1": brokenInit, "3": brokenInit}},
	{name: "the menu decides what is tried first", live: "4 ok", archived: map[string]string{"1": "ok", "2": "ok", "3": "ok", "5": "broken"},
		menu: "5 6.1.0\n2 6.1.0\n1 6.1.0\n", line: "moss.fstx=5",
		activated: 2, reason: brokenInit, failed: map[string]string{"5": brokenInit}},
	{name: "the menu may be out of order and odd", live: "4 ok", archived: map[string]string{"1": "ok", "2": "ok", "5": "broken"},
		menu: "\n# comment\n1 6.1.0\n2\n2 6.1.0 more\n05 x\n", line: "moss.fstx=5",
		activated: 2, reason: brokenInit, failed: map[string]string{"5": brokenInit}},
	{name: "what is not in the menu serves at last", live: "5 broken", archived: map[string]string{"2": "broken", "7": "ok"},
		menu: "5 6.1.0\n2 6.1.0\n", line: "moss.fstx=5",
		activated: 7, reason: brokenInit, failed: map[string]string{"2": brokenInit, "5": brokenInit}},
	{name: "another kernel is passed over without blame", live: "1 ok", archived: map[string]string{"2": "old", "3": "broken"}, line: "moss.fstx=3",
		activated: 1, reason: brokenInit, failed: map[string]string{"3": brokenInit}},
	{name: "another kernel is to blame when asked for", live: "1 ok", archived: map[string]string{"2": "old"}, line: "moss.fstx=2",
		activated: 1, reason: otherInit, failed: map[string]string{"2": otherInit}},
	{name: "no number", live: "3 ok", archived: map[string]string{"4": "ok"}, line: "moss.fstx=latest",
		activated: 4, reason: "moss.fstx=latest: latest is not a state number", failed: map[string]string{}},
	{name: "init of the command line", live: "3 ok", archived: map[string]string{"2": "ok"}, line: "moss.fstx=3 init=/sbin/init", activated: 3},
	{name: "fallback explicitly on", live: "1 ok", archived: map[string]string{"3": "broken"}, line: "moss.fstx=3 moss.fallback=off moss.fallback=on",
		activated: 1, reason: brokenInit, failed: map[string]string{"3": brokenInit}},
}

func TestChoice(t *testing.T) {
	for _, tt := range choices {
		t.Run(tt.name, func(t *testing.T) {
			c := system(t, tt.live, tt.archived).with(tt.line)
			if tt.menu != "" {
				testutil.Tree{".moss/boot/menu": tt.menu}.Create(t, c.states.Dir())
			}
			before := testutil.List(t, c.states.Dir())
			if err := c.run(); err != nil {
				t.Fatal(err)
			}
			got := c.outcome
			if got.Activated != tt.activated || c.mark(t) != "tree "+tt.activated.String() || !strings.HasPrefix(got.Reason, tt.reason) || got.Fallback != (tt.reason != "") {
				t.Errorf("got %+v, want state %s, reason %q", got, tt.activated, tt.reason)
			}
			if tt.failed == nil {
				tt.failed = map[string]string{}
			}
			if diff := cmp.Diff(tt.failed, c.failedRecords(t)); diff != "" || len(got.Failed) != len(tt.failed) {
				t.Errorf("records: -want +got\n%s", diff)
			}
			if strings.HasPrefix(tt.live, tt.activated.String()+" ") && len(tt.failed) == 0 && tt.reason == "" {
				if diff := cmp.Diff(before, testutil.List(t, c.states.Dir())); diff != "" {
					t.Errorf("something moved:\n%s", diff)
				}
			}
		})
	}
}

// The exchange is not idempotent by itself: a second boot of the same entry
// must not bring the old state back.
func TestSameEntryTwiceMovesNothing(t *testing.T) {
	c := system(t, "3 ok", map[string]string{"1": "ok", "2": "ok"}).with("moss.fstx=2")
	if err := c.run(); err != nil {
		t.Fatal(err)
	}
	before := testutil.List(t, c.states.Dir())
	c.writable = func() error { return errors.New("nothing may be written") }
	if err := c.run(); err != nil || c.outcome.Fallback {
		t.Errorf("got %+v, %v", c.outcome, err)
	}
	if diff := cmp.Diff(before, testutil.List(t, c.states.Dir())); diff != "" {
		t.Errorf("something moved:\n%s", diff)
	}
}

func TestChoiceWithoutState(t *testing.T) {
	for live, want := range map[string]activate.ID{"3 broken": 3, "3 unsealed": 0} {
		c := system(t, live, map[string]string{"2": "ok"}).with("quiet")
		before := testutil.List(t, c.states.Dir())
		if err := c.run(); err != nil || c.outcome.Activated != want || c.outcome.Fallback || !strings.Contains(c.outcome.Reason, "no moss.fstx=") {
			t.Errorf("%s: got %+v, %v, want %v", live, c.outcome, err, want)
		}
		if diff := cmp.Diff(before, testutil.List(t, c.states.Dir())); diff != "" {
			t.Errorf("something was touched:\n%s", diff)
		}
	}
}

func TestFallbackOff(t *testing.T) {
	c := system(t, "1 ok", map[string]string{"3": "broken"}).with("moss.fstx=3 moss.fallback=off")
	err := c.run()
	if err == nil || !strings.Contains(err.Error(), "state 3 was asked for, and moss.fallback=off allows no other: "+brokenInit) {
		t.Errorf("got %v", err)
	}
	if got := c.mark(t); got != "tree 1" {
		t.Errorf("got %q, want nothing to move", got)
	}
	if got := c.failedRecords(t); len(got) != 1 {
		t.Errorf("got %v, want the failure to be recorded all the same", got)
	}
}

func TestNothingCanBoot(t *testing.T) {
	c := system(t, "1 broken", map[string]string{"2": "unsealed", "3": "broken"}).with("moss.fstx=3")
	err := c.run()
	for _, want := range []string{"no state can boot: " + brokenInit, "\n  state 1: " + brokenInit} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %q", err, want)
		}
	}
}

// A root that cannot be written boots the state that it has.
func TestUnwritableRootBootsWhatIsLive(t *testing.T) {
	c := system(t, "1 ok", map[string]string{"2": "ok", "3": "ok"}).with("moss.fstx=3")
	c.writable = func() error { return errors.New("make the root writable: read-only file system") }
	before := testutil.List(t, c.states.Dir())
	if err := c.run(); err != nil {
		t.Fatal(err)
	}
	if c.outcome.Activated != 1 || !c.outcome.Fallback || !strings.Contains(c.outcome.Reason, "make the root writable") {
		t.Errorf("got %+v", c.outcome)
	}
	if diff := cmp.Diff(before, testutil.List(t, c.states.Dir())); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}

func TestFailedRecord(t *testing.T) {
	c := system(t, "1 ok", nil)
	path := filepath.Join(c.states.Dir(), ".moss/boot/failed/3")
	record := func(reason string) string {
		t.Helper()
		if err := c.remember(3, errors.New(reason)); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := "reason: no C library\nkernel: 6.1.0\ntime: 2026-11-22T04:00:00Z\ntree: none\n"
	if got := record("no\nC library"); got != first {
		t.Errorf("got %q, want %q", got, first)
	}
	later := c.now().Add(time.Hour)
	c.now = func() time.Time { return later }
	if got := record("no C library"); got != first {
		t.Errorf("got %q, want the first record to stay", got)
	}
	if got, want := record("another"), "reason: another\nkernel: 6.1.0\ntime: 2026-11-22T05:00:00Z\ntree: none\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The exchange fails after the trees have changed places: the state is active.
func TestFailureAfterTheExchange(t *testing.T) {
	if !faults {
		return
	}
	t.Setenv("MOSS_FAULT", "activate/exchanged:error")
	c := system(t, "1 ok", map[string]string{"2": "ok"}).with("moss.fstx=2")
	if err := c.run(); err != nil || c.outcome.Activated != 2 || c.outcome.Fallback {
		t.Errorf("got %+v, %v", c.outcome, err)
	}
	t.Setenv("MOSS_FAULT", "activate/exchanging:error")
	c = system(t, "1 ok", map[string]string{"2": "ok", "3": "ok"}).with("moss.fstx=3")
	if err := c.run(); err != nil || c.outcome.Activated != 1 || !c.outcome.Fallback || len(c.outcome.Failed) != 2 {
		t.Errorf("got %+v, %v, want the live state after two exchanges that failed", c.outcome, err)
	}
}

// A fault of our own is one state's fault, not the end of the boot.
func TestPanicIsOneStatesFailure(t *testing.T) {
	if !faults {
		return
	}
	t.Setenv("MOSS_FAULT", "activate/exchanging:panic")
	c := system(t, "1 ok", map[string]string{"2": "ok"}).with("moss.fstx=2")
	if err := c.run(); err != nil || c.outcome.Activated != 1 || !strings.Contains(c.outcome.Reason, "panic while state 2 was activated") {
		t.Errorf("got %+v, %v", c.outcome, err)
	}
}

func FuzzMenu(f *testing.F) {
	f.Add("3 6.1.0\n2 6.1.0\n")
	f.Add("3 6.1.0 moss-x-3-6.1.0_* moss-x-3-6.1.0_+3.conf\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "menu")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		all, err := readMenu(path)
		seen := map[menuEntry]bool{}
		for _, e := range all {
			if err != nil || seen[e] || e.state == 0 {
				t.Errorf("%q: got %v, %v", text, all, err)
			}
			seen[e] = true
		}
	})
}
