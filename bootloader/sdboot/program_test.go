package sdboot_test

import (
	"debug/pe"
	"path/filepath"
	"testing"

	"moss/bootloader/sdboot"
	"moss/internal/testutil"
)

func TestParse(t *testing.T) {
	const x64 = pe.IMAGE_FILE_MACHINE_AMD64
	whole := boot("252.39-1~deb12u2")
	for _, c := range []struct {
		name, data string
		want       sdboot.Program
		ok         bool
	}{
		{"systemd-boot", whole, sdboot.Program{Arch: "x64", Version: "252.39-1~deb12u2"}, true},
		{"signed", signedBoot("257"), sdboot.Program{Arch: "x64", Version: "257", Signed: true}, true},
		{"another machine", program(pe.IMAGE_FILE_MACHINE_ARM64, magic("255"), false), sdboot.Program{Arch: "aa64", Version: "255"}, true},
		{"the stub", program(x64, "#### LoaderInfo: systemd-stub 252 ####", false), sdboot.Program{Arch: "x64"}, true},
		{"a magic without an end", program(x64, "#### LoaderInfo: systemd-boot 252", false), sdboot.Program{Arch: "x64"}, true},
		{"a version with blanks", program(x64, magic("2 5"), false), sdboot.Program{Arch: "x64"}, true},
		{"another loader", shim(), sdboot.Program{Arch: "x64", Signed: true}, true},
		{"half of it", whole[:len(whole)-1], sdboot.Program{}, false},
		{"half a signature", signedBoot("257")[:len(signedBoot("257"))-1], sdboot.Program{}, false},
		{"headers only", whole[:100], sdboot.Program{}, false},
		{"nothing", "", sdboot.Program{}, false},
		{"zeros", string(make([]byte, 4096)), sdboot.Program{}, false},
		{"text", "#!/bin/sh\n", sdboot.Program{}, false},
		{"a machine nobody has", program(0x1d3, magic("1"), false), sdboot.Program{}, false},
	} {
		got, err := sdboot.Parse([]byte(c.data))
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%s: got %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	windows := []byte(whole)
	windows[64+4+20+68] = pe.IMAGE_SUBSYSTEM_WINDOWS_GUI
	if _, err := sdboot.Parse(windows); err == nil {
		t.Error("got no error for a program that is none of EFI")
	}
}

// TestParseRealLoader looks at Debian's systemd-boot.
func TestParseRealLoader(t *testing.T) {
	path := testutil.LoaderFile(t, "systemd-boot*.efi")
	loader, err := sdboot.Read(path)
	if err != nil || loader.Version == "" {
		t.Fatalf("%s: got %+v, %v", path, loader.Program, err)
	}
	r := newRig(t, nil, string(loader.Data))
	r.run(sdboot.Install)
	for _, c := range r.scan().Copies {
		if c.Machine == loader.Arch && (c.Kind != sdboot.Systemd || c.Version != loader.Version) {
			t.Errorf("got %s %s at %s, want %s", c.Kind, c.Version, c.Path, loader.Version)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(boot("252.39-1~deb12u2")))
	f.Add([]byte(signedBoot("257")))
	f.Add([]byte(boot("1")[:0x180]))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := sdboot.Parse(data)
		if err != nil && p != (sdboot.Program{}) || err == nil && p.Arch == "" {
			t.Errorf("got %+v, %v", p, err)
		}
	})
}

func TestSources(t *testing.T) {
	usr := t.TempDir()
	dir := filepath.Join(usr, sdboot.SourceDir)
	if _, err := sdboot.Sources(usr); err == nil {
		t.Error("got no error without a loader")
	}
	testutil.Tree{"linuxx64.efi.stub": "x", "systemd-bootx64.efi": "x", "systemd-bootx64.efi.signed": "x", "systemd-bootia32.efi": "x", "systemd-bootz80.efi": "x",
		"addonx64.efi.stub": "x", "addonx64.efi": "x"}.Create(t, dir)
	got, err := sdboot.Sources(usr)
	if err != nil || len(got) != 2 || filepath.Base(got[0]) != "systemd-bootia32.efi" || filepath.Base(got[1]) != "systemd-bootx64.efi.signed" {
		t.Errorf("got %v, %v, want one for each machine, the signed one first", got, err)
	}
	for _, name := range []string{"absent", "systemd-bootx64.efi", ""} {
		if _, err := sdboot.Read(filepath.Join(dir, name)); err == nil {
			t.Errorf("read %q: got no error", name)
		}
	}
}
