package bootloader_test

import (
	"strings"
	"testing"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/efivar"
)

// next is what the loader will start, as "state why", with variables.
func (r rig) next(v bootloader.Variables) bootloader.Choice {
	r.t.Helper()
	found := r.scan()
	found.Vars = v
	return found.Next()
}

// generations are loaders that choose differently.
func generations() map[string]bootloader.Variables {
	return map[string]bootloader.Variables{
		"no variables": {},
		"252":          {Present: true, Info: "systemd-boot 252.39-1~deb12u2", Features: 0x7ff},
		"259":          {Present: true, Info: "systemd-boot 259.1", Features: 0x7ffff},
		"260":          {Present: true, Info: "systemd-boot 260", Features: 0xfffff},
	}
}

func TestNextSaysWhy(t *testing.T) {
	r := menuOf(t, "3-6.1_+3", "2-6.1_", "1-6.1_+0-3")
	r.write("loader/entries/other.conf", "title Other\nlinux /k\n")
	listed := []string{"moss-" + token + "-3-6.1_+3.conf", "moss-" + token + "-2-6.1_.conf", "arch.efi", "auto-windows"}
	for _, c := range []struct {
		what  string
		conf  string
		vars  bootloader.Variables
		state uint64
		why   bls.Why
		text  string
	}{
		{"by order", "", bootloader.Variables{}, 3, bls.ByOrder, "first in the order of the menu"},
		{"loader.conf", "default moss-" + token + "-2-*\n", bootloader.Variables{}, 2, bls.ByConfig, `matches "moss-` + token + `-2-*" of loader.conf`},
		{"a foreign entry", "", bootloader.Variables{Default: "other*"}, 0, bls.ByDefault, "entry other.conf of another system"},
		{"a bad one", "", bootloader.Variables{Default: "moss-*-1-*"}, 1, bls.ByDefault, "though it has no tries left"},
		{"Windows, seen by the loader", "", bootloader.Variables{Default: "auto-windows", Entries: listed}, 0, bls.ByDefault, "no entry file"},
		{"Windows, that may be there", "", bootloader.Variables{Default: "auto-windows"}, 0, bls.ByDefault, "no entry file"},
		{"Windows, that is not there", "", bootloader.Variables{Default: "auto-windows", Entries: listed[:3]}, 3, bls.ByOrder, "order"},
		{"a unified kernel, seen", "", bootloader.Variables{OneShot: "arch.efi", Entries: listed}, 0, bls.ByOneShot, "no entry file"},
		{"a unified kernel, perhaps", "", bootloader.Variables{OneShot: "arch*.efi"}, 0, bls.ByOneShot, "no entry file"},
		{"a unified kernel in the order", "", bootloader.Variables{Entries: listed}, 3, bls.ByOrder, "unless the unified kernel arch.efi stands above it"},
		{"a unified kernel that does not match", "default moss-*\n", bootloader.Variables{Entries: listed}, 3, bls.ByConfig, "loader.conf"},
		{"a rule after the one that decides", "default auto-windows\n", bootloader.Variables{Default: "moss-*"}, 3, bls.ByDefault, "LoaderEntryDefault"},
		{"another loader", "", bootloader.Variables{Info: "Limine 9"}, 3, bls.ByOrder, "a guess, for the loader is Limine 9"},
	} {
		r.write("loader/loader.conf", c.conf)
		got := r.next(c.vars)
		if got.State != c.state || got.Why != c.why || !strings.Contains(got.Text, c.text) {
			t.Errorf("%s: got %+v, want state %d by %s and %q", c.what, got, c.state, c.why, c.text)
		}
		if claims := got.File != ""; claims != !strings.Contains(got.Text, "no entry file") {
			t.Errorf("%s: got the file %q with %q", c.what, got.File, got.Text)
		}
	}
}

func TestNextWithoutEntries(t *testing.T) {
	r := newRig(t, nil)
	if got := r.scan().Next(); got.File != "" || got.Text == "" {
		t.Errorf("got %+v, want words and no file", got)
	}
	r = menuOf(t, "1-6.1_+0-3", "2-6.1_+0-3")
	if got := r.scan().Next(); got.State != 2 || !got.Bad || !strings.Contains(got.Text, "no entry has any") {
		t.Errorf("got %+v, want the first of the bad ones", got)
	}
	r.write(ourEntry("3-6.1_"), entryText("3", "6.1", "debian")+"initrd /gone\n")
	if got := r.scan().Next(); got.State != 3 || !strings.Contains(got.Text, "lacks /gone") {
		t.Errorf("got %+v, want that it cannot start", got)
	}
}

func TestUsualLooksPastTheOneShot(t *testing.T) {
	r := menuOf(t, "2-6.1_", "1-6.1_")
	found := r.scan()
	found.Vars.OneShot = bootloader.Pattern(token, 1)
	if next, usual := found.Next(), found.Usual(); next.State != 1 || next.Why != bls.ByOneShot || usual.State != 2 {
		t.Errorf("got %+v, then %+v", next, usual)
	}
}

// TestListIsInTheOrderOfThisLoader: without sort keys only the id decides, and
// newer loaders leave the counter out of it.
func TestListIsInTheOrderOfThisLoader(t *testing.T) {
	r := newRig(t, nil)
	for _, file := range []string{"a.conf", "a+3.conf", "a-b.conf"} {
		r.write("loader/entries/"+file, "linux /k\n")
	}
	r.write("k", "kernel")
	for _, v := range generations() {
		found := r.scan()
		found.Vars = v
		items := bootloader.List(found, bootloader.Marks{})
		if first := found.Next(); items[0].File != first.File || !items[0].Default {
			t.Errorf("%s: got %s on top and %s chosen", v.Info, items[0].File, first.File)
		}
	}
}

// TestListReadsFoundsVariables: whoever scanned filled them in.
func TestListReadsFoundsVariables(t *testing.T) {
	r := menuOf(t, "2-6.1_", "1-6.1_")
	found := r.scan()
	found.Vars = bootloader.Variables{Present: true, OneShot: bootloader.Pattern(token, 1)}
	if items := bootloader.List(found, bootloader.Marks{}); !items[1].OneShot || !items[0].Default {
		t.Errorf("got %+v", items)
	}
}

func TestReadVariables(t *testing.T) {
	if got := bootloader.ReadVariables(nil); got.Present {
		t.Errorf("got %+v of no variables", got)
	}
	vars := &efivar.Memory{}
	for name, data := range map[string][]byte{
		"LoaderEntryDefault": efivar.Encode("a*"), "LoaderInfo": efivar.Encode("systemd-boot 252"), "LoaderEntryOneShot": []byte("odd"),
		"LoaderFeatures": {0xff, 7, 0, 0, 0, 0, 0, 0}, "LoaderEntries": append(efivar.Encode("b.conf"), efivar.Encode("auto-windows")...),
	} {
		if err := vars.Write(efivar.Loader(name), data, efivar.Volatile); err != nil {
			t.Fatal(err)
		}
	}
	got := bootloader.ReadVariables(vars)
	if !got.Present || got.Default != "a*" || got.Info != "systemd-boot 252" || got.OneShot != "" || got.Features != 0x7ff || strings.Join(got.Entries, " ") != "b.conf auto-windows" {
		t.Errorf("got %+v", got)
	}
}

// TestTheRescueEntryIsOurs: it is no state and no other system's, and a loader
// that starts it by itself has nothing else.
func TestTheRescueEntryIsOurs(t *testing.T) {
	r := menuOf(t, "1-6.1_")
	r.write(ourEntry("rescue-6.1_"), "title Rescue\nsort-key ~debian\nmachine-id 1\nversion 0\nlinux /k\n")
	items := bootloader.List(r.scan(), bootloader.Marks{})
	if len(items) != 2 || items[1].Foreign || !items[1].Rescue || items[1].State != 0 || items[1].Default || items[0].Rescue {
		t.Errorf("got %+v", items)
	}
	found := r.scan()
	found.Vars.OneShot = "moss-" + token + "-rescue-*"
	if got := found.Next(); !strings.HasPrefix(got.Text, "the rescue shell (") {
		t.Errorf("got %+v", got)
	}
	if items := bootloader.List(found, bootloader.Marks{}); !items[1].OneShot || !items[0].Default {
		t.Errorf("got %+v", items)
	}
}
