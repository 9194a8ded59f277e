package world

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"moss/qemu-tests/disk"
)

// Subvolume is where the root is in a btrfs.
const Subvolume = "@"

// Refit gives the disk that Mini made below dir a root file system of another
// kind, with the same states: xfs, f2fs, or btrfs with the root in a subvolume. The
// copy is at path; its label and those of the partition stay.
func (w *World) Refit(ctx context.Context, base *disk.Disk, dir, kind, path string) error {
	tree, image := path+".tree", path+".root"
	defer os.RemoveAll(tree)
	defer os.Remove(image)
	err := slim(ctx, filepath.Join(dir, "mini"), tree)
	if err == nil {
		err = os.WriteFile(image, nil, 0o600)
	}
	if err == nil {
		err = os.Truncate(image, base.Root.Size)
	}
	if err == nil {
		err = makeRoot(ctx, kind, tree, image)
	}
	if err == nil {
		err = disk.Copy(ctx, base.Path, path)
	}
	if err == nil {
		_, err = tool(ctx, "", "sh", "-ec", `fallocate --punch-hole --offset "$3" --length "$4" "$2"
			dd if="$1" of="$2" bs=1M oflag=seek_bytes seek="$3" conv=notrunc,sparse status=none`,
			"sh", image, path, fmt.Sprint(base.Root.Start), fmt.Sprint(base.Root.Size))
	}
	if err != nil {
		return fmt.Errorf("make disk with %s: %w", kind, err)
	}
	return nil
}

// slim copies a root without what no boot reads.
func slim(ctx context.Context, from, to string) error {
	const copying = `mkdir "$2"
		tar -C "$1" -c --exclude=./.moss/assets --exclude=./.moss/cache --exclude=./.moss/db --exclude='./usr/share/[dlm][oa][ncl]*' --exclude='./.moss/root/*/usr/share/[dlm][oa][ncl]*' . | tar -C "$2" -x`
	_, err := tool(ctx, "", "sh", "-ec", copying, "sh", from, to)
	return err
}

func makeRoot(ctx context.Context, kind, tree, image string) error {
	switch kind {
	case "xfs":
		proto := image + ".proto"
		defer os.Remove(proto)
		if err := writeProto(tree, proto); err != nil {
			return err
		}
		_, err := tool(ctx, "", "mkfs.xfs", "-q", "-f", "-L", "root", "-p", proto, image)
		return err
	case "f2fs":
		if _, err := tool(ctx, "", "mkfs.f2fs", "-q", "-f", "-l", "root", image); err != nil {
			return err
		}
		_, err := tool(ctx, "", "sload.f2fs", "-P", "-f", tree, image)
		return err
	case "btrfs":
		return makeBtrfs(ctx, tree, image)
	}
	return fmt.Errorf("no file system is called %q here", kind)
}

// Mirror makes a btrfs of two disks, each of which has everything. Its label is
// mirror.
func (w *World) Mirror(ctx context.Context, dir string, disks ...string) error {
	tree := disks[0] + ".tree"
	defer os.RemoveAll(tree)
	if err := slim(ctx, filepath.Join(dir, "mini"), tree); err != nil {
		return err
	}
	for _, path := range disks {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		if err := os.Truncate(path, 512<<20); err != nil {
			return err
		}
	}
	if err := makeBtrfs(ctx, tree, disks...); err != nil {
		return fmt.Errorf("make a btrfs of two disks: %w", err)
	}
	return nil
}

// makeBtrfs mounts what it makes, in a mount namespace of its own: mkfs.btrfs knows
// no subvolumes, and fills one device only.
func makeBtrfs(ctx context.Context, tree string, images ...string) error {
	args := []string{"--mount", "--propagation", "private", "sh", "-ec", `tree=$1 label=$2
		shift 2
		devices=
		trap 'for d in $devices; do losetup -d $d; done' EXIT
		for image; do devices="$devices $(losetup --find --show $image)"; done
		mkfs.btrfs -q -f -L $label ${2:+-d raid1 -m raid1} $devices
		mkdir $tree.mnt
		options=
		for d in $devices; do options=$options,device=$d; done
		mount -t btrfs -o ${options#,} ${devices##* } $tree.mnt
		btrfs -q subvolume create $tree.mnt/@
		cp -a $tree/. $tree.mnt/@
		umount $tree.mnt
		rmdir $tree.mnt`, "sh", tree, "root"}
	if len(images) > 1 {
		args[len(args)-1] = "mirror"
	}
	_, err := tool(ctx, "", "unshare", append(args, images...)...)
	return err
}

// writeProto lists a folder as mkfs.xfs -p reads it: a file system without a mount.
func writeProto(tree, path string) error {
	var b strings.Builder
	b.WriteString("-\n0 0\nd--755 0 0\n")
	if err := protoFolder(&b, tree); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(b.String()+"$\n"), 0o600)
}

func protoFolder(b *strings.Builder, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		path, mode := filepath.Join(dir, e.Name()), fmt.Sprintf("--%03o 0 0", info.Mode().Perm())
		switch info.Mode().Type() {
		case fs.ModeDir:
			fmt.Fprintf(b, "%s d%s\n", e.Name(), mode)
			err = protoFolder(b, path)
			b.WriteString("$\n")
		case fs.ModeSymlink:
			target, _ := os.Readlink(path)
			fmt.Fprintf(b, "%s l%s %s\n", e.Name(), mode, target)
		case 0:
			fmt.Fprintf(b, "%s -%s %s\n", e.Name(), mode, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
