package qemutests

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"moss/internal/testutil"
	"moss/qemu-tests/disk"
)

// loaderEntries is the loader's folder.
const loaderEntries = "/loader/entries/"

// shared is a menu in which an entry's temporary name is still there and shares its
// clusters: a cut between two writes of one rename leaves that, seldom.
func (r *menuRig) shared(number int) menuCut {
	r.t.Helper()
	c := r.stopped(number, func(m *machine) { m.expect("menu: done") })
	c.shared = true
	files := disk.FAT(c.image)
	names, err := files.List(r.t.Context(), loaderEntries)
	if err != nil {
		r.t.Fatal(err)
	}
	name := names[slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(name, ".conf") })]
	text, err := files.ReadFile(r.t.Context(), loaderEntries+name)
	if err != nil {
		r.t.Fatal(err)
	}
	temp := "." + name + ".tmp-1"
	file := filepath.Join(r.t.TempDir(), "temp")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
	testutil.Run(r.t, "mcopy", "-i", c.image, file, "::"+loaderEntries+temp)
	r.lead(c.image, r.first(c.image, temp), r.first(c.image, name))
	return c
}

// first is the first cluster of a file of the loader's folder.
func (r *menuRig) first(image, name string) uint32 {
	r.t.Helper()
	out := testutil.Run(r.t, "mshowfat", "-i", image, "::"+loaderEntries+name)
	found := regexp.MustCompile(`<(\d+)`).FindStringSubmatch(out)
	if found == nil {
		r.t.Fatalf("mshowfat says %q", out)
	}
	cluster, err := strconv.ParseUint(found[1], 10, 28)
	if err != nil {
		r.t.Fatal(err)
	}
	return uint32(cluster)
}

// lead has the one name that leads to a cluster lead to another (Microsoft's FAT
// specification 1.03, FAT 32 Byte Directory Entry Structure).
func (r *menuRig) lead(image string, from, to uint32) {
	r.t.Helper()
	data := readFile(r.t, image)
	found := 0
	for entry := range slices.Chunk(data, 32) {
		const file, high, low = 11, 20, 26
		cluster := uint32(binary.LittleEndian.Uint16(entry[high:]))<<16 | uint32(binary.LittleEndian.Uint16(entry[low:]))
		if entry[file] == 0x20 && cluster == from {
			binary.LittleEndian.PutUint16(entry[high:], uint16(to>>16))
			binary.LittleEndian.PutUint16(entry[low:], uint16(to))
			found++
		}
	}
	if found != 1 {
		r.t.Fatalf("%d names lead to cluster %d", found, from)
	}
	if err := os.WriteFile(image, data, 0o600); err != nil {
		r.t.Fatal(err)
	}
}
