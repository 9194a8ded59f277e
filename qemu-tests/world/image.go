package world

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"moss/qemu-tests/debian"
)

// Kernel is an unpacked kernel package and the early-boot image for it.
type Kernel struct {
	Version string
	Image   string // vmlinuz
	Plain   string // the same kernel as QEMU starts it several times faster, vmlinux
	Initrd  string // made by moss-boot initramfs build
	Stone   string // the kernel package
}

// Kernel unpacks Debian's kernel and builds the early-boot image with init as
// its /init, which is moss-init or a build of it with fault points.
func (w *World) Kernel(ctx context.Context, init string) (Kernel, error) {
	stones, err := w.Pack(ctx, debian.Kernel())
	if err != nil {
		return Kernel{}, err
	}
	debs, err := w.Debs(ctx, debian.Kernel())
	if err != nil {
		return Kernel{}, err
	}
	version, err := debian.KernelVersion(debs)
	if err != nil {
		return Kernel{}, err
	}
	k := Kernel{Version: version, Stone: stones["linux-image-"+version]}
	image := filepath.Join("usr/lib/kernel", version, "vmlinuz")
	dir, err := w.cached("kernel", k.Stone+" "+plainName, func(dir string) error {
		if _, err := w.Run(ctx, "moss", "extract", k.Stone, "-o", dir); err != nil {
			return err
		}
		return unpackKernel(ctx, filepath.Join(dir, image), filepath.Join(dir, plainName))
	})
	if err != nil {
		return Kernel{}, err
	}
	k.Image, k.Plain = filepath.Join(dir, image), filepath.Join(dir, plainName)
	k.Initrd = filepath.Join(w.Build, filepath.Base(init)+".initrd")
	_, err = w.Run(ctx, "moss-boot", "initramfs", "build", "-D", dir, "--kernel", version, "--init", init, "-o", k.Initrd)
	return k, err
}

// InitrdStone packs the image the way a distribution ships a prebuilt one.
func (w *World) InitrdStone(ctx context.Context, k Kernel, out string) (string, error) {
	dir, err := os.MkdirTemp(w.Build, ".initrd-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := install(k.Initrd, filepath.Join(dir, "usr/lib/kernel", k.Version, "50-moss.initrd"), 0o644); err != nil {
		return "", err
	}
	stone, err := w.PackDir(ctx, dir, "moss-initramfs", k.Version, out)
	if err != nil {
		return "", fmt.Errorf("pack early-boot image: %w", err)
	}
	return stone, nil
}
