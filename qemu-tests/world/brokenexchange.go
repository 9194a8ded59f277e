package world

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Refusal is an error of the kernel's that no small disk can be made to cause at
// the exchange of two trees: a fault point says it instead, of every tree.
type Refusal struct {
	Name   string // errno(3)
	Reason string
}

// Fault is the value of MOSS_FAULT.
func (r Refusal) Fault() string { return "activate/lifted:" + r.Name }

// Refusals are all of them. A mount point can be had, for who has a shell between
// the mounting of the root and the exchange (Busy).
func Refusals() []Refusal {
	return []Refusal{
		{"EINVAL", refused + "this file system cannot exchange two names (invalid argument)"},
		{"EBUSY", refused + busy},
		{"EIO", refused + "the disk reports an error (input/output error)"},
		{"ENOSPC", refused + "the root is full (no space left on device)"},
	}
}

const (
	refused = "the exchange with /usr was refused: "
	busy    = "one of the two is in use as a mount point (device or resource busy)"
)

// LiveBoots is no flaw: state 3, which is live, can boot as well.
func LiveBoots() Flaw { return Flaw{Name: "live boots", Commands: liveBoots()} }

// before is a script on the root, which an image that Scripted made runs before
// moss-init comes to that root.
const before = "/.moss/boot/before"

// Busy makes the tree of a gallery's last state a mount point.
func Busy() Flaw {
	tree := fmt.Sprintf("/sysroot/.moss/root/%d/usr", Last)
	return Flaw{Name: "exchange of a mount point", Reason: refused + busy,
		Files: map[string]Content{before: Text(0o755, "mount --bind "+tree+" "+tree+"\n")}}
}

// At has a refusal met by moss-init in somebody else's initramfs, where init, a build
// with fault points, takes its place.
func (r Refusal) At(init string) Flaw {
	return Flaw{Name: r.Name, Reason: r.Reason, Commands: liveBoots(), Files: map[string]Content{
		"/.moss/boot/init": {Mode: 0o755, Make: func([]byte) ([]byte, error) { return os.ReadFile(init) }},
		before:             Text(0o755, "mount --bind /sysroot/.moss/boot/init /usr/lib/moss/moss-init\necho MOSS_FAULT="+r.Fault()+" >/run/before.env\n"),
	}}
}

// Scripted is an image of dracut's with one more unit file: the root may have a
// script of its own.
func (w *World) Scripted(ctx context.Context, initrd, to string) error {
	const dropIn = "etc/systemd/system/moss-activate.service.d/before.conf"
	dir, err := os.MkdirTemp(w.Build, ".scripted-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(dropIn)), 0o755); err != nil {
		return err
	}
	text := "[Service]\nExecStartPre=-/bin/sh /sysroot" + before + "\nEnvironmentFile=-/run/before.env\n"
	if err := os.WriteFile(filepath.Join(dir, dropIn), []byte(text), 0o644); err != nil {
		return err
	}
	image, err := os.ReadFile(initrd)
	if err != nil {
		return err
	}
	more, err := tool(ctx, "", "sh", "-c", `cd "$1" && find . | cpio --quiet --owner=0:0 -o -H newc`, "sh", dir)
	if err != nil {
		return err
	}
	for len(image)%4 > 0 { // where an archive begins
		image = append(image, 0)
	}
	return os.WriteFile(to, append(image, more...), 0o600)
}
