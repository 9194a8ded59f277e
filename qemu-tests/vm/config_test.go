package vm

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

func TestArguments(t *testing.T) {
	dir := t.TempDir()
	raw, qcow2 := filepath.Join(dir, "a,b.img"), filepath.Join(dir, "c.qcow2")
	testutil.Tree{"a,b.img": "raw", "c.qcow2": "QFI\xfb..."}.Create(t, dir)
	args, err := Config{
		Accel: "kvm", Memory: 512, CPUs: 2, Disks: []Disk{{Path: raw}, {Path: qcow2}}, Snapshot: true,
		Kernel: "/k", Initrd: "/i", Append: "console=ttyS0 a=b,c", Firmware: Firmware{Code: "/code"},
	}.args("/vars")
	must(t, err)
	for _, want := range [][]string{
		{"-accel", "kvm", "-cpu", "host", "-m", "512", "-smp", "2"},
		{"-drive", "if=none,id=disk0,format=raw,cache=unsafe,discard=unmap,file=" + filepath.Join(dir, "a,,b.img") + ",snapshot=on"},
		{"-drive", "if=none,id=disk1,format=qcow2,cache=unsafe,discard=unmap,file=" + qcow2 + ",snapshot=on"},
		{"-device", "virtio-blk-pci,id=bus1,bus=pcie.0,drive=disk1,bootindex=2"},
		{"-kernel", "/k", "-append", "console=ttyS0 a=b,c", "-initrd", "/i"},
		{"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=/code", "-drive", "if=pflash,unit=1,format=raw,file=/vars"},
	} {
		if !contains(args, want) {
			t.Errorf("got %q, want %q in it", args, want)
		}
	}
}

func TestSecureArguments(t *testing.T) {
	for secure, want := range map[bool]string{false: machineType + "off", true: machineType + "on"} {
		args, err := Config{Accel: "kvm", Kernel: "/k", Secure: secure}.args("/vars")
		must(t, err)
		if !contains(args, []string{"-machine", want}) || slices.Contains(args, "driver=cfi.pflash01,property=secure,value=on") != secure {
			t.Errorf("secure %v: got %q, want machine %s", secure, args, want)
		}
	}
}

func contains(list, part []string) bool {
	for i := range len(list) - len(part) + 1 {
		if slices.Equal(list[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

func TestFindFirmware(t *testing.T) {
	root := t.TempDir()
	if _, err := findFirmware(root); err == nil || !strings.Contains(err.Error(), "package ovmf") {
		t.Errorf("got %v, want an error that names the package", err)
	}
	testutil.Tree{"usr/share/OVMF/OVMF_CODE.fd": "c", "usr/share/OVMF/OVMF_VARS.fd": "v", "usr/share/OVMF/OVMF_CODE_4M.fd": "no variables"}.Create(t, root)
	if fw, err := findFirmware(root); err != nil || filepath.Base(fw.Vars) != "OVMF_VARS.fd" {
		t.Errorf("got %v, %v, want the pair that is whole", fw, err)
	}
}

func TestVariablesAreCopiedOnce(t *testing.T) {
	dir := t.TempDir()
	testutil.Tree{"code": "c", "template": "fresh"}.Create(t, dir)
	kept := filepath.Join(dir, "kept.fd")
	config := Config{Firmware: Firmware{filepath.Join(dir, "code"), filepath.Join(dir, "template")}, Vars: kept}
	for _, want := range []string{"fresh", "written"} {
		path, private, err := config.variables()
		got, _ := os.ReadFile(path)
		if err != nil || path != kept || private || string(got) != want {
			t.Errorf("got %s (private %v) with %q, %v, want %s with %q", path, private, got, err, kept, want)
		}
		must(t, os.WriteFile(kept, []byte("written"), 0o600))
	}
}

func TestPrivateVariablesEndWithTheMachine(t *testing.T) {
	firmware, err := FindFirmware()
	if err != nil {
		need.Machine(t, "%v", err)
	}
	m := start(t, Config{Disks: []Disk{{Path: guestDisk(t)}}, Firmware: firmware})
	if got, err := os.Stat(m.private); err != nil || got.Size() == 0 {
		t.Fatalf("got %v, want a copy of the variables", err)
	}
	must(t, m.Kill())
	if err := m.Expect("more", limit); err == nil {
		t.Error("got nil, want the end")
	}
	if _, err := os.Stat(m.private); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want the copy gone without Close", err)
	}
}
