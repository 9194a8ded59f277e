package early

import (
	"os"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// TestSharedConsole: over a splash screen only what changed the outcome is written.
func TestSharedConsole(t *testing.T) {
	c, kmsg, tty := both(t, 4, true)
	c.shared = true
	c.infof("info")
	c.debugf("debug")
	c.warnf("warning")
	if got := tty(); got != "" {
		t.Errorf("got %q on the console, want nothing", got)
	}
	c.shown = 3 // quiet, and less
	c.Errorf("fallback")
	if got := tty(); got != "moss-init: fallback\n" {
		t.Errorf("got %q on the console, want the error", got)
	}
	const log = "<30>moss-init: info\n<30>moss-init: debug\n<28>moss-init: warning\n<27>moss-init: fallback\n"
	if got := kmsg(); got != log {
		t.Errorf("got %q in the log, want %q", got, log)
	}
}

// TestNoLogIsNoReasonToTalk: without /dev/kmsg what the kernel would not show
// stays unsaid, and what it would is said here.
func TestNoLogIsNoReasonToTalk(t *testing.T) {
	for shown, want := range map[int]string{4: "moss-init: warning\n", 7: "moss-init: info\nmoss-init: warning\n"} {
		c, _, tty := both(t, shown, false)
		c.kmsg = nil
		c.infof("info")
		c.warnf("warning")
		if got := tty(); got != want {
			t.Errorf("level %d: got %q, want %q", shown, got, want)
		}
	}
}

// TestNoRatelimit: the kernel drops what exceeds ten records in five seconds, unless
// it is told not to; the owner's setting comes back.
func TestNoRatelimit(t *testing.T) {
	b := machine(t, "")
	testutil.Tree{"proc/sys/kernel/printk_devkmsg": "ratelimit\n", "dev/kmsg": "", "dev/console": ""}.Create(t, b.Top)
	setting := b.path("proc/sys/kernel/printk_devkmsg")
	if err := b.shareConsole(); err != nil || testutil.Read(t, setting) != "on\n" || !b.console.shared {
		t.Errorf("got %v, %q", err, testutil.Read(t, setting))
	}
	if err := b.leaveReport(); err != nil || testutil.Read(t, setting) != "ratelimit\n" {
		t.Errorf("got %v, %q, want what was there", err, testutil.Read(t, setting))
	}
}

// TestPanicRestarts: a kernel that dies of the state must count as a failed start,
// so the setting stays; the owner's words and kernel go before it.
func TestPanicRestarts(t *testing.T) {
	for line, c := range map[string]struct{ before, during, after string }{
		"moss.fstx=3":          {"0\n", "10", "10"},
		"root=x":               {"0\n", "10", "0\n"},
		"moss.fstx=3 panic=0":  {"0\n", "0\n", "0\n"},
		"moss.fstx=3 panic=-1": {"-1\n", "-1\n", "-1\n"},
		"moss.fstx=3 quiet":    {"30\n", "30\n", "30\n"},
	} {
		b := machine(t, "")
		testutil.Tree{"proc/cmdline": line, "proc/sys/kernel/panic": c.before}.Create(t, b.Top)
		value := func() string {
			text, err := os.ReadFile(b.path("proc/sys/kernel/panic"))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		if err := b.takeCommandLine(); err != nil || value() != c.during {
			t.Errorf("%s: got %v, %q, want %q", line, err, value(), c.during)
		}
		if b.unset(); value() != c.after {
			t.Errorf("%s: got %q for init, want %q", line, value(), c.after)
		}
	}
}

// TestOneLineAStep: with moss.debug, and none without.
func TestOneLineAStep(t *testing.T) {
	for _, debug := range []bool{false, true} {
		c, kmsg, tty := both(t, 4, debug)
		b := &Boot{Top: t.TempDir()}
		b.console.kmsg, b.console.tty, b.console.shown, b.console.debug = c.kmsg, c.tty, c.shown, debug
		if err := b.Run([]Step{{"one", func(*Boot) error { return nil }}, {"two", func(*Boot) error { return nil }}}); err != nil {
			t.Fatal(err)
		}
		want := 0
		if debug {
			want = 2
		}
		if got := strings.Count(kmsg(), "\n"); got != want || strings.Count(tty(), "\n") != want {
			t.Errorf("debug %v: got %q in the log and %q on the console", debug, kmsg(), tty())
		}
	}
}
