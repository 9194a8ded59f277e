// Package vm runs virtual machines for tests: QEMU with a serial console that
// is read and typed at, told apart reboots, power offs and panics, and cut
// power. It never sleeps: every wait ends with the text, the event or the end
// of the process that it waits for, or with its time limit.
package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Config describes one machine. The zero value of a field means what its
// comment says; only Name, LogDir and something to boot are needed.
type Config struct {
	// Name tells the machine apart in errors and names its log,
	// LogDir/Name.log: every byte that the guest sent, from this start only.
	Name   string
	LogDir string

	Accel  string // what Accel returned; empty probes again, up to two seconds
	Memory int    // MiB; 0 is 1024
	CPUs   int    // 0 is 1

	// Disks are tried by the firmware in this order. Snapshot throws away all writes
	// when the machine ends.
	Disks    []Disk
	Snapshot bool

	// Slots is how many disks can be plugged in while the machine runs.
	Slots int

	// Watchdog is a card (Intel 6300ESB) that resets the machine once it was started
	// and is not fed. The one that every machine has in its chipset resets nothing.
	Watchdog bool

	// TPM is the control socket of a swtpm that serves this machine. A kernel that
	// QEMU boots as an ELF file has no ACPI, which would name the TPM's place; there
	// tpm_tis.force=1 is the word.
	TPM string

	// WriteCache gives qcow2 disks a cache that Kill empties: what the guest
	// wrote to a cluster for the first time is there after the power came back
	// only if the guest had flushed it. On a raw image all writes are kept.
	WriteCache bool

	// Kernel, Initrd and Append boot a kernel directly, several times faster
	// than the way through firmware and loader.
	Kernel, Initrd, Append string

	// Firmware is UEFI; without it and without Kernel a PC BIOS starts the
	// first disk. Vars keeps the firmware's variables in a file (made when it is
	// absent) so that the next machine finds them; empty is a fresh private copy.
	Firmware Firmware
	Vars     string

	// Secure lets nothing but the firmware, in system management mode, write its
	// variables: firmware that is built for Secure Boot starts only then.
	Secure bool

	// Resume goes on from where Save of this name was called, instead of booting.
	// All else must be as it was for that machine.
	Resume string

	// Thaw goes on from the file that Freeze made, instead of booting. All else must
	// be as it was for that machine, but for the content of its disks, which is no
	// part of the file.
	Thaw string

	// Panics lets waits go on after "Kernel panic", for tests that want only the
	// reboot which follows. Otherwise a panic ends the wait that meets it.
	Panics bool
}

func (c Config) check() error {
	if c.Name == "" || c.LogDir == "" {
		return fmt.Errorf("describe machine %q: a name and a log folder are needed", c.Name)
	}
	if c.Kernel == "" && len(c.Disks) == 0 {
		return fmt.Errorf("describe machine %q: no kernel and no disk to boot", c.Name)
	}
	for _, path := range c.files() {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("describe machine %q: %w", c.Name, err)
		}
	}
	return nil
}

func (c Config) files() []string {
	var files []string
	for _, disk := range c.Disks {
		files = append(files, disk.Path)
	}
	for _, path := range []string{c.Kernel, c.Initrd, c.Firmware.Code, c.Firmware.Vars, c.Thaw, c.TPM} {
		if path != "" {
			files = append(files, path)
		}
	}
	return files
}

func (c Config) logPath() string {
	return filepath.Join(c.LogDir, c.Name+".log")
}

// machineType leaves out the controllers that nothing is attached to: the guest
// would load a driver for each of them, which takes seconds under emulation.
const machineType = "q35,sata=off,smbus=off,i8042=off,usb=off,vmport=off,smm="

// args is the command line; vars is this machine's own variable file.
func (c Config) args(vars string) ([]string, error) {
	management := "off"
	if c.Secure {
		management = "on"
	}
	args := []string{
		"-nodefaults", "-no-user-config", "-machine", machineType + management, "-accel", c.Accel, "-cpu", cpu(c.Accel),
		"-m", fmt.Sprint(orElse(c.Memory, 1024)), "-smp", fmt.Sprint(orElse(c.CPUs, 1)),
		"-display", "none", "-vga", "none", "-nic", "none", "-monitor", "none", "-serial", "stdio",
		"-chardev", "socket,id=qmp,fd=3", "-mon", "chardev=qmp,mode=control",
		// The process stays after a power off until it is told to quit: so
		// the event that says why it ended cannot be lost with its socket.
		"-action", "shutdown=pause",
		// Without a source of entropy early user space may wait for it.
		"-device", "virtio-rng-pci",
	}
	if c.Watchdog {
		args = append(args, "-device", "i6300esb", "-action", "watchdog=reset")
	}
	// Newer versions of QEMU have this one at work.
	args = append(args, "-global", "ICH9-LPC.noreboot=true")
	if c.TPM != "" {
		args = append(args, "-chardev", "socket,id=tpm,path="+escape(c.TPM), "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0")
	}
	if c.Resume != "" {
		args = append(args, "-loadvm", c.Resume)
	}
	if c.Thaw != "" {
		args = append(args, "-incoming", "defer")
	}
	args = append(args, c.boot(vars)...)
	for i := range c.Slots {
		args = append(args, "-device", fmt.Sprintf("pcie-root-port,id=%s,chassis=%d", slot(i), i+1))
	}
	for i, disk := range c.Disks {
		more, err := c.disk(i, disk)
		if err != nil {
			return nil, err
		}
		args = append(args, more...)
	}
	return args, nil
}

func (c Config) boot(vars string) []string {
	var args []string
	if c.Firmware.Code != "" {
		args = append(args,
			"-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+escape(c.Firmware.Code),
			"-drive", "if=pflash,unit=1,format=raw,file="+escape(vars))
	}
	if c.Secure {
		args = append(args, "-global", "driver=cfi.pflash01,property=secure,value=on")
	}
	if c.Kernel != "" {
		args = append(args, "-kernel", c.Kernel, "-append", c.Append)
	}
	if c.Initrd != "" {
		args = append(args, "-initrd", c.Initrd)
	}
	return args
}

func (c Config) disk(i int, disk Disk) ([]string, error) {
	drive, err := c.drive(i, disk.Path)
	if err != nil {
		return nil, err
	}
	devices, err := disk.devices(i, "pcie.0")
	args := []string{"-drive", drive}
	for _, device := range devices {
		args = append(args, "-device", device)
	}
	return args, err
}

// cpu is a processor with SSE 4.2 and no more for emulation: a processor that can
// virtualise makes the guest load KVM, and with "max" of QEMU 7.2, which has wide
// vectors and five-level page tables, programs were seen to abort.
func cpu(accel string) string {
	if accel == "kvm" {
		return "host"
	}
	return "Nehalem"
}

// escape doubles commas, which separate options in a -drive value.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
