package world

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/disk"
)

// Full builds, below dir, the disk of a machine with all of Debian's packages,
// with systemd's login manager as well. Its kernel and early-boot image are handed
// to QEMU; there is no boot menu. LabDir has the programs of a lab disk, a moss
// with fault points, and one note.
func (w *World) Full(ctx context.Context, dir string, k Kernel) (*disk.Disk, error) {
	stones, err := w.Pack(ctx, debian.System())
	if err != nil {
		return nil, err
	}
	root, err := w.NewRoot(filepath.Join(dir, "full"))
	if err != nil {
		return nil, err
	}
	l := lab{w, filepath.Join(root.Dir, LabDir), filepath.Join(dir, "full-work")}
	if err := os.MkdirAll(l.work, 0o755); err != nil {
		return nil, err
	}
	if err := l.programs(ctx, k); err != nil {
		return nil, fmt.Errorf("make full disk: %w", err)
	}
	if err := l.build(ctx, "moss-fault", "-tags", "faultinject", "./cmd/moss"); err != nil {
		return nil, fmt.Errorf("make full disk: %w", err)
	}
	if err := l.pack(ctx, filepath.Join(l.work, "note"), "note-1", map[string][]byte{"usr/share/note/text": noise(1, 20000)}); err != nil {
		return nil, fmt.Errorf("make full disk: %w", err)
	}
	if _, err := root.Moss(ctx, append([]string{"install"}, stones.Paths()...)...); err != nil {
		return nil, err
	}
	if err := debian.Skeleton(ctx, root.Dir, debian.Options{MachineID: MachineID, RootPARTUUID: RootGUID}); err != nil {
		return nil, err
	}
	// The skeleton masks it because nothing else here needs it.
	if err := os.Remove(filepath.Join(root.Dir, "etc/systemd/system/systemd-logind.service")); err != nil {
		return nil, err
	}
	return root.Disk(ctx, filepath.Join(dir, "full.raw"), 2<<30)
}
