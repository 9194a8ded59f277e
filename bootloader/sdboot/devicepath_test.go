package sdboot_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader/sdboot"
)

// TestDevicePathBytes holds the encoder to an entry as OVMF and efibootmgr have
// it, byte by byte.
func TestDevicePathBytes(t *testing.T) {
	p := sdboot.Partition{PARTUUID: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", Number: 1, Start: 0x800, Size: 0x20000}
	path, err := sdboot.DevicePath(p, "EFI/systemd/systemd-bootx64.efi")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"04012a00", "01000000", "0008000000000000", "0000020000000000", "28732ac11ff8d211ba4b00a0c93ec93b", "02", "02",
		"04044600", "5c004500460049005c00730079007300740065006d0064005c00730079007300740065006d0064002d0062006f006f0074007800360034002e006500660069000000",
		"7fff0400",
	}, "")
	if got := hex.EncodeToString(path); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	option := sdboot.Option{Attributes: 1, Description: "moss", Path: path}
	head := hex.EncodeToString(option.Bytes()[:16])
	if want := "01000000" + "7400" + "6d006f00730073000000"; head != want {
		t.Errorf("got head %s, want %s", head, want)
	}
	for _, wrong := range []string{"", "c12a7328", "c12a7328-f81f-11d2-ba4b-00a0c93ec93z", "c12a7328f81f11d2ba4b00a0c93ec93b"} {
		if _, err := sdboot.DevicePath(sdboot.Partition{PARTUUID: wrong}, "x"); err == nil {
			t.Errorf("%q: got no error", wrong)
		}
	}
}

func TestTarget(t *testing.T) {
	disk, err := sdboot.DevicePath(sdboot.Partition{PARTUUID: guid, Number: 2}, "EFI/Foo/BAR.efi")
	if err != nil {
		t.Fatal(err)
	}
	pci := "\x02\x01\x0c\x00\xd0\x41\x03\x0a\x00\x00\x00\x00" + "\x01\x01\x06\x00\x00\x1f"
	end := "\x7f\xff\x04\x00"
	mbr := strings.Replace(string(disk), "\x02\x02\x04\x04", "\x01\x01\x04\x04", 1)
	for _, c := range []struct {
		name, path, file string
		ok               bool
	}{
		{"the short form", string(disk), "efi/foo/bar.efi", true},
		{"the full form", pci + string(disk), "efi/foo/bar.efi", true},
		{"a file in two nodes", string(disk[:42]) + "\x04\x04\x0a\x00\\\x00E\x00\x00\x00" + "\x04\x04\x0a\x00x\x00y\x00\x00\x00" + end, "e/xy", true},
		{"no file", string(disk[:42]) + end, "", false},
		{"no partition", string(disk[42:]), "", false},
		{"an MBR", mbr, "", false},
		{"no end", string(disk[:len(disk)-4]), "", false},
		{"a node of no length", "\x04\x04\x00\x00" + string(disk), "", false},
		{"a node beyond the end", "\x04\x04\xff\xff" + string(disk), "", false},
		{"nothing", "", "", false},
	} {
		partition, file, ok := sdboot.Target([]byte(c.path))
		if ok != c.ok || ok && (file != c.file || partition != guid) {
			t.Errorf("%s: got %s %s %v, want %s %v", c.name, partition, file, ok, c.file, c.ok)
		}
	}
}

func FuzzParseOption(f *testing.F) {
	path, err := sdboot.DevicePath(sdboot.Partition{PARTUUID: guid, Number: 1}, "EFI/x.efi")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sdboot.Option{Attributes: 1, Description: "moss: Test", Path: path, Data: []byte("WINDOWS")}.Bytes())
	f.Add([]byte{1, 0, 0, 0, 0xff, 0xff, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err := sdboot.ParseOption(data)
		if err != nil {
			return
		}
		sdboot.Target(one.Path)
		two, err := sdboot.ParseOption(one.Bytes())
		if diff := cmp.Diff(one, two); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}
