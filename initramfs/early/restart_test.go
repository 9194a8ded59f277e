package early

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/gpt"
	"moss/internal/gpt/gpttest"
	"moss/internal/testutil"
	"moss/store/activate"
)

const (
	entry2 = "2 5.10.0 moss-t-2-5.10.0_* moss-t-2-5.10.0_+3.conf"
	entry1 = "1 4.19.0 moss-t-1-4.19.0_* moss-t-1-4.19.0_.conf"
	entry4 = "4 6.1.0 moss-t-4-6.1.0_* moss-t-4-6.1.0_.conf"
)

// stranded is a machine whose wanted state 4 is broken, and whose states 2 and 1
// need kernels of their own.
func stranded(t *testing.T, entries ...string) (*Boot, *recorder) {
	t.Helper()
	c := system(t, "4 broken", map[string]string{"2": "old"}).with("moss.fstx=4")
	usr := c.states.Archive(1)
	state(t, usr, "1", "old")
	if err := os.Rename(filepath.Join(usr, "lib/modules/5.10.0"), filepath.Join(usr, "lib/modules/4.19.0")); err != nil {
		t.Fatal(err)
	}
	c.menu(t, append([]string{entry4}, entries...)...)
	b := bootOf(t, c)
	return b, b.platform.(*recorder)
}

// uefi gives a machine EFI variables, not mounted yet.
func (r *recorder) uefi(b *Boot, more testutil.Tree) {
	r.t.Helper()
	testutil.Tree{"sys/firmware/efi/efivars/": ""}.Create(r.t, b.Top)
	r.vars = testutil.Tree{"LoaderInfo" + loaderVendor: "\x06\x00\x00\x00s\x00"}
	for name, text := range more {
		r.vars[name] = text
	}
}

// bios gives a machine a disk whose second partition is XBOOTLDR, with entries.
func (r *recorder) bios(b *Boot, files testutil.Tree) {
	r.t.Helper()
	plug(r.t, b.Top, "vda", nil, "esp", "boot", "root")
	disk := gpttest.Disk(512, 2048, someUUID,
		gpt.Part{Number: 1, Type: bootTypes()[1], UUID: someUUID, First: 64, Last: 127},
		gpt.Part{Number: 2, Type: bootTypes()[0], UUID: someUUID, First: 128, Last: 191},
		gpt.Part{Number: 3, Type: "0fc63daf-8483-4772-8e79-3d69d8477de4", UUID: someUUID, First: 192, Last: 255})
	testutil.Tree{"dev/vda": string(disk)}.Create(r.t, b.Top)
	b.root = &blockDevice{Name: "vda3"}
	// Partitions lie below their disk, as in sysfs.
	r.parts = map[string]string{"vda1": r.t.TempDir(), "vda2": r.t.TempDir()}
	files.Create(r.t, r.parts["vda2"])
}

func oldEntry(image string) testutil.Tree {
	return testutil.Tree{
		"loader/entries/moss-t-2-5.10.0_+1-2.conf": "title x\nversion 2\nlinux /moss-t/a.linux\ninitrd /moss-t/b.initrd\ninitrd\t/moss-t/c.initrd\noptions root=UUID=1 quiet\noptions moss.fstx=2\n",
		"moss-t/a.linux": image, "moss-t/b.initrd": "12345", "moss-t/c.initrd": "6789",
	}
}

func (b *Boot) oneShot(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(b.path("sys/firmware/efi/efivars/" + oneShot))
	if err != nil {
		return ""
	}
	if binary.LittleEndian.Uint32(raw) != 7 {
		t.Errorf("got attributes %v", raw[:4])
	}
	return strings.ReplaceAll(string(raw[4:]), "\x00", "")
}

// The loader is told, the restart counted, both before it happens; the failure is
// recorded already.
func TestRestartByLoader(t *testing.T) {
	b, machine := stranded(t, entry2)
	machine.uefi(b, nil)
	machine.at = func(call string) {
		if call != "restart" {
			return
		}
		if got := b.oneShot(t); got != "moss-t-2-5.10.0_*" {
			t.Errorf("got one-shot %q at the restart", got)
		}
		want := attempts{count: 1, wanted: 4, next: 2, reason: brokenInit}
		if got := readAttempts(b.Sysroot); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if got := b.choice().failedRecords(t)["4"]; got != brokenInit {
			t.Errorf("got record %q", got)
		}
	}
	err := b.activate()
	if err != nil || !machine.called("restart") || b.report.Activated != 2 || !b.bare {
		t.Fatalf("got %+v, %v after %v, want a restart, and then what is left", b.report.Outcome, err, machine.calls)
	}
	got := screen(t, b)
	for _, want := range []string{"state 4 cannot be booted: " + brokenInit, "restart into state 2 with kernel 5.10.0, by the boot loader"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q on the screen", got, want)
		}
	}
	if got := b.oneShot(t); got != "" {
		t.Errorf("got one-shot %q although nothing was restarted", got)
	}
}

// The boot that it leads to tells the whole story, and counts anew.
func TestBootAfterRestart(t *testing.T) {
	c := system(t, "4 broken", map[string]string{"2": "ok"}).with("moss.fstx=2")
	note := attempts{count: 2, wanted: 4, next: 2, reason: "no\nC library"}
	testutil.Tree{".moss/boot/attempts": note.text()}.Create(t, c.states.Dir())
	b := bootOf(t, c)
	if err := errors.Join(b.activate(), b.settle(), b.writeReport()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(b.path("run/moss/boot.json"))
	if err != nil {
		t.Fatal(err)
	}
	got := decode(t, text)
	if *got.Wanted != 4 || *got.Activated != 2 || !got.Fallback || got.Step != 2 || got.Reason != "no C library" || len(got.Failed) != 1 {
		t.Errorf("got %s", text)
	}
	if !strings.Contains(screen(t, b), "state 2 activated (wanted 4: no C library)") {
		t.Errorf("got %q", screen(t, b))
	}
	if got := readAttempts(b.Sysroot); got != (attempts{}) {
		t.Errorf("got %+v, want the count gone", got)
	}
	// A person chose another entry meanwhile: that is no fallback.
	c = system(t, "3 ok", nil).with("moss.fstx=3")
	testutil.Tree{".moss/boot/attempts": note.text()}.Create(t, c.states.Dir())
	b = bootOf(t, c)
	if err := errors.Join(b.activate(), b.settle()); err != nil || b.report.Fallback || b.report.Wanted != 3 {
		t.Errorf("got %+v, %v", b.report.Outcome, err)
	}
}

// Where restarts led back, the next entry and then the other way get their turn,
// and after three the machine stays.
func TestRestartsTakeTurnsAndEnd(t *testing.T) {
	var went []string
	b, machine := stranded(t, entry2, entry1)
	machine.uefi(b, nil)
	machine.bios(b, oldEntry("kernel"))
	machine.at = func(call string) {
		if call == "restart" || call == "jump" {
			went = append(went, call+" "+b.oneShot(t)+machine.line)
		}
	}
	for range 5 {
		machine.line, b.raised = "", 0
		before := readAttempts(b.Sysroot).count
		_ = b.activate()
		if before < maxAttempts { // the machine is still here: only the first hop of each boot counts
			testutil.Tree{".moss/boot/attempts": fmt.Sprintln(before + 1)}.Create(t, b.Sysroot)
			went = append(went, "--")
		}
	}
	first := []string{}
	for i, call := range went {
		if i == 0 || went[i-1] == "--" {
			first = append(first, call)
		}
	}
	want := []string{"restart moss-t-2-5.10.0_*", "restart moss-t-1-4.19.0_*", "jump root=UUID=1 quiet moss.fstx=2"}
	if !slices.Equal(first, want) || went[len(went)-1] != "--" {
		t.Errorf("got %q, want %q and then no more", went, want)
	}
	if err := b.activate(); err != nil || !strings.Contains(screen(t, b), "has restarted itself 3 times") {
		t.Errorf("got %v, %q", err, screen(t, b))
	}
}

// Hops that come back, and the end after them, are one restart of this boot.
func TestRestartsThatDoNotComeAboutCountOnce(t *testing.T) {
	b, machine := stranded(t, entry2, entry1)
	machine.uefi(b, nil)
	machine.bios(b, oldEntry("kernel"))
	_ = b.activate()
	if !machine.called("restart") || !machine.called("jump") || readAttempts(b.Sysroot).count != 1 {
		t.Errorf("got %+v after %v", readAttempts(b.Sysroot), machine.calls)
	}
	if b.giveUp("x"); readAttempts(b.Sysroot).count != 1 {
		t.Errorf("got %+v at the end", readAttempts(b.Sysroot))
	}
}

// A loader that starts the usual entry in spite of the variable is not asked twice.
func TestLoaderThatIgnoresTheChoice(t *testing.T) {
	for _, tt := range []struct {
		attempts string
		want     []string
	}{
		{"", []string{"restart", "jump"}},
		{"1\n", []string{"jump"}},
	} {
		b, machine := stranded(t, entry2)
		machine.uefi(b, testutil.Tree{oneShot: "\x07\x00\x00\x00x\x00\x00\x00"})
		machine.bios(b, oldEntry("kernel"))
		if tt.attempts != "" {
			testutil.Tree{".moss/boot/attempts": tt.attempts}.Create(t, b.Sysroot)
		}
		var went []string
		machine.at = func(call string) {
			if call == "restart" || call == "jump" {
				went = append(went, call)
			}
			if call == "jump" && b.oneShot(t) != "" {
				t.Error("the variable is still there")
			}
		}
		if _ = b.activate(); !slices.Equal(went, tt.want) {
			t.Errorf("%q: got %v, want %v; %s", tt.attempts, went, tt.want, screen(t, b))
		}
		if said := strings.Contains(screen(t, b), "the loader did not follow the choice"); said != (tt.attempts != "") {
			t.Errorf("%q: got %q", tt.attempts, screen(t, b))
		}
	}
}

func TestKexec(t *testing.T) {
	b, machine := stranded(t, entry2)
	machine.bios(b, oldEntry("kernel"))
	if err := b.activate(); err != nil || b.report.Activated != 2 {
		t.Fatalf("got %+v, %v, want what is left, for the machine is still here", b.report.Outcome, err)
	}
	if want := []string{"mount vda2 vfat", "load", "unmount", "jump"}; !slices.Equal(machine.calls, want) {
		t.Errorf("got %v, want %v", machine.calls, want)
	}
	if machine.kernel != "kernel" || machine.images != "12345\x00\x00\x006789" || machine.line != "root=UUID=1 quiet moss.fstx=2" {
		t.Errorf("got %q, %q, %q", machine.kernel, machine.images, machine.line)
	}
	if got := readAttempts(b.Sysroot); got.count != 1 || got.next != 2 {
		t.Errorf("got %+v", got)
	}
}

// unified is a program of UEFI with one section.
func unified(section string) string {
	head := make([]byte, 256)
	copy(head, "MZ")
	copy(head[60:], le(64, 4))
	copy(head[64:], "PE\x00\x00")
	copy(head[70:], le(1, 2))
	copy(head[88:], section)
	return string(head)
}

// What closes a way is said, and the boot goes on to what is left.
func TestClosedWays(t *testing.T) {
	for name, tt := range map[string]struct {
		make func(b *Boot, machine *recorder)
		want string
	}{
		"Secure Boot": {func(b *Boot, m *recorder) {
			m.uefi(b, testutil.Tree{"SecureBoot" + globalVendor: "\x06\x00\x00\x00\x01"})
			delete(m.vars, "LoaderInfo"+loaderVendor)
			m.bios(b, oldEntry("kernel"))
		}, "by kexec: Secure Boot allows no kexec"},
		"locked down": {func(b *Boot, m *recorder) {
			testutil.Tree{"sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}.Create(t, b.Top)
		}, "Secure Boot allows no kexec"},
		"no loader": {func(b *Boot, m *recorder) {
			m.uefi(b, testutil.Tree{"x": "x"})
			delete(m.vars, "LoaderInfo"+loaderVendor)
		}, "by the boot loader: no loader that takes orders started this boot"},
		"loader without one-shot": {func(b *Boot, m *recorder) {
			m.uefi(b, testutil.Tree{"LoaderFeatures" + loaderVendor: "\x06\x00\x00\x00" + le(1, 8)})
		}, "the loader knows no choice for one boot"},
		"no variables": {func(b *Boot, m *recorder) {
			m.uefi(b, nil)
			m.fail = map[string]error{"mount": unix.ENODEV}
		}, "mount the EFI variables: no such device"},
		"BIOS": {func(b *Boot, m *recorder) { m.bios(b, nil) }, "there is no entry moss-t-2-5.10.0_+3.conf on the boot partition"},
		"unified image": {func(b *Boot, m *recorder) { m.bios(b, oldEntry(unified(".linux"))) },
			"/moss-t/a.linux is a unified image, which only firmware and loaders start"},
		"kernel gone": {func(b *Boot, m *recorder) {
			files := oldEntry("kernel")
			delete(files, "moss-t/a.linux")
			m.bios(b, files)
		}, "moss-t/a.linux: no such file or directory"},
		"initrd gone": {func(b *Boot, m *recorder) {
			files := oldEntry("kernel")
			delete(files, "moss-t/c.initrd")
			m.bios(b, files)
		}, "moss-t/c.initrd: no such file or directory"},
		"unsigned": {func(b *Boot, m *recorder) {
			m.bios(b, oldEntry("kernel"))
			m.fail = map[string]error{"load": unix.EKEYREJECTED}
		}, "the running kernel takes no other that is not signed for it"},
		"no such call": {func(b *Boot, m *recorder) {
			m.bios(b, oldEntry("kernel"))
			m.fail = map[string]error{"load": unix.ENOSYS}
		}, "the running kernel cannot start another"},
		"no vfat": {func(b *Boot, m *recorder) {
			m.bios(b, oldEntry("kernel"))
			m.fail = map[string]error{"mount": unix.ENODEV}
		}, "where the boot entries are, as vfat: no such device"},
		"no boot partition": {func(b *Boot, m *recorder) {
			plug(t, b.Top, "vdb", nil, "root")
			b.root = &blockDevice{Name: "vdb1"}
		}, "vdb, on which the root is, has no boot partition"},
	} {
		t.Run(name, func(t *testing.T) {
			b, machine := stranded(t, entry2)
			tt.make(b, machine)
			testutil.Tree{".stateID": "7", "sbin/init": "0755:" + program()}.Create(t, b.states().Archive(7))
			if err := b.activate(); err != nil {
				t.Fatal(err)
			}
			if machine.called("restart") || machine.called("jump") || b.report.Activated != 7 || b.report.Step != 3 {
				t.Errorf("got %v, %+v, want state 7 in the third step", machine.calls, b.report.Outcome)
			}
			if got := screen(t, b); !strings.Contains(got, tt.want) {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
			if got := readAttempts(b.Sysroot); got.count != 0 {
				t.Errorf("got %+v counted without a restart", got)
			}
		})
	}
}

// A plain kernel is a program of UEFI, too.
func TestIsUnified(t *testing.T) {
	for image, want := range map[string]bool{unified(".linux"): true, unified(".text"): false, "": false, "MZ": false, unified(".linux")[:90]: false} {
		if got := isUnified(strings.NewReader(image)); got != want {
			t.Errorf("%q: got %v", image, got)
		}
	}
}

// A list from before this knows the states but not how to start them.
func TestOldListOfEntries(t *testing.T) {
	b, machine := stranded(t, "2 5.10.0")
	machine.uefi(b, nil)
	machine.bios(b, oldEntry("kernel"))
	err := b.activate()
	if err != nil || machine.called("restart") || machine.called("jump") || !strings.Contains(screen(t, b), "moss-boot sync writes it anew") {
		t.Errorf("got %v after %v: %s", err, machine.calls, screen(t, b))
	}
}

// No restart without a place to count it.
func TestUncountedRestartIsNotMade(t *testing.T) {
	b, machine := stranded(t, entry2)
	machine.uefi(b, nil)
	testutil.Tree{".moss/boot/attempts/x": ""}.Create(t, b.Sysroot)
	err := b.activate()
	if err != nil || machine.called("restart") || !strings.Contains(screen(t, b), "3 times") {
		t.Errorf("got %v after %v: %s", err, machine.calls, screen(t, b))
	}
	if got := b.oneShot(t); got != "" {
		t.Errorf("got one-shot %q", got)
	}
}

// The variable that is there already is locked by the kernel.
func TestLockedVariable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, oneShot)
	if err := writeVar(dir, oneShot, "before"); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0x10); err != nil {
		t.Logf("%s has no such flag (%v): only the plain file is tried", dir, err)
	} else if os.WriteFile(path, nil, 0o644) == nil {
		t.Fatal("the flag does not forbid writing")
	}
	if err := writeVar(dir, oneShot, "after!"); err != nil {
		t.Fatal(err)
	}
	if got, err := readVar(dir, oneShot); string(got) != "a\x00f\x00t\x00e\x00r\x00!\x00\x00\x00" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := deleteVar(dir, oneShot); err != nil {
		t.Error(err)
	}
}

// The list names what was the file's name then; its counter moves.
func TestEntryStem(t *testing.T) {
	for name, want := range map[string]string{
		"moss-t-2-5.10.0_.conf": "moss-t-2-5.10.0_", "moss-t-2-5.10.0_+3.conf": "moss-t-2-5.10.0_",
		"moss-t-2-5.10.0_+0-3.conf": "moss-t-2-5.10.0_", "a+b.conf": "a+b", "a+.conf": "a", "": "",
	} {
		if got := entryStem(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// Below LUKS the disk is that of the container.
func TestRootDiskBelowMappings(t *testing.T) {
	b, machine := stranded(t, entry2)
	machine.bios(b, nil)
	testutil.Tree{"sys/class/block/dm-0/slaves/vda3/": "", "sys/class/block/dm-1/slaves/dm-0/": ""}.Create(t, b.Top)
	for _, name := range []string{"vda", "vda3", "dm-0", "dm-1"} {
		b.root = &blockDevice{Name: name}
		if got, err := b.rootDisk(); got != "vda" || err != nil {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

func TestAttempts(t *testing.T) {
	for text, want := range map[string]attempts{
		"1\n": {count: 1}, "2": {count: 2}, "3\nwanted: 5\nnext: 4\nreason: x: y\n": {count: 3, wanted: 5, next: 4, reason: "x: y"},
		"": {count: 3}, "x\n": {count: 3}, "-1\n": {count: 3}, "70000": {count: 3}, "1\nnext: 07\nlater: x\n": {count: 1},
		"1\nreason: \x1b[2J\xff\n": {count: 1, reason: " [2J?"},
	} {
		dir := t.TempDir()
		testutil.Tree{".moss/boot/attempts": text}.Create(t, dir)
		if got := readAttempts(dir); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
	if got := readAttempts(t.TempDir()); got != (attempts{}) {
		t.Errorf("got %+v without a file", got)
	}
}

func FuzzEntry(f *testing.F) {
	f.Add("linux /a\ninitrd /b\noptions x\n")
	f.Add("linux ../../etc/shadow\n")
	f.Fuzz(func(t *testing.T, text string) {
		e := parseEntry(text)
		for _, name := range append(e.initrds, e.linux) {
			if name != "" && (!strings.HasPrefix(name, "/") || strings.Contains(name, "/../") || strings.HasSuffix(name, "/..")) {
				t.Errorf("%q: got the path %q", text, name)
			}
		}
		isUnified(strings.NewReader(text))
		_ = activate.Show(entryStem(text))
	})
}

// A state that a restart led to and that dies after the switch has not worked: the
// next restart is into another, and after three there is none.
func TestRestartIntoStateThatDies(t *testing.T) {
	b, machine := stranded(t, entry2, entry1)
	machine.uefi(b, nil)
	for _, id := range []activate.ID{2, 1} {
		testutil.Tree{blessUnit: ""}.Create(t, b.states().Archive(id))
	}
	kernels, told := map[activate.ID]string{2: "5.10.0", 1: "4.19.0"}, []activate.ID{}
	for range 5 {
		var next activate.ID
		var noted string
		machine.at = func(call string) {
			if call == "restart" && next == 0 {
				a := readAttempts(b.Sysroot)
				next, noted = a.next, a.text()
			}
		}
		b.raised = 0 // another boot
		_ = b.activate()
		if next == 0 {
			break
		}
		told = append(told, next)
		// The machine did restart there.
		testutil.Tree{".moss/boot/attempts": noted}.Create(t, b.Sysroot)
		c := (&choice{states: b.states(), kernel: kernels[next]}).with("moss.fstx=" + next.String())
		led := bootOf(t, c)
		if err := errors.Join(led.activate(), led.settle()); err != nil || led.report.Activated != next || led.report.Step != 2 {
			t.Fatalf("got %+v, %v", led.report.Outcome, err)
		}
		if got := readAttempts(b.Sysroot); got != (attempts{count: len(told)}) {
			t.Errorf("got %+v, want the count and no story, which is told", got)
		}
	}
	if !slices.Equal(told, []activate.ID{2, 1, 2}) {
		t.Errorf("got restarts into %v", told)
	}
}
