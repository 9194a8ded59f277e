package bootloader_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"moss/bootloader"
	"moss/bootloader/efivar"
	"moss/internal/testutil"
)

func listed(r rig, m bootloader.Marks, vars efivar.Vars) string {
	var out []string
	found := r.scan()
	found.Vars = bootloader.ReadVariables(vars)
	for _, it := range bootloader.List(found, m) {
		line := strings.TrimSuffix(strings.TrimPrefix(it.File, "moss-"+token+"-"), ".conf")
		for _, mark := range []struct {
			on   bool
			word string
		}{{it.Default, "default"}, {it.Booted, "booted"}, {it.OneShot, "oneshot"}, {it.Pinned, "pinned"}, {it.Bad, "bad"}, {it.Foreign, "foreign"}, {it.Hidden != "", "hidden"}, {len(it.Missing) > 0, "missing"}} {
			if mark.on {
				line += " " + mark.word
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

func TestListMarks(t *testing.T) {
	r := newRig(t, testutil.Tree{
		"loader/entries/other.conf": "title Other\nlinux /vmlinuz\n", "vmlinuz": "x",
		"loader/entries/gone.conf": "linux /gone\n", "loader/entries/empty.conf": "",
	})
	w := want(r.state(1, "6.1=a+x"), r.state(2, "6.1=b", "6.12=c"), r.state(3, "6.1=a"))
	r.sync(w)
	if got, want := listed(r, bootloader.Marks{}, nil), "3-6.1_ default; 2-6.12_; 2-6.1_; 1-6.1_; other foreign; gone foreign hidden; empty foreign hidden"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r.rename("3-6.1_.conf", "3-6.1_+0-3.conf")
	if err := os.Remove(r.path(name("x", ".initrd"))); err != nil {
		t.Fatal(err)
	}
	vars := &efivar.Memory{}
	for name, text := range map[string]string{"LoaderEntryOneShot": bootloader.Pattern(token, 1), "LoaderEntryDefault": "other*"} {
		if err := efivar.SetText(vars, name, text); err != nil {
			t.Fatal(err)
		}
	}
	got := listed(r, bootloader.Marks{Booted: 2, Kernel: "6.1", Pinned: []uint64{1, 9}}, vars)
	if want := "2-6.12_; 2-6.1_ booted; 1-6.1_ oneshot pinned missing; other default foreign; 3-6.1_+0-3 bad; gone foreign hidden; empty foreign hidden"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := listed(r, bootloader.Marks{Booted: 2}, nil); strings.Count(got, "booted") != 2 {
		t.Errorf("got %s, want both entries of the state when the kernel is not known", got)
	}
}

func TestListJSON(t *testing.T) {
	r := newRig(t, nil)
	w := want(r.state(4, "6.1.0-56-amd64=a"))
	setTries(w, 3)
	r.sync(w)
	got, err := json.Marshal(bootloader.List(r.scan(), bootloader.Marks{Booted: 4}))
	want := `[{"state":4,"file":"moss-abcd1234-4-6.1.0-56-amd64_+3.conf","title":"Debian GNU/Linux 12 (bookworm), state 4, 2026-11-22 03:30, step 4",` +
		`"kernel":"6.1.0-56-amd64","machine":"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a","sort_key":"debian","version":"4-6.1.0-56-amd64",` +
		`"tries_left":3,"tries_done":0,"bad":false,"default":true,"booted":true,"oneshot":false,"pinned":false,"foreign":false}]`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	r = newRig(t, nil)
	if got, err := json.Marshal(bootloader.List(r.scan(), bootloader.Marks{})); err != nil || string(got) != "[]" {
		t.Errorf("got %s, %v, want an empty list", got, err)
	}
}
