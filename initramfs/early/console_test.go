package early

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// both is a console whose two ends are files.
func both(t *testing.T, shown int, debug bool) (c *Console, kmsg, tty func() string) {
	t.Helper()
	dir := t.TempDir()
	open := func(name string) (*os.File, func() string) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f, func() string {
			text, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
	c = &Console{shown: shown, debug: debug}
	c.kmsg, kmsg = open("kmsg")
	c.tty, tty = open("tty")
	return c, kmsg, tty
}

// What must be seen is seen exactly once: by the kernel's own console output or
// by ours.
func TestConsoleDoublesNothing(t *testing.T) {
	for _, tt := range []struct {
		shown int
		debug bool
		tty   string
	}{
		{8, false, ""},
		{5, false, ""},
		{4, false, "moss-init: warning\n"},
		{3, false, "moss-init: error\nmoss-init: warning\n"},
		{4, true, "moss-init: warning\nmoss-init: info\nmoss-init: debug\n"},
		{7, true, ""},
	} {
		c, kmsg, tty := both(t, tt.shown, tt.debug)
		c.Errorf("%s", "error")
		c.warnf("warning")
		c.infof("info")
		c.debugf("debug")
		if got := tty(); got != tt.tty {
			t.Errorf("level %d, debug %v: got %q on the console, want %q", tt.shown, tt.debug, got, tt.tty)
		}
		want := "<27>moss-init: error\n<28>moss-init: warning\n<30>moss-init: info\n"
		if tt.debug {
			want += "<30>moss-init: debug\n"
		}
		if got := kmsg(); got != want {
			t.Errorf("got %q in the log, want %q", got, want)
		}
	}
}

func TestConsoleLines(t *testing.T) {
	c, kmsg, _ := both(t, 8, false)
	c.Errorf("first\nsecond %s\n", strings.Repeat("x", 2000))
	lines := strings.Split(strings.TrimSpace(kmsg()), "\n")
	if len(lines) != 2 || len(lines[1]) > 1000 || !strings.HasPrefix(lines[1], "<27>moss-init: second xxx") {
		t.Errorf("got %d lines: %q", len(lines), lines)
	}
}

func TestConsoleWithoutLog(t *testing.T) {
	c, _, tty := both(t, 8, false)
	c.kmsg = nil
	c.Errorf("seen")
	if got := tty(); got != "moss-init: seen\n" {
		t.Errorf("got %q", got)
	}
}

func TestConsoleLevel(t *testing.T) {
	dir := t.TempDir()
	testutil.Tree{"a": "4\t4\t1\t7\n", "b": "7 4 1 7\n", "c": "x\n", "d": ""}.Create(t, dir)
	for name, want := range map[string]int{"a": 4, "b": 7, "c": 0, "d": 0, "absent": 0} {
		if got := consoleLevel(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
}

// Settings of the kernel are borrowed: init finds what was there before.
func TestSettingsComeBack(t *testing.T) {
	b := machine(t, "")
	testutil.Tree{"proc/sys/a": "0\n", "proc/sys/b": "1\n"}.Create(t, b.Top)
	value := func(name string) string {
		text, err := os.ReadFile(b.path(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	b.set("proc/sys/a", "10")
	b.set("proc/sys/absent", "10")
	if got := value("proc/sys/a"); got != "10" {
		t.Errorf("got %q", got)
	}
	b.unset()
	b.unset()
	if got := value("proc/sys/a") + value("proc/sys/b"); got != "0\n1\n" {
		t.Errorf("got %q", got)
	}
	if _, err := os.Stat(b.path("proc/sys/absent")); err == nil {
		t.Error("a setting was made that the kernel does not have")
	}
}
