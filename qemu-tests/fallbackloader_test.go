package qemutests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFallbackByLoader: the one state that can boot needs another kernel, and the
// loader is told to start its entry once.
//
// One kernel plays both. State 2 is held to have failed under the version that it
// has, so it is its entry for another one that is left; there, moss.fallback=off
// has the state tried in spite of what is held against it.
//
// The power is cut once before the loader was told: the next start of the entry,
// which finds its failure recorded, tells it.
func TestFallbackByLoader(t *testing.T) {
	inTurn(t, 2)
	c := newChain(t)
	const older = "usr/lib/kernel/6.1.0-1-older/"
	files := map[string][]byte{older + "10-off.cmdline": []byte("moss.fallback=off\n")}
	for name, from := range map[string]string{"vmlinuz": c.Kernel.Image, "50-moss.initrd": c.Kernel.Initrd} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		files[older+name] = data
	}
	c.state(files)
	c.state(nil)
	if _, err := c.Moss(t.Context(), "-y", "state", "remove", "1"); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{c.Kernel.Version, filepath.Base(older)} {
		c.write(".moss/root/2/usr/lib/modules/"+version+"/modules.dep", "")
	}
	c.write("usr/lib/modules/9.9.9/modules.dep", "")
	c.write(".moss/boot/failed/2", "reason: tried\nkernel: "+c.Kernel.Version+"\ntime: 2026-01-02T03:04:05Z\nscope: kernel\n")

	c.cut(3, "early/oneshot")
	m := c.start()
	const reason = "/usr/lib/modules has no modules for kernel "
	m.expect("state 3 cannot be booted: failed before (")
	m.expect(reason)
	m.expect("restart into state 2 with kernel 6.1.0-1-older, by the boot loader")
	m.up(2)
	m.report(report{Wanted: 3, Activated: 2, Fallback: true})
	m.contains("how", "cat /run/moss/boot.json", `"step":2`)
	m.contains("the record", "cat /.moss/boot/failed/3", "reason: "+reason)
	m.is("restarts that are counted, choices that are left", "ls /.moss/boot/attempts "+variables+"/LoaderEntryOneShot* 2>/dev/null", "")
	var s bootStatus
	m.ask("moss-boot status", &s)
	told := ""
	for _, f := range s.Failed {
		if f.State == 3 {
			told = f.Reason
		}
	}
	if s.Boot.Activated != 2 || !s.Boot.Fallback || !strings.Contains(told, reason) {
		t.Errorf("status: got %+v, want state 2 for want of modules of state 3", s)
	}
}

// cut starts a machine that has no disk yet by the entry of a state, which stops at a
// fault point, and cuts its power there.
func (c *chain) cut(state int, point string) {
	c.t.Helper()
	entry := "loader/entries/" + c.entry(state) + ".conf"
	text, err := os.ReadFile(filepath.Join(c.Dir, "efi", entry))
	if err != nil {
		c.t.Fatal(err)
	}
	image, err := os.ReadFile(shared.initrds[faultImage])
	if err != nil {
		c.t.Fatal(err)
	}
	c.write("efi/fault.initrd", string(image))
	stops := regexp.MustCompile(`(?m)^initrd .*$`).ReplaceAllString(string(text), "initrd /fault.initrd")
	c.write("efi/"+entry, regexp.MustCompile(`(?m)^options .*$`).ReplaceAllString(stops, "$0 MOSS_FAULT="+point+":hang"))
	m := c.start()
	m.expect("fault: hang at " + point)
	if err := m.vm.Kill(); err != nil {
		c.t.Fatal(err)
	}
	if err := c.disk.WriteESP(c.t.Context(), "/"+entry, text); err != nil {
		c.t.Fatal(err)
	}
}
