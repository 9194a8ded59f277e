package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	program = "qemu-system-x86_64"

	// emulation is QEMU's own translator, one host thread a guest CPU.
	emulation = "tcg,thread=multi"

	// probeLimit: a working KVM passes the probe in a tenth of a second. One
	// nested in a hypervisor that emulates it badly needs nine and is slower
	// than no KVM at all, so "it passes" is not enough.
	probeLimit = 2 * time.Second

	// probeCode is what the probe's boot sector writes to the port of
	// isa-debug-exit, which ends QEMU with status 2*code+1.
	probeCode = 0x2a
)

// ErrNoQEMU tells that qemu-system-x86_64 is not installed: tests that boot say
// so and are left out.
var ErrNoQEMU = errors.New(program + " is not installed (package qemu-system-x86)")

// Accel returns "kvm" when a tiny machine really runs with it, else software
// emulation. /dev/kvm proves nothing: it exists on hosts where it cannot run a
// guest, or only far slower than emulation. Callers that start several machines
// keep the answer, for example in a sync.OnceValue.
func Accel(ctx context.Context) string {
	if _, err := os.Stat("/dev/kvm"); err != nil || probe(ctx, "kvm", probeLimit) != nil {
		return emulation
	}
	return "kvm"
}

// probe boots a sector that leaves through isa-debug-exit. Any other end, and
// any end after limit, is an error.
func probe(ctx context.Context, accel string, limit time.Duration) error {
	dir, err := os.MkdirTemp("", "vm-probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	image := filepath.Join(dir, "boot.img")
	if err := os.WriteFile(image, probeSector(), 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-nodefaults", "-no-user-config", "-machine", "pc", "-accel", accel,
		"-cpu", cpu(accel), "-m", "16", "-display", "none", "-vga", "none", "-nic", "none", "-serial", "none", "-monitor", "none",
		"-device", "isa-debug-exit,iobase=0x501,iosize=1", "-drive", "file="+escape(image)+",format=raw,if=floppy,readonly=on")
	return probeResult(cmd.Run(), accel)
}

func probeResult(err error, accel string) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == probeCode<<1|1 {
		return nil
	}
	return fmt.Errorf("probe accelerator %s: ended with %w", accel, err)
}

func probeSector() []byte {
	sector := make([]byte, 512)
	copy(sector, []byte{
		0xfa,             // cli
		0xba, 0x01, 0x05, // mov dx, 0x501
		0xb0, probeCode, // mov al, probeCode
		0xee,       // out dx, al
		0xf4,       // hlt
		0xeb, 0xfd, // jmp to the hlt
	})
	sector[510], sector[511] = 0x55, 0xaa
	return sector
}
