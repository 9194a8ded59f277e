package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/disk"
)

// Renamed is the same kernel with another version, below dir, and the early-boot
// image for it: two kernels for the price of one. QEMU starts it; a loader cannot.
// Modules go by the checksums of what they use, not by the version.
func (w *World) Renamed(ctx context.Context, k Kernel, init, dir string) (Kernel, error) {
	other := Kernel{Version: strings.Replace(k.Version, "amd64", "other", 1), Plain: filepath.Join(dir, "other"), Initrd: filepath.Join(dir, "other.initrd")}
	if other.Version == k.Version {
		return Kernel{}, fmt.Errorf("rename kernel %s: it has another name than expected", k.Version)
	}
	data, err := os.ReadFile(k.Plain)
	if err != nil {
		return Kernel{}, err
	}
	if err := os.WriteFile(other.Plain, bytes.ReplaceAll(data, []byte(k.Version), []byte(other.Version)), 0o600); err != nil {
		return Kernel{}, err
	}
	tree := filepath.Join(dir, "tree")
	modules, err := filepath.Abs(filepath.Join(filepath.Dir(k.Image), "../../modules", k.Version))
	if err != nil {
		return Kernel{}, err
	}
	err = errors.Join(os.MkdirAll(filepath.Join(tree, "usr/lib/modules"), 0o755), os.Symlink(modules, filepath.Join(tree, "usr/lib/modules", other.Version)))
	if err == nil {
		_, err = w.Run(ctx, "moss-boot", "initramfs", "build", "-D", tree, "--kernel", other.Version, "--init", init, "-o", other.Initrd)
	}
	return other, err
}

// Stranded makes of a copy of the mini disk one of which no state has modules for
// the kernel running, and state 1 those of k, which is on its boot partition.
func (k Kernel) Stranded(ctx context.Context, path, running string) error {
	d, err := disk.Open(ctx, path)
	if err != nil {
		return err
	}
	menu, entry := path+".menu", path+".entry"
	defer os.Remove(menu)
	defer os.Remove(entry)
	options := strings.Join(debian.CommandLine(), " ") + " rw root=PARTUUID=" + RootGUID + " moss.fstx=1"
	err = errors.Join(
		os.WriteFile(menu, fmt.Appendf(nil, "2 %s moss-x-2-%[1]s_* moss-x-2-%[1]s_.conf\n1 %[2]s moss-x-1-%[2]s_* moss-x-1-%[2]s_.conf\n", running, k.Version), 0o644),
		os.WriteFile(entry, fmt.Appendf(nil, "title one\nlinux /old/linux\ninitrd /old/initrd\noptions %s\n", options), 0o644))
	if err != nil {
		return err
	}
	var commands []string
	for tree, version := range map[string]string{tree1: k.Version, tree2: "9.9.9"} {
		commands = append(commands, "mkdir "+tree+"/lib/modules", "mkdir "+tree+"/lib/modules/"+version, "write /dev/null "+tree+"/lib/modules/"+version+"/modules.dep")
	}
	if err := d.EditRoot(ctx, append(commands, "write "+menu+" /.moss/boot/menu")...); err != nil {
		return err
	}
	esp := fmt.Sprintf("%s@@%d", path, d.ESP.Start)
	if _, err := tool(ctx, "", "mmd", "-i", esp, "::/loader", "::/loader/entries", "::/old"); err != nil {
		return err
	}
	// The loader has counted a try since the list was written.
	for from, to := range map[string]string{k.Image: "::/old/linux", k.Initrd: "::/old/initrd", entry: "::/loader/entries/moss-x-1-" + k.Version + "_+2-1.conf"} {
		if _, err := tool(ctx, "", "mcopy", "-Q", "-i", esp, from, to); err != nil {
			return err
		}
	}
	return nil
}
