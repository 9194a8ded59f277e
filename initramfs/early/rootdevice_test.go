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
	spec, err := parseRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	h := &hunt{boot: b, spec: spec, devices: newDevices(b.path("sys"), b.path("dev")), limit: limit}
	found, _, err := h.run()
	return found, err
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
	h := &hunt{boot: b, devices: newDevices(b.path("sys"), b.path("dev"))}
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

func TestFindRootWithoutRoot(t *testing.T) {
	for line, want := range map[string]string{"ro quiet": "no root=", "root=nfs:x": "root=nfs:x is none of"} {
		if err := machine(t, line).findRoot(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
	}
}
