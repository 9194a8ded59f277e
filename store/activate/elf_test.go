package activate

import (
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil/need"
)

// hostFiles are real programs and libraries of this machine.
func hostFiles(t testing.TB) []string {
	var files []string
	for _, glob := range []string{"/usr/bin/*", "/usr/sbin/*", "/usr/lib/*/*.so*", "/usr/lib/*/*/*.so", "/usr/lib64/*.so*"} {
		names, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, names...)
	}
	return files
}

// Every real file must read as debug/elf reads it by its section headers.
func TestReadImageAgreesWithDebugELF(t *testing.T) {
	compared := 0
	for _, path := range hostFiles(t) {
		want, err := elf.Open(path)
		if err != nil {
			continue
		}
		if want.Machine == elf.EM_X86_64 || want.Machine == elf.EM_AARCH64 {
			compareImage(t, path, want)
			compared++
		}
		want.Close()
	}
	if compared < 50 {
		t.Errorf("got %d files to compare, want some fifty at least", compared)
	}
}

func compareImage(t *testing.T, path string, want *elf.File) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	got, err := readImage(f, info.Size(), thisMachine())
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	one := func(tag elf.DynTag) string {
		texts, _ := want.DynString(tag)
		return strings.Join(texts, ":")
	}
	needed, _ := want.DynString(elf.DT_NEEDED)
	expect := dynamic{needed: needed, soname: one(elf.DT_SONAME), rpath: one(elf.DT_RPATH), runpath: one(elf.DT_RUNPATH)}
	expect.noDefault, expect.size = got.noDefault, got.size
	interp := ""
	if s := want.Section(".interp"); s != nil {
		data, _ := s.Data()
		interp = strings.TrimRight(string(data), "\x00")
	}
	if diff := cmp.Diff(expect, got.dynamic, cmp.AllowUnexported(dynamic{})); diff != "" || got.interp != interp {
		t.Errorf("%s: interpreter %q, want %q; -want +got\n%s", path, got.interp, interp, diff)
	}
}

// A library cut at any length is found, except where only section headers and
// debugging data are missing, which nobody maps.
func TestReadImageFindsEveryTruncation(t *testing.T) {
	data := realLibrary(t)
	img, err := readImage(strings.NewReader(data), int64(len(data)), thisMachine())
	if err != nil {
		t.Fatal(err)
	}
	var end uint64
	for _, s := range img.loads {
		end = max(end, s.off+s.filesz)
	}
	for size := 0; size < len(data); size += 97 {
		_, err := readImage(strings.NewReader(data[:size]), int64(size), thisMachine())
		if cut := uint64(size) < end; (err != nil) != cut {
			t.Fatalf("cut at %d of %d: got %v, want an error: %v", size, end, err, cut)
		}
	}
}

func realLibrary(t testing.TB) string {
	names, err := filepath.Glob("/usr/lib/*-linux-gnu/libz.so.1.*")
	if err != nil || len(names) == 0 {
		names, _ = filepath.Glob("/usr/lib*/libz.so.1.*")
	}
	if len(names) == 0 {
		need.Machine(t, "a libz.so.1 to cut")
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReadImageOfAnotherMachine(t *testing.T) {
	data := []byte(realLibrary(t))
	data[18] ^= 0x55
	if _, err := readImage(strings.NewReader(string(data)), int64(len(data)), thisMachine()); !errors.Is(err, errForeign) {
		t.Errorf("got %v, want errForeign", err)
	}
}

func FuzzReadImage(f *testing.F) {
	f.Add([]byte("\x7fELF"))
	f.Add(ElfSpec{Program: true, Interp: "/lib64/ld.so", Needed: []string{"liba.so", "libb.so"}, Runpath: "$ORIGIN"}.Bytes())
	f.Add(ElfSpec{Soname: "libc.so", Rpath: "/opt:/usr"}.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := readImage(strings.NewReader(string(data)), int64(len(data)), thisMachine())
		if err != nil {
			return
		}
		for _, s := range img.loads {
			if s.off+s.filesz > uint64(len(data)) || s.off+s.filesz < s.off {
				t.Errorf("segment %+v lies outside %d bytes", s, len(data))
			}
		}
		if img.size > maxNames || len(img.interp) > longestName {
			t.Errorf("got %d bytes of names, interpreter %q", img.size, img.interp)
		}
	})
}
