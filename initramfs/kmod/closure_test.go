package kmod

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"moss/internal/testutil"
)

func TestClosureOfRealKernel(t *testing.T) {
	x := open(t, "testdata/debian")
	for name, want := range map[string]string{
		// Without crc32c, which only a soft dependency names, ext4 does not mount.
		"ext4":       "crc32c_intel? crc32c_generic? jbd2 mbcache crc16 ext4",
		"virtio_blk": "virtio_ring virtio virtio_blk",
		"btrfs": "crc32c_intel? crc32c_generic? libcrc32c zstd_compress raid6_pq xor " +
			"blake2b_generic? sha256_ssse3? xxhash_generic? btrfs",
		"fs-ext4":        "crc32c_intel? crc32c_generic? jbd2 mbcache crc16 ext4",
		"sha256_generic": "",
	} {
		list, err := x.Closure(name)
		if got := words(list); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestClosureTable(t *testing.T) {
	for _, c := range []struct{ about, dep, softdep, alias, names, want string }{
		{
			about: "each module once, dependencies of all names before",
			dep:   "a.ko: c.ko\nb.ko: c.ko\nc.ko:\n", names: "a b", want: "c a b",
		},
		{
			about: "post comes after",
			dep:   "a.ko:\nb.ko:\n", softdep: "softdep a post: b\n", names: "a", want: "a b?",
		},
		{
			about: "a soft dependency that is also a hard one is required",
			dep:   "a.ko: b.ko\nb.ko:\nc.ko:\n", softdep: "softdep c pre: b\n", names: "c a", want: "b c a",
		},
		{
			about: "missing soft dependency",
			dep:   "a.ko:\n", softdep: "softdep a pre: nothing\n", names: "a", want: "a",
		},
		{
			about: "a soft dependency that lacks a hard one goes with what only it needed",
			dep:   "a.ko:\ns.ko: gone.ko ok.ko\nok.ko:\n", softdep: "softdep a pre: s\n", names: "a", want: "a",
		},
		{
			about: "but what it shares stays",
			dep:   "a.ko: ok.ko\ns.ko: gone.ko ok.ko\nok.ko:\n", softdep: "softdep a pre: s\n", names: "a", want: "ok a",
		},
		{
			about: "and comes back if another needs it",
			dep:   "a.ko:\ns.ko: gone.ko ok.ko\nok.ko:\nb.ko: ok.ko\n", softdep: "softdep a pre: s\n", names: "a b", want: "a ok b",
		},
		{
			about: "soft dependencies in a circle",
			dep:   "a.ko:\nb.ko:\n", softdep: "softdep a pre: b\nsoftdep b pre: a\n", names: "a", want: "b? a",
		},
		{
			about: "a name goes before an alias",
			dep:   "a.ko:\nb.ko:\n", alias: "alias a b\n", names: "a", want: "a",
		},
		{
			about: "an alias goes before a built-in module's name",
			dep:   "f2fs.ko:\ncrc32_generic.ko:\n", softdep: "softdep f2fs pre: crc32\n",
			alias: "alias crc32 crc32_generic\n", names: "f2fs binfmt_elf", want: "crc32_generic? f2fs",
		},
		{
			about: "words before pre: mean nothing",
			dep:   "a.ko:\nb.ko:\nc.ko:\n", softdep: "softdep a b\nsoftdep a pre: c\n", names: "a", want: "c? a",
		},
	} {
		x := open(t, folder(t, testutil.Tree{
			"modules.dep": c.dep, "modules.softdep": c.softdep, "modules.alias": c.alias,
			"modules.builtin": "kernel/lib/crc32.ko\nkernel/fs/binfmt_elf.ko\n",
		}))
		list, err := x.Closure(strings.Fields(c.names)...)
		if got := words(list); err != nil || got != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.about, got, err, c.want)
		}
	}
}

func TestWishLastsThroughTheWrittenIndex(t *testing.T) {
	x := open(t, folder(t, testutil.Tree{"modules.dep": "vfat.ko: fat.ko\nfat.ko:\nnls-cp437.ko:\n"}))
	x.Wish("vfat", "nls_cp437", "nls_absent")
	list, err := x.Closure("vfat")
	if got, want := words(list), "fat nls_cp437? vfat"; err != nil || got != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
	dir := t.TempDir()
	if err := x.Only(names(list)).Write(dir); err != nil {
		t.Fatal(err)
	}
	list, err = open(t, dir).Closure("vfat")
	if got, want := words(list), "fat nls_cp437? vfat"; err != nil || got != want {
		t.Errorf("written: got %q, %v, want %q", got, err, want)
	}
}

func TestClosureNamesTheChain(t *testing.T) {
	x := open(t, folder(t, testutil.Tree{
		"modules.dep": "a.ko: b.ko\nb.ko: gone.ko\nc.ko: d.ko\nd.ko: c.ko\n",
	}))
	for name, want := range map[string]string{
		"a":        "a -> b -> gone: no such module",
		"nonsense": "nonsense: no such module",
		"c":        "c -> d -> c: dependency cycle",
	} {
		_, err := x.Closure(name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if name != "c" && !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: got %v, want ErrUnknown", name, err)
		}
	}
	_, err := open(t, "testdata/debian").Closure("i6300esb")
	if err == nil || !strings.Contains(err.Error(), "i6300esb -> watchdog") {
		t.Errorf("got %v, want the chain to watchdog", err)
	}
}

// Each level is wished for twice and cannot be had: trying every branch again
// would take 2^200 steps.
func TestClosureDoesNotExplode(t *testing.T) {
	var dep, softdep strings.Builder
	for i := range 200 {
		fmt.Fprintf(&dep, "a%d.ko: gone.ko b%d.ko\nb%d.ko:\n", i, i, i)
		fmt.Fprintf(&softdep, "softdep b%d pre: a%d a%d\n", i, i+1, i+1)
	}
	x := open(t, folder(t, testutil.Tree{"modules.dep": dep.String(), "modules.softdep": softdep.String()}))
	if list, err := x.Closure("b0"); err != nil || words(list) != "b0" {
		t.Errorf("got %q, %v, want b0 alone", words(list), err)
	}
}
