package bootloader_test

import (
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
)

func TestFilesThatForeignEntriesNameStay(t *testing.T) {
	r := newRig(t, nil)
	w := want(r.state(1, "6.1=old+old initrd"))
	r.sync(w)
	kept := name("old initrd", ".initrd")
	r.write("loader/entries/custom.conf", "uki-of-the-future \\"+strings.ReplaceAll(strings.ToUpper(kept), "/", "\\")+"\n")
	r.sync(want(r.state(2, "6.1=new")))
	if !r.exists(kept) || r.exists(name("old", ".linux")) {
		t.Errorf("got initrd %v, kernel %v, want only the mentioned one kept", r.exists(kept), r.exists(name("old", ".linux")))
	}
}

func TestOnlyOwnRubbishIsSwept(t *testing.T) {
	mine := []string{
		"moss-" + token + "/" + strings.Repeat("0", 32) + ".linux",
		"moss-" + token + "/." + strings.Repeat("0", 32) + ".initrd.tmp-4",
		"loader/entries/.moss-" + token + "-1-6.1_.conf.tmp-123",
		"loader/.loader.conf.tmp-5", "loader/.entries.srel.tmp-6",
	}
	others := []string{
		"moss-" + token + "/readme", "moss-" + token + "/" + strings.Repeat("0", 31) + ".linux", "moss-other000/" + strings.Repeat("0", 32) + ".linux",
		"loader/entries/.moss-other000-1-6.1_.conf.tmp-123", "loader/entries/.other.conf.tmp-1", "loader/.random-seed.tmp-1",
		"loader/entries/moss-other000-1-6.1_.conf", "loader/entries/moss-" + token + "-1-6.1.conf", "loader/entries/moss-" + token + "-01-6.1_.conf",
		"moss-" + token + "/sub/" + strings.Repeat("0", 32) + ".linux",
	}
	r := newRig(t, nil)
	for _, rel := range slices.Concat(mine, others) {
		r.write(rel, "linux /x\n")
	}
	r.sync(want(states(r, 1)...))
	for _, rel := range mine {
		if r.exists(rel) {
			t.Errorf("got %s left, want it swept", rel)
		}
	}
	for _, rel := range others {
		if got := r.read(rel); got != "linux /x\n" {
			t.Errorf("got %s changed to %q", rel, got)
		}
	}
}

// The text that an entry had before it was rewritten keeps no file.
func TestFilesOfARewrittenEntryGo(t *testing.T) {
	r := newRig(t, nil)
	r.sync(want(r.state(1, "6.1=kernel+old initrd")))
	if got := ops(r.sync(want(r.state(1, "6.1=kernel+new initrd")))); got != "copy sync entry sync sweep" {
		t.Errorf("got %s, want the old initrd swept in the same plan", got)
	}
	if r.exists(name("old initrd", ".initrd")) || !r.exists(name("new initrd", ".initrd")) {
		t.Error("got the old initrd kept or the new one missing")
	}
}

func TestWhatIsFirstGoesLast(t *testing.T) {
	r := newRig(t, nil)
	w := want(states(r, 4)...)
	w.Default = 3
	r.sync(w)
	var order []string
	for _, step := range r.sync(want(w.States[0])).Steps {
		if step.Op == bootloader.OpDrop {
			order = append(order, step.Text[len("remove entry "):][len("moss-"+token+"-"):][:1])
		}
	}
	if got := strings.Join(order, " "); got != "2 4 3" {
		t.Errorf("got %s removed, want the default after the others", got)
	}
}
