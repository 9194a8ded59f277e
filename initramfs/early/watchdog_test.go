package early

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

// fakeDog is a watchdog that notes what is done to it.
type fakeDog struct {
	can      uint32
	has      int  // seconds
	fixed    bool // refuses another time
	broken   bool
	written  string
	closed   int
	conf     func() string // what systemd was told
	atClose  string
	consoles func() string
	quiet    string
}

func (d *fakeDog) options() (uint32, error) {
	if d.broken {
		return 0, unix.EIO
	}
	return d.can, nil
}

func (d *fakeDog) set(seconds int) error {
	if d.fixed {
		return unix.EINVAL
	}
	d.has = seconds
	return nil
}

func (d *fakeDog) seconds() (int, error) { return d.has, nil }

func (d *fakeDog) Write(p []byte) (int, error) { d.written += string(p); return len(p), nil }

func (d *fakeDog) Close() error {
	d.closed++
	d.atClose, d.quiet = d.conf(), d.consoles()
	return nil
}

const countPath = "sys/firmware/efi/efivars/LoaderBootCountPath" + loaderVendor

// dogMachine is a machine with a watchdog, started by a loader that counts, and a
// root whose init is systemd.
func dogMachine(t *testing.T, line string, change testutil.Tree) (*Boot, *fakeDog) {
	t.Helper()
	b := machine(t, line)
	b.Sysroot = filepath.Join(b.Top, "sysroot")
	tree := testutil.Tree{
		"dev/watchdog0": "", "proc/sys/kernel/printk": "7\t4\t1\t7\n",
		countPath:                         "\x06\x00\x00\x00x\x00.\x00",
		"sysroot/usr/lib/systemd/systemd": "0755:x", "sysroot/sbin": "-> usr/sbin",
		// Absolute, as a package has it: it must not lead out of the root.
		"sysroot/usr/sbin/init":              "-> /usr/lib/systemd/systemd",
		"sysroot/etc/systemd/system.conf":    "[Manager]\n#RuntimeWatchdogSec=off\n",
		"sysroot/etc/systemd/system.conf.d/": "",
	}
	for name, value := range change {
		tree[name] = value
		if value == "gone" {
			delete(tree, name)
		}
	}
	tree.Create(t, b.Top)
	dog := &fakeDog{can: unix.WDIOF_MAGICCLOSE, has: 30,
		conf:     func() string { return said(b, "run/systemd/system.conf.d/10-moss-watchdog.conf") },
		consoles: func() string { return said(b, "proc/sys/kernel/printk") },
	}
	b.watchdog = dog
	return b, dog
}

// said is a file of the early system, "" if it is not there.
func said(b *Boot, name string) string {
	text, _ := os.ReadFile(b.path(name))
	return string(text)
}

func TestWatchdogIsLeftRunning(t *testing.T) {
	for line, seconds := range map[string]int{
		"moss.fstx=3": 180, "moss.watchdog=60": 60, "moss.watchdog=20": 20, "moss.watchdog=600": 600, "panic=0 moss.watchdog=30": 30, "moss.watchdog=19": 180, "moss.watchdog=1h": 180,
	} {
		b, dog := dogMachine(t, line, nil)
		if err := b.armWatchdog(); err != nil {
			t.Fatal(err)
		}
		if dog.closed != 0 {
			t.Errorf("%s: let go before init runs", line)
		}
		b.letWatchdogGo()
		want := "[Manager]\nRuntimeWatchdogSec=" + strconv.Itoa(seconds) + "\n"
		if dog.closed != 1 || dog.has != seconds || strings.Contains(dog.written, "V") || dog.written == "" || !strings.HasSuffix(dog.atClose, want) {
			t.Errorf("%s: got %+v, want %d s, a sign of life, no V, systemd told before the end", line, dog, seconds)
		}
		if dog.quiet != "2\n" || dog.consoles() != "7\t4\t1\t7\n" {
			t.Errorf("%s: got console levels %q, then %q, want silence and what was there", line, dog.quiet, dog.consoles())
		}
		if bad := strings.HasPrefix(line, "moss.watchdog=1"); strings.Contains(screen(t, b), "is not known (off, or 20 to 600 seconds)") != bad {
			t.Errorf("%s: got %q", line, screen(t, b))
		}
	}
}

// TestWatchdogIsLeftAlone: one that nobody would feed restarts a machine that works.
func TestWatchdogIsLeftAlone(t *testing.T) {
	const drop = "[Manager]\nRuntimeWatchdogSec="
	for name, c := range map[string]struct {
		line   string
		change testutil.Tree
		why    string
	}{
		"off":                     {"moss.watchdog=off", nil, ""},
		"not counted":             {"", testutil.Tree{countPath: "gone", "sys/firmware/efi/efivars/Other-x": "x"}, "not counted"},
		"no UEFI":                 {"", testutil.Tree{countPath: "gone"}, "not counted"},
		"none":                    {"moss.watchdog=60", testutil.Tree{"dev/watchdog0": "gone"}, "there is none"},
		"another init":            {"moss.watchdog=60", testutil.Tree{"sysroot/usr/sbin/init": "0755:x"}, "init is /usr/sbin/init"},
		"init=":                   {"moss.watchdog=60 init=/usr/bin/sh", testutil.Tree{"sysroot/usr/bin/sh": "0755:x"}, "init is /usr/bin/sh"},
		"no init":                 {"moss.watchdog=60 init=/none", nil, "init is"},
		"stopped by panic=0":      {"panic=0", nil, "panic=0"},
		"system.conf":             {"moss.watchdog=60", testutil.Tree{"sysroot/etc/systemd/system.conf": drop + "off\n"}, "/etc/systemd/system.conf decides"},
		"a drop-in":               {"", testutil.Tree{"sysroot/etc/systemd/system.conf.d/x.conf": drop + "0\n"}, "/etc/systemd/system.conf.d/x.conf decides"},
		"a vendor's":              {"", testutil.Tree{"sysroot/usr/lib/systemd/system.conf.d/x.conf": "  " + "RuntimeWatchdogSec = 10\n"}, "/usr/lib/systemd/system.conf.d/x.conf decides"},
		"another device":          {"", testutil.Tree{"sysroot/usr/local/lib/systemd/system.conf.d/x.conf": "WatchdogDevice=/dev/watchdog1"}, "x.conf decides"},
		"a link within the root":  {"", testutil.Tree{"sysroot/etc/systemd/system.conf.d/x.conf": "-> /etc/mine", "sysroot/etc/mine": drop + "9\n"}, "x.conf decides"},
		"masked":                  {"", testutil.Tree{"sysroot/etc/systemd/system.conf.d/10-moss-watchdog.conf": "-> /dev/null"}, "10-moss-watchdog.conf decides"},
		"one that cannot be read": {"", testutil.Tree{"sysroot/etc/systemd/system.conf.d/x.conf/": ""}, "x.conf decides"},
		"systemd's own word":      {"moss.watchdog=60 systemd.watchdog-sec=0", nil, "systemd.watchdog_sec= is systemd's own"},
	} {
		b, dog := dogMachine(t, c.line+" moss.debug", c.change)
		b.console.debug = true
		if err := b.armWatchdog(); err != nil {
			t.Fatal(err)
		}
		if dog.closed+len(dog.written) != 0 || dog.has != 30 || dog.conf() != "" {
			t.Errorf("%s: got %+v and %q for systemd, want nothing done", name, dog, dog.conf())
		}
		if c.why != "" && !strings.Contains(screen(t, b), "the hardware watchdog is left alone: ") || !strings.Contains(screen(t, b), c.why) {
			t.Errorf("%s: got %q, want %q", name, screen(t, b), c.why)
		}
	}
}

// TestWatchdogThatCannotBeLeft is stopped again, and systemd does not hear of it,
// unless it cannot be stopped.
func TestWatchdogThatCannotBeLeft(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fakeDog)
		why    string
	}{
		"stops at a close": {func(d *fakeDog) { d.can = 0 }, "its driver stops it"},
		"broken":           {func(d *fakeDog) { d.broken = true }, "input/output error"},
		"too short":        {func(d *fakeDog) { d.fixed, d.has = true, 10 }, "10 s is too short"},
	} {
		for _, nowayout := range []string{"0", "1"} {
			b, dog := dogMachine(t, "moss.fstx=3", testutil.Tree{"sys/class/watchdog/watchdog0/nowayout": nowayout + "\n"})
			c.change(dog)
			if err := b.armWatchdog(); err != nil {
				t.Fatal(err)
			}
			if dog.closed != 1 || dog.written != "V" || !strings.Contains(screen(t, b), c.why) {
				t.Errorf("%s: got %+v, %q, want it stopped: %s", name, dog, screen(t, b), c.why)
			}
			if told := dog.conf() != ""; told != (nowayout == "1") {
				t.Errorf("%s, nowayout %s: systemd told: %v", name, nowayout, told)
			}
		}
	}
	b, dog := dogMachine(t, "", nil)
	dog.fixed, dog.has = true, 60
	err := b.armWatchdog()
	b.letWatchdogGo()
	if err != nil || !strings.HasSuffix(dog.atClose, "RuntimeWatchdogSec=60\n") || dog.written == "V" {
		t.Errorf("got %v, %+v, want the time that the driver has", err, dog)
	}
}

// TestNoWatchdogDevice: what cannot be opened is no reason not to boot.
func TestNoWatchdogDevice(t *testing.T) {
	b, dog := dogMachine(t, "", testutil.Tree{"dev/watchdog0": "gone", "dev/watchdog0/": ""})
	b.watchdog = nil
	if err := b.armWatchdog(); err != nil || dog.conf() != "" || !strings.Contains(screen(t, b), "left alone: open ") {
		t.Errorf("got %v, %q, %q", err, dog.conf(), screen(t, b))
	}
}

// TestWatchdogOfABootThatFails does not bark at the person who looks at it.
func TestWatchdogOfABootThatFails(t *testing.T) {
	for _, late := range []bool{false, true} {
		b, dog := dogMachine(t, "moss.fstx=3", nil)
		b.platform = &recorder{t: t}
		if err := b.armWatchdog(); err != nil {
			t.Fatal(err)
		}
		if late { // the kernel does not execute init
			b.letWatchdogGo()
		}
		closed := dog.closed
		b.giveUp("move /dev: no")
		if !strings.HasSuffix(dog.written, "V") || dog.closed != closed+1 {
			t.Errorf("late %v: got %+v, want it stopped", late, dog)
		}
	}
	b, dog := dogMachine(t, "moss.fstx=3", testutil.Tree{"sys/class/watchdog/watchdog0/nowayout": "1\n"})
	if err := b.armWatchdog(); err != nil {
		t.Fatal(err)
	}
	fed := make(chan string, 1)
	b.dog.device = feeding{dog, fed}
	if b.calmWatchdog(); <-fed != "\x00" || dog.closed != 0 {
		t.Errorf("got %+v, want one that cannot be stopped to be fed", dog)
	}
}

type feeding struct {
	watchdogDevice
	fed chan<- string
}

func (f feeding) Write(p []byte) (int, error) { f.fed <- string(p); return len(p), nil }
