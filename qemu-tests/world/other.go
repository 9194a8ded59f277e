package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Others are the initramfs programs that moss-init can be a part of. An image of
// the first two reaches an ext4 root on virtio and little else, which is made
// quickly, with LUKS around it in the next two; the generic ones are what Debian
// makes by default.
const (
	Dracut                = "dracut"
	InitramfsTools        = "initramfs-tools"
	DracutLUKS            = "dracut-luks"
	InitramfsToolsLUKS    = "initramfs-tools-luks"
	DracutGeneric         = "dracut-generic"
	InitramfsToolsGeneric = "initramfs-tools-generic"
)

// Other builds a distribution's initramfs for a kernel, with this checkout's
// moss-init and its part in dist, and keeps it until one of these changes.
func (w *World) Other(ctx context.Context, k Kernel, kind string) (string, error) {
	key, err := w.otherKey(k)
	if err != nil {
		return "", err
	}
	dir, err := w.cached(kind, key, func(dir string) error { return w.buildOther(ctx, k, kind, dir) })
	if err != nil {
		return "", fmt.Errorf("build %s image: %w", kind, err)
	}
	return filepath.Join(dir, "initrd"), nil
}

func (w *World) otherKey(k Kernel) (string, error) {
	key := k.Stone
	files := []string{w.Program("moss-init"), w.otherScript()}
	err := filepath.WalkDir(filepath.Join(w.Repo, "dist"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	for _, path := range files {
		text, e := os.ReadFile(path)
		err = errors.Join(err, e)
		key += path + string(text)
	}
	return key, err
}

func (w *World) otherScript() string { return filepath.Join(w.Repo, "qemu-tests/world/other.sh") }

func (w *World) buildOther(ctx context.Context, k Kernel, kind, dir string) error {
	work, err := os.MkdirTemp(w.Build, ".other-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	// vmlinuz lies in usr/lib/kernel/VERSION of the unpacked package.
	boot := filepath.Dir(k.Image)
	modules := filepath.Join(boot, "../../modules", k.Version)
	args := []string{
		"--mount", "sh", w.otherScript(), kind, filepath.Join(dir, "initrd"), work, filepath.Clean(modules), filepath.Join(boot, "config"),
		w.Program("moss-init"), filepath.Join(w.Repo, "dist"), "virtio_pci", "virtio_blk", "ext4", "crc32c_generic",
	}
	if kind == DracutLUKS || kind == InitramfsToolsLUKS {
		args = append(args, "dm_crypt", "xts", "ecb", "sha256_generic", "algif_skcipher", "algif_hash")
	}
	cmd := exec.CommandContext(ctx, "unshare", args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
