package qemutests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/qemu-tests/vm"
)

// TestLoaderInstall: a machine that was started another way gets systemd-boot,
// which the firmware then starts by its entry, and by the fallback path when it
// has forgotten all entries.
func TestLoaderInstall(t *testing.T) {
	inTurn(t, 2)
	c := newChain(t)
	if err := os.RemoveAll(filepath.Join(c.Dir, "efi/EFI")); err != nil {
		t.Fatal(err)
	}
	kept := c.foreign()
	m := c.start(c.direct)
	m.up(1)
	done := m.loader("install")
	if len(done.Warnings) != 0 || !slices.ContainsFunc(done.Steps, func(s string) bool { return strings.HasPrefix(s, "write firmware entry") }) {
		t.Errorf("install: got %+v, want a firmware entry and no warnings", done)
	}
	if again := m.loader("install"); len(again.Steps) != 0 {
		t.Errorf("install once more: got steps %q, want none", again.Steps)
	}
	m.noMounts()
	m.powerOff()

	m = c.start()
	m.up(1)
	m.startedFrom(`\EFI\systemd\systemd-bootx64.efi`)
	current, order := m.numbers("BootCurrent"), m.numbers("BootOrder")
	if len(current) != 1 || len(order) == 0 || order[0] != current[0] {
		t.Errorf("the firmware started entry %q, its order is %q: want the first", current, order)
	}
	m.must("flakey mount vfat /dev/vda1 /efi")
	if err := m.vm.Kill(); err != nil {
		t.Fatal(err)
	}

	m = c.start(func(config *vm.Config) { config.Vars = filepath.Join(c.dir, "fresh.fd") })
	m.up(1)
	m.startedFrom(`\EFI\BOOT\BOOTX64.EFI`)
	m.status("dirty", "foreign-unreadable")
	done = m.loader("install")
	if !strings.Contains(strings.Join(done.Warnings, "\n"), "not unmounted cleanly") {
		t.Errorf("install after a power cut: got warnings %q, want one about the file system", done.Warnings)
	}
	for _, step := range done.Steps {
		if !strings.Contains(step, "firmware") {
			t.Errorf("install with fresh variables: got the step %q, want only the firmware's entry and order", step)
		}
	}
	m.powerOff()
	c.untouched(kept)
}

// TestForeignEntriesStay: what other systems have on the ESP is the same, byte by
// byte, whatever moss does there.
func TestForeignEntriesStay(t *testing.T) {
	inTurn(t, 2)
	c := newChain(t)
	if err := os.RemoveAll(filepath.Join(c.Dir, "efi/EFI")); err != nil {
		t.Fatal(err)
	}
	kept := c.foreign()
	// A whole EFI program, and not systemd-boot: some other system's loader.
	kept["/EFI/BOOT/BOOTX64.EFI"] = kept["/EFI/Microsoft/Boot/bootmgfw.efi"]
	c.write("efi/EFI/BOOT/BOOTX64.EFI", kept["/EFI/BOOT/BOOTX64.EFI"])
	next, err := c.Mark(t.Context(), blessed())
	if err != nil {
		t.Fatal(err)
	}
	m := c.start(c.direct)
	m.up(1)
	m.must("flakey mount vfat /dev/vda1 /efi")
	before := m.foreign(kept)
	for _, command := range []string{
		"moss-boot install",
		"moss -y install " + filepath.Base(next) + " --without mark-1",
		"moss-boot sync", "moss-boot set-default 1", "moss-boot set-oneshot 2", "moss-boot set-oneshot --clear", "moss-boot set-default --clear",
		"moss-boot bless good", "moss-boot bless bad 2", "moss-boot bless good 2",
		"moss -y state activate 1", "moss -y state remove 2", "moss -y state prune --keep 1", "moss-boot sync",
		"moss-boot update", "moss-boot -y remove --force", "moss-boot install",
	} {
		m.must(command)
		if after := m.foreign(kept); !slices.Equal(after, before) {
			t.Fatalf("%s: it changed what is not ours from\n%q\nto\n%q", command, before, after)
		}
	}
	said := m.refused("moss-boot -y remove")
	if !strings.Contains(said, "linux.conf") {
		t.Errorf("remove: got %q, want it refused for linux.conf", said)
	}
	m.status("foreign-unreadable", "loader-foreign")
	all := m.menu()
	foreign := slices.DeleteFunc(all.Entries, func(e menuEntry) bool { return !e.Foreign })
	if len(foreign) != 2 {
		t.Errorf("the menu: got foreign entries %+v, want two", foreign)
	}
	m.must("flakey unmount /efi")
	m.powerOff()
	c.untouched(kept)
	if err := c.view().ESP.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// foreign puts other systems' files on the ESP.
func (c *chain) foreign() map[string]string {
	c.t.Helper()
	stub, err := c.Systemd(c.t.Context(), "linuxx64.efi.stub")
	if err != nil {
		c.t.Fatal(err)
	}
	files := map[string]string{
		"/loader/entries/linux.conf":          "title Other\r\nsort-key zzz\r\nlinux /linux/vmlinuz\r\ninitrd /linux/initrd.img\r\noptions root=/dev/sda9 quiet\r\n",
		"/loader/entries/Broken.conf":         "title \xff no kernel\n\x00",
		"/linux/vmlinuz":                      "a kernel of others",
		"/linux/initrd.img":                   "an initrd of others",
		"/EFI/Microsoft/Boot/bootmgfw.efi":    string(stub),
		"/EFI/Microsoft/Boot/BCD":             "regf",
		"/moss-0123456789ab/someone.linux":    "another installation's",
		"/loader/entries/moss-other-1_.conf~": "left over",
	}
	for name, text := range files {
		c.write("efi"+name, text)
	}
	return files
}

// foreign are the lines about these files: name, mode, content. Where ours may
// come and go only theirs are looked at.
func (m *machine) foreign(files map[string]string) []string {
	m.t.Helper()
	var folders, lines []string
	for name := range files {
		folders = append(folders, filepath.Dir(name))
	}
	slices.Sort(folders)
	for _, dir := range slices.Compact(folders) {
		for line := range strings.Lines(m.must("flakey list /efi" + dir)) {
			name, _, _ := strings.Cut(strings.TrimPrefix(line, `"`), `"`)
			if _, theirs := files[dir+name]; theirs || dir != "/loader/entries" {
				lines = append(lines, dir+" "+strings.TrimSpace(line))
			}
		}
	}
	if len(lines) < len(files) {
		m.t.Fatalf("got %q of others, want all of %d files", lines, len(files))
	}
	return lines
}

// untouched compares the files from outside.
func (c *chain) untouched(files map[string]string) {
	c.t.Helper()
	v := c.view()
	for name, want := range files {
		names, err := v.ESP.List(c.t.Context(), filepath.Dir(name))
		if err != nil || !slices.Contains(names, filepath.Base(name)) {
			c.t.Errorf("%s: got %q, %v in its folder", name, names, err)
		}
		if got, err := v.ESP.ReadFile(c.t.Context(), name); err != nil || string(got) != want {
			c.t.Errorf("%s: got %d bytes, %v, want the %d that were there", name, len(got), err, len(want))
		}
	}
}

// loaderDone is what moss-boot install, update and remove say.
type loaderDone struct {
	ESP                    string
	Steps, Notes, Warnings []string
}

func (m *machine) loader(verb string) (done loaderDone) {
	m.t.Helper()
	m.ask("moss-boot "+verb, &done)
	return done
}

// startedFrom compares the path that the firmware started the loader from.
func (m *machine) startedFrom(path string) {
	m.t.Helper()
	m.contains("the loader", `tr -d '\000' < `+variables+"/LoaderImageIdentifier-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", path)
}

// numbers reads a list of the firmware's entries.
func (m *machine) numbers(name string) []string {
	m.t.Helper()
	return strings.Fields(m.must("od -An -tx2 -j4 " + variables + "/" + name + "-8be4df61-93ca-11d2-aa0d-00e098032b8c"))
}
