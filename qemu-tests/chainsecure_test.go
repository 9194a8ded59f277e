package qemutests

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"moss/qemu-tests/vm"
)

// TestSecureBootChain: a machine makes its own keys, signs what it starts from,
// and from then on starts nothing else.
func TestSecureBootChain(t *testing.T) {
	inTurn(t, 2)
	c := newChain(t)
	var err error
	if c.firmware, err = vm.FindSecureFirmware(); err != nil {
		t.Fatal(err)
	}
	c.secure = true
	m := c.start()
	m.up(1)
	m.secureBoot("off", "on", false)
	m.must("moss-boot keys create && moss-boot sync && moss-boot install && moss-boot -y keys enroll --own-only")

	m.reboot()
	m.up(1)
	m.secureBoot("on", "off", true)
	if s := m.status(); s.SecureBoot.State != "on" || s.SecureBoot.Signed != "yes" {
		t.Errorf("status: got %+v, want Secure Boot on and all signed", s.SecureBoot)
	}
	m.contains("nothing to do", "moss-boot sync", "matches the states")
	m.must("mkdir -p /etc/moss && echo 'uki: yes' > /etc/moss/moss.yaml && moss-boot sync")

	m.reboot()
	m.up(1)
	m.secureBoot("on", "off", true)
	m.report(report{Wanted: 1, Activated: 1})
	m.powerOff()
	c.tamper(c.onlyImage())

	// Firmware of this machine has one more way: the fallback path, to the same.
	m = c.start()
	m.expect(".linux: Access Denied")
	m.expect("No bootable option or device was found")
	if strings.Contains(m.vm.Text(), "is up") {
		t.Error("a kernel was started that somebody changed")
	}
}

// secureBoot compares what the firmware says, and whether all that it starts is
// signed.
func (m *machine) secureBoot(on, setup string, signed bool) {
	m.t.Helper()
	var got struct {
		SecureBoot string `json:"secure_boot"`
		SetupMode  string `json:"setup_mode"`
		Enrolled   struct{ PK, KEK, DB bool }
		Files      []struct {
			Path   string
			Signed bool
		}
	}
	m.ask("moss-boot keys status", &got)
	enrolled := got.Enrolled.PK && got.Enrolled.KEK && got.Enrolled.DB
	if got.SecureBoot != on || got.SetupMode != setup || enrolled != signed {
		m.t.Errorf("keys: got %+v, want Secure Boot %s, setup mode %s, enrolled %v", got, on, setup, signed)
	}
	for _, f := range got.Files {
		if f.Signed != signed {
			m.t.Errorf("%s: got signed %v, want %v", f.Path, f.Signed, signed)
		}
	}
	if len(got.Files) != 3 {
		m.t.Errorf("got files %+v, want the loader twice and one kernel", got.Files)
	}
}

// onlyImage is the kernel that all entries start: one file with everything in it.
func (c *chain) onlyImage() string {
	c.t.Helper()
	v := c.view()
	text, err := v.ESP.ReadFile(c.t.Context(), "/loader/entries/"+c.entry(1)+".conf")
	if err != nil {
		c.t.Fatal(err)
	}
	var image string
	for line := range strings.Lines(string(text)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "linux":
			image = strings.TrimSpace(rest)
		case "initrd", "options":
			c.t.Errorf("the entry has %q, want all of that in the image", line)
		}
	}
	folder := image[:strings.LastIndex(image, "/")]
	if got, err := v.ESP.List(c.t.Context(), folder); err != nil || !slices.Equal(got, []string{strings.TrimPrefix(image, folder+"/")}) {
		c.t.Errorf("%s: got %q, %v, want the image alone", folder, got, err)
	}
	return image
}

// tamper changes one byte in the middle of a file.
func (c *chain) tamper(name string) {
	c.t.Helper()
	data, err := c.view().ESP.ReadFile(c.t.Context(), name)
	if err != nil {
		c.t.Fatal(err)
	}
	data = bytes.Clone(data)
	data[len(data)/2] ^= 1
	if err := c.disk.WriteESP(c.t.Context(), name, data); err != nil {
		c.t.Fatal(fmt.Errorf("tamper with %s: %w", name, err))
	}
}
