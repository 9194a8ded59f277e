package kmod

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
)

func names(list []Module) []string {
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
	}
	return names
}

func TestOnlyAnswersLikeTheWholeIndex(t *testing.T) {
	whole := open(t, "testdata/debian")
	wanted := []string{"btrfs", "nvme", "ext4", "virtio_pci"}
	list, err := whole.Closure(wanted...)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := whole.Only(names(list)).Write(dir); err != nil {
		t.Fatal(err)
	}
	sub := open(t, dir)
	if sub.Len() != len(list) {
		t.Errorf("got %d modules, want %d", sub.Len(), len(list))
	}
	for _, name := range append(wanted, "fs-btrfs", "crypto-crc32c", "sha256_generic") {
		a, errA := whole.Closure(name)
		b, errB := sub.Closure(name)
		if diff := cmp.Diff(a, b); diff != "" || errA != nil || errB != nil {
			t.Errorf("%s: %v %v %s", name, errA, errB, diff)
		}
	}
	if got := sub.Match("pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01"); got != nil {
		t.Errorf("got %v, want no line of a module that was left out", got)
	}
	if !sub.Builtin("atkbd") {
		t.Error("a built-in module was forgotten")
	}
}

func TestOnlyNamesPlainFiles(t *testing.T) {
	x := open(t, folder(t, testutil.Tree{"modules.dep": "a.ko.xz: b.ko.zst gone.ko.gz\nb.ko.zst:\n"}))
	texts := x.Only([]string{"b", "a", "no"}).Texts()
	if got, want := texts["modules.dep"], "a.ko: b.ko gone.ko\nb.ko:\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextsAreDepmodsFormat(t *testing.T) {
	x := open(t, "testdata/debian")
	list, err := x.Closure("ext4")
	if err != nil {
		t.Fatal(err)
	}
	texts := x.Only(names(list)).Texts()
	for _, c := range []struct{ file, line string }{
		{"modules.dep", "kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko"},
		{"modules.softdep", "softdep ext4 pre: crypto-crc32c"},
		{"modules.alias", "alias crypto-crc32c crc32c_generic"},
		{"modules.builtin", "kernel/crypto/sha256_generic.ko"},
	} {
		if !slices.Contains(strings.Split(texts[c.file], "\n"), c.line) {
			t.Errorf("%s: got\n%s, want a line %q", c.file, texts[c.file], c.line)
		}
	}
}
