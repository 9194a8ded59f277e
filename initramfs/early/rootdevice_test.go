package early

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moss/internal/cmdline"
)

// machine is a boot whose /sys and /dev are a folder, listening to real events.
func machine(t *testing.T, line string) *Boot {
	t.Helper()
	b := &Boot{Top: t.TempDir(), line: cmdline.Parse(line), aliases: map[string]bool{}, events: listen(t)}
	tty, err := os.Create(filepath.Join(b.Top, "screen"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	b.console.tty = tty
	return b
}

func screen(t *testing.T, b *Boot) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.Top, "screen"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func huntFor(t *testing.T, b *Boot, root string, limit time.Duration) (*blockDevice, error) {
	t.Helper()
	h := b.newHunt(nil, "", limit)
	if err := h.aimAt(root); err != nil {
		t.Fatal(err)
	}
	return h.run()
}

func TestFindByEveryName(t *testing.T) {
	b := machine(t, "")
	plug(t, b.Top, "vda", put(nil))
	plug(t, b.Top, "ram0", ext4("root"))
	plug(t, b.Top, "vdb", ext4("root"), "esp", "system")
	for _, root := range []string{
		"UUID=" + strings.ToUpper(someUUID), "LABEL=root", "PARTLABEL=system", "PARTUUID=12345678-9abc-4def-8123-456789abcd02", "254:2", "/dev/vdb2",
	} {
		if root == "UUID="+strings.ToUpper(someUUID) || root == "LABEL=root" {
			// The first partition holds a copy of the same front.
			if _, err := huntFor(t, b, root, time.Second); err == nil || !strings.Contains(err.Error(), "/dev/vdb1 ext4") {
				t.Errorf("%s: got %v, want both devices named", root, err)
			}
			continue
		}
		d, err := huntFor(t, b, root, time.Second)
		if err != nil || d.Name != "vdb2" || d.Node != filepath.Join(b.Top, "dev/vdb2") || d.Holds.Type != "ext4" {
			t.Errorf("%s: got %v, %v, want vdb2", root, d, err)
		}
	}
}

// A device that comes late is found when the kernel announces it.
func TestFindLateDevice(t *testing.T) {
	b := machine(t, "")
	plug(t, b.Top, "vda", put(nil))
	done := make(chan error)
	go func() {
		d, err := huntFor(t, b, "LABEL=late", time.Minute)
		if err == nil && d.Name != "vdb" {
			t.Errorf("got %v, want vdb", d)
		}
		done <- err
	}()
	plug(t, b.Top, "vdb", ext4("late"))
	for {
		trigger(t)
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}

func TestFindNamesWhatThereIs(t *testing.T) {
	b := machine(t, "")
	plug(t, b.Top, "vda", ext4("other root"))
	plug(t, b.Top, "vdb", put(nil), "spare")
	_, err := huntFor(t, b, "LABEL=nowhere", time.Millisecond)
	for _, want := range []string{
		"root=LABEL=nowhere did not appear within 1ms\n",
		"\n  /dev/vda ext4 UUID=" + someUUID + ` LABEL="other root"`,
		"\n  /dev/vdb1 (nothing known) PARTUUID=12345678-9abc-4def-8123-456789abcd01 PARTLABEL=spare",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %q", err, want)
		}
	}
	_, err = huntFor(t, machine(t, ""), "/dev/vda", time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "no block device was found") {
		t.Errorf("got %v", err)
	}
}

// A disk that changes under its name is read again.
func TestForget(t *testing.T) {
	b := machine(t, "")
	plug(t, b.Top, "vda", ext4("before"))
	h := b.newHunt(nil, "", 0)
	label := func() string {
		found, err := h.devices.scan()
		if err != nil || len(found) != 1 {
			t.Fatalf("got %v, %v", found, err)
		}
		return found[0].Holds.Label
	}
	label()
	if err := os.WriteFile(filepath.Join(b.Top, "dev/vda"), ext4("after"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := label(); got != "before" {
		t.Errorf("got %q, want the disk to be read once only", got)
	}
	h.take(event{"ACTION": "change", "SUBSYSTEM": "block", "DEVPATH": "/devices/x/block/vda"})
	if got := label(); got != "after" {
		t.Errorf("got %q, want the disk to be read again", got)
	}
}

func TestPatience(t *testing.T) {
	for line, want := range map[string]time.Duration{
		"":                           90 * time.Second,
		"rootwait=20":                20 * time.Second,
		"rootwait=20 moss.timeout=5": 5 * time.Second,
		"moss.timeout=5":             5 * time.Second,
		"moss.timeout=no":            90 * time.Second,
		"moss.timeout=0":             90 * time.Second,
		"rootwait":                   0,
		"rootwait moss.timeout=7":    7 * time.Second,
		"rootdelay=120":              120 * time.Second,
		"rootdelay=5 moss.timeout=9": 9 * time.Second,
	} {
		if got := patience(cmdline.Parse(line)); got != want {
			t.Errorf("%q: got %v, want %v", line, got, want)
		}
	}
}

// tick is how long a test waits for what does not come.
const tick = 20 * time.Millisecond

func TestRootThatCannotBe(t *testing.T) {
	for line, want := range map[string]string{
		"root=nfs:x":                  "on the network",
		"root=xyz":                    "root=xyz is none of",
		"root=":                       "root= is none of",
		"ro quiet systemd.gpt_auto=0": "no root=",
		"rd.systemd.gpt_auto=no":      "no root=",
		"root=/dev/vda":               "root=/dev/vda cannot be used: /dev/vda LVM2_member is an LVM physical volume",
		"root=/dev/vdb":               "is swap space and no root",
		"root=/dev/x/y":               "root=/dev/x/y did not appear within 20ms\n/dev/vda is an LVM physical volume",
	} {
		b := machine(t, line)
		plug(t, b.Top, "vda", put(map[int]string{512: "LABELONE", 532: le(32, 4) + "LVM2 001"}))
		plug(t, b.Top, "vdb", put(map[int]string{4086: "SWAPSPACE2"}))
		if err := b.findWithin(tick); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
	}
}

func member(number, of int) []byte {
	const at = 64 << 10
	return put(map[int]string{
		at + 0x40: "_BHRfS_M", at + 0x20: rawUUID, at + 0x30: le(at, 8), at + 0xc4: le(1, 2), at + 0x88: le(uint64(of), 8), at + 0xc9: le(uint64(number), 8),
	})
}

// A btrfs that is not whole is waited for; then the words of the command line
// decide, and a message says what is missing.
func TestDegradedBtrfs(t *testing.T) {
	for line, want := range map[string]string{
		"":                            "root=UUID=" + someUUID + " is not complete after 20ms: 1 of the 3 devices of btrfs " + someUUID + " are missing; there are /dev/vda (number 1), /dev/vdc (number 3)\nconnect what is missing, or boot with rootflags=degraded",
		"rootflags=subvol=@,degraded": "",
		"rootflags=subvol=degraded":   "is not complete",
	} {
		b := machine(t, line+" root=UUID="+someUUID)
		plug(t, b.Top, "vda", member(1, 3))
		plug(t, b.Top, "vdc", member(3, 3))
		err := b.findWithin(tick)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
		if want == "" && (b.root == nil || b.root.Name != "vda" || len(b.members) != 1 || b.members[0].Name != "vdc") {
			t.Errorf("%q: got %v and %v", line, b.root, b.members)
		}
		if want == "" && !strings.Contains(screen(t, b), "going on with what is there because of rootflags=degraded") {
			t.Errorf("%q: got %q", line, screen(t, b))
		}
	}
}

// Of a btrfs whose first device is damaged the other one is mounted.
func TestDamagedMember(t *testing.T) {
	b := machine(t, "rootflags=degraded root=UUID="+someUUID)
	damaged := member(1, 2)
	copy(damaged[64<<10+0xc4:], "\x00\x00") // the checksum that is looked at, and is none
	plug(t, b.Top, "vda", damaged)
	plug(t, b.Top, "vdb", member(2, 2))
	if err := b.findWithin(tick); err != nil || b.root.Name != "vdb" || len(b.members) != 1 || !b.members[0].Holds.Damaged {
		t.Errorf("got %v and %v, %v", b.root, b.members, err)
	}
}

// A copy of one device of a btrfs is not mixed with the others, however the root is
// named.
func TestCopyOfAMember(t *testing.T) {
	for _, root := range []string{"/dev/vda", "UUID=" + someUUID} {
		b := machine(t, "root="+root)
		plug(t, b.Top, "vda", member(1, 2))
		plug(t, b.Top, "vdb", member(2, 2))
		plug(t, b.Top, "vdc", member(2, 2))
		err := b.findWithin(tick)
		if err == nil || !strings.Contains(err.Error(), "/dev/vdb btrfs") || !strings.Contains(err.Error(), "/dev/vdc btrfs") {
			t.Errorf("%s: got %v and %v, %v", root, b.root, b.members, err)
		}
	}
}

// After two seconds the boot says what it waits for, and why that may be in vain.
func TestWaitingSaysWhy(t *testing.T) {
	b := machine(t, "")
	plug(t, b.Top, "vda", put(map[int]string{512: "LABELONE", 532: le(32, 4) + "LVM2 001"}))
	h := b.newHunt(nil, "", time.Minute)
	if err := h.aimAt("/dev/mapper/vg-root"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.look(); err != nil {
		t.Fatal(err)
	}
	h.start -= slow.Milliseconds() - 1
	for range 1000 { // other events of this machine may come between
		if err := h.wait(time.Minute); err != nil {
			t.Fatal(err)
		}
		if h.told {
			break
		}
		if err := h.drain(); err != nil {
			t.Fatal(err)
		}
	}
	want := "moss-init: waiting for root=/dev/mapper/vg-root; /dev/vda is an LVM physical volume, which moss-init does not put together; if the root is on it, " + otherMode + "\n"
	if got := screen(t, b); !strings.HasPrefix(got, want) || !strings.Contains(got, "\nmoss-init:   /dev/vda LVM2_member") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The time that a person takes is not the device's.
func TestPersonsTimeDoesNotCount(t *testing.T) {
	h := machine(t, "").newHunt(rootSpec{"UUID", "x"}, "", time.Minute)
	h.start -= 100_000
	if got := h.left(); got != 0 {
		t.Errorf("got %v left", got)
	}
	h.person = 99_000
	if got := h.left(); got < 58*time.Second || got > 59*time.Second {
		t.Errorf("got %v left, want about 59 s", got)
	}
}

// rootwait has no end but for what can be done without, and for what no driver
// will ever make.
func TestRootwaitEnds(t *testing.T) {
	partial := &blockDevice{}
	for _, tt := range []struct {
		rootflags, root string
		partial         *blockDevice
		ends            bool
	}{
		{"", "UUID=x", nil, false},
		{"", "UUID=x", partial, false},
		{"degraded", "UUID=x", nil, false},
		{"degraded", "UUID=x", partial, true},
		{"", "/dev/mapper/vg-root", nil, true},
		{"", "/dev/sda1", nil, false},
		{"x rd.luks.name=" + keyUUID + "=vault", "/dev/mapper/vault", nil, false},
		{"x rd.luks.name=" + keyUUID + "=vault", "/dev/mapper/vg-root", nil, true},
		{"x rd.luks.uuid=" + keyUUID, "/dev/mapper/luks-" + keyUUID, nil, false},
	} {
		h := machine(t, "rootwait rootflags="+tt.rootflags).newHunt(nil, "", 0)
		if err := h.aimAt(tt.root); err != nil {
			t.Fatal(err)
		}
		h.partial = tt.partial
		if got := h.left() >= 0; got != tt.ends {
			t.Errorf("%+v: got an end %v", tt, got)
		}
	}
}
