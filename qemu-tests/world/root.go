package world

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/disk"
)

// Root is a folder that becomes a machine's root file system, with the ESP's
// content under efi.
type Root struct {
	Dir string
	w   *World

	// ESPSize is in bytes; 0 is 256 MiB. Split gives the entries and their files a
	// partition of their own, XBOOTLDR.
	ESPSize int64
	Split   bool
}

// NewRoot makes the folder dir anew, with what must be there before the first
// state: the machine's id and the administrator's kernel command line.
func (w *World) NewRoot(dir string, words ...string) (*Root, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	files := map[string]string{
		"etc/machine-id": MachineID + "\n",
		"etc/kernel/cmdline.d/10-root.cmdline": "# where the root is, and a console to see it on\n" +
			strings.Join(append([]string{"root=PARTUUID=" + RootGUID, "rw"}, words...), " ") + "\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return &Root{Dir: dir, w: w}, os.Mkdir(filepath.Join(dir, "efi"), 0o700)
}

// Moss runs moss on the root.
func (r *Root) Moss(ctx context.Context, args ...string) (string, error) {
	return r.w.Run(ctx, "moss", append([]string{"-D", r.Dir}, args...)...)
}

// Loader puts systemd-boot where the firmware looks for it, and where its own
// installer would.
func (r *Root) Loader(ctx context.Context) error {
	loader := filepath.Join(r.Dir, "usr/lib/systemd/boot/efi/systemd-bootx64.efi")
	for _, place := range []string{"efi/EFI/systemd/systemd-bootx64.efi", "efi/EFI/BOOT/BOOTX64.EFI"} {
		if err := install(loader, filepath.Join(r.Dir, place), 0o644); err != nil {
			return fmt.Errorf("install loader: %w", err)
		}
	}
	return nil
}

// Skeleton makes the user's own folders.
func (r *Root) Skeleton(ctx context.Context) error {
	return debian.Skeleton(ctx, r.Dir, debian.Options{Hostname: "moss", MachineID: MachineID, RootPARTUUID: RootGUID, ESPPARTUUID: ESPGUID})
}

// Disk builds the image of the root at path. The ESP is a partition of its own:
// its folder in the root stays empty, as the mount point it is.
func (r *Root) Disk(ctx context.Context, path string, rootSize int64) (*disk.Disk, error) {
	esp := r.Dir + ".esp"
	if err := os.RemoveAll(esp); err != nil {
		return nil, err
	}
	if err := os.Rename(filepath.Join(r.Dir, "efi"), esp); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(r.Dir, "efi"), 0o700); err != nil {
		return nil, err
	}
	layout := disk.Layout{
		ESP:  disk.Volume{Size: cmp.Or(r.ESPSize, 256<<20), Tree: esp, Label: "ESP", GUID: ESPGUID},
		Root: disk.Volume{Size: rootSize, Tree: r.Dir, Label: "root", GUID: RootGUID},
	}
	if r.Split {
		layout.XBOOTLDR = disk.Volume{Size: 128 << 20, Tree: r.Dir + ".boot", Label: "BOOT"}
		if err := split(esp, layout.XBOOTLDR.Tree); err != nil {
			return nil, err
		}
	}
	return disk.Build(ctx, path, layout)
}

// split leaves on the ESP what belongs there: the loader and loader.conf.
func split(esp, boot string) error {
	if err := os.RemoveAll(boot); err != nil {
		return err
	}
	var names []string
	for _, pattern := range []string{"loader/entries*", "moss-*"} {
		found, err := filepath.Glob(filepath.Join(esp, pattern))
		if err != nil {
			return err
		}
		names = append(names, found...)
	}
	for _, name := range names {
		to := filepath.Join(boot, strings.TrimPrefix(name, esp))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Rename(name, to); err != nil {
			return err
		}
	}
	return nil
}
