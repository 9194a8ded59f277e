package sign_test

import (
	"bytes"
	"debug/pe"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/bootloader/sign"
	"moss/bootloader/sign/signtest"
	"moss/internal/testutil/need"
)

// stub is a small one, with symbols behind its sections as linkers leave them.
func stub(t testing.TB) string {
	return file(t, signtest.PE([]signtest.Section{{".text", "the stub"}, {".sdmagic", "#### LoaderInfo"}}, 77))
}

func newImage(t testing.TB) sign.Image {
	return sign.Image{Stub: stub(t), OSRelease: "ID=testos\n", Cmdline: "root=UUID=1 moss.fstx=7", Uname: "6.1.0-1-test",
		Kernel: file(t, signtest.Small(3)), Initrds: []string{file(t, []byte("ucode")), file(t, bytes.Repeat([]byte("initrd"), 2000))}}
}

func parts(in sign.Image, t testing.TB) map[string]string {
	var initrd strings.Builder
	for i, path := range in.Initrds {
		initrd.Write(read(t, path))
		for i < len(in.Initrds)-1 && initrd.Len()%4 != 0 {
			initrd.WriteByte(0)
		}
	}
	return map[string]string{".osrel": in.OSRelease, ".cmdline": in.Cmdline, ".uname": in.Uname, ".initrd": initrd.String(), ".linux": string(read(t, in.Kernel))}
}

// TestUKI reads the image with debug/pe: each section at its page, of its exact
// length, none over another.
func TestUKI(t *testing.T) {
	in := newImage(t)
	out := filepath.Join(t.TempDir(), "uki.efi")
	if err := sign.WriteUKI(out, in); err != nil {
		t.Fatal(err)
	}
	checkUKI(t, in, out)
	again := out + ".again"
	if err := sign.WriteUKI(again, in); err != nil || !bytes.Equal(read(t, out), read(t, again)) {
		t.Errorf("the second time: got another file (%v)", err)
	}
	k := newKeys(t)
	if err := k.Sign(out, out); err != nil {
		t.Fatal(err)
	}
	judge(t, out, k)
	checkUKI(t, in, out)
}

func checkUKI(t *testing.T, in sign.Image, path string) {
	t.Helper()
	base, err := pe.Open(in.Stub)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	f, err := pe.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, want := range base.Sections {
		got := f.Sections[i]
		a, errA := want.Data()
		b, errB := got.Data()
		if got.SectionHeader != want.SectionHeader || errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("section %s of the stub: got %v, want %v", want.Name, got.SectionHeader, want.SectionHeader)
		}
	}
	rest := parts(in, t)
	end, last := uint32(0), ""
	for i, s := range f.Sections {
		if s.VirtualAddress < end {
			t.Errorf("section %s begins at %#x, within the one before it", s.Name, s.VirtualAddress)
		}
		end, last = s.VirtualAddress+s.VirtualSize, s.Name
		if i < len(base.Sections) {
			continue
		}
		data, err := s.Data()
		if err != nil || string(data[:s.VirtualSize]) != rest[s.Name] || s.VirtualAddress%4096 != 0 || s.Offset%512 != 0 || s.Size%512 != 0 {
			t.Errorf("section %v: got %d bytes, %v", s.SectionHeader, s.VirtualSize, err)
		}
		delete(rest, s.Name)
	}
	opt := f.OptionalHeader.(*pe.OptionalHeader64)
	if len(rest) > 0 || last != ".linux" || opt.SizeOfImage < end || opt.SizeOfImage > end+4096 || f.NumberOfSymbols != 0 {
		t.Errorf("got %d bytes of image, %s at the end, %d symbols; missing %v", opt.SizeOfImage, last, f.NumberOfSymbols, rest)
	}
}

// TestRealUKI: systemd's stub and a real kernel; objcopy reads the same out of
// ours as it puts into its own.
func TestRealUKI(t *testing.T) {
	objcopy := need.Program(t, "objcopy")
	in := newImage(t)
	in.Stub, in.Kernel = realImage(t, "stub"), realImage(t, "kernel")
	dir := t.TempDir()
	out := filepath.Join(dir, "uki.efi")
	if err := sign.WriteUKI(out, in); err != nil {
		t.Fatal(err)
	}
	checkUKI(t, in, out)
	for name, want := range parts(in, t) {
		got := filepath.Join(dir, "got")
		run(t, objcopy, "--dump-section", name+"="+got, out, filepath.Join(dir, "copy"))
		if text := read(t, got); !bytes.HasPrefix(text, []byte(want)) || len(bytes.Trim(text[len(want):], "\x00")) > 0 {
			t.Errorf("%s: objcopy read %d bytes, want %d", name, len(text), len(want))
		}
	}
	k := newKeys(t)
	if err := k.Sign(out, out); err != nil {
		t.Fatal(err)
	}
	judge(t, out, k)
}

// TestUKIRefused: what would not start is not written.
func TestUKIRefused(t *testing.T) {
	overlap := with(signtest.PE([]signtest.Section{{".text", "a"}, {".data", "b"}}, 0), 0x58+240+40+12, 0x1000)
	full := make([]signtest.Section, 17) // 0x148 bytes before the table, 40 a row, 0x400 in all
	for i := range full {
		full[i] = signtest.Section{".t", "x"}
	}
	for name, c := range map[string]struct {
		change func(*sign.Image)
		want   string
	}{
		"text kernel":  {func(in *sign.Image) { in.Kernel = file(t, []byte("the kernel")) }, "not a PE file"},
		"text stub":    {func(in *sign.Image) { in.Stub = file(t, []byte("the stub")) }, "not a PE file"},
		"no stub":      {func(in *sign.Image) { in.Stub = "/nonexistent/stub" }, "no such file"},
		"no initrd":    {func(in *sign.Image) { in.Initrds = append(in.Initrds, "/nonexistent/initrd") }, "no such file"},
		"empty initrd": {func(in *sign.Image) { in.Initrds = append(in.Initrds, file(t, nil)) }, "empty"},
		"overlap":      {func(in *sign.Image) { in.Stub = file(t, overlap) }, "overlap in memory"},
		"full headers": {func(in *sign.Image) { in.Stub = file(t, signtest.PE(full, 0)) }, "no place"},
		"twice":        {func(in *sign.Image) { in.Stub = file(t, signtest.PE([]signtest.Section{{".linux", "x"}}, 0)) }, "already"},
		"alignment":    {func(in *sign.Image) { in.Stub = file(t, with(signtest.Small(0), 0x58+36, 0)) }, "alignment"},
	} {
		in := newImage(t)
		c.change(&in)
		out := filepath.Join(t.TempDir(), "uki.efi")
		err := sign.WriteUKI(out, in)
		if _, left := os.Stat(out); err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(left, os.ErrNotExist) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

// FuzzUKI: no stub makes it crash, or write what cannot be read again.
func FuzzUKI(f *testing.F) {
	f.Add(read(f, stub(f)))
	in := newImage(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		in := in
		in.Stub = file(t, data)
		out := filepath.Join(t.TempDir(), "uki.efi")
		if sign.WriteUKI(out, in) != nil {
			return
		}
		if err := sign.Verify(out, nil); !errors.Is(err, sign.ErrUnsigned) {
			t.Errorf("got %v, want %v", err, sign.ErrUnsigned)
		}
	})
}

func TestArch(t *testing.T) {
	for machine, want := range map[uint32]string{0x8664: "x64", 0xaa64: "aa64", 0x1234: ""} {
		image := signtest.Small(0)
		image[0x44], image[0x45] = byte(machine), byte(machine>>8)
		got, err := sign.Arch(file(t, image))
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%#x: got %q, %v, want %q", machine, got, err, want)
		}
	}
}
