package world

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/qemu-tests/debian"
)

// Unmerged are Debian's own packages as they are: /bin, /sbin and /lib are folders
// beside /usr. System boots to a login and has dpkg's database; Small has a shell
// with commands and kmod. Both take part in the usr-merge.
type Unmerged struct {
	System, Small string // archives

	w     *World
	tools string
}

// Shapes of an un-merged root, which add up.
const (
	Odd   = "odd"   // every kind of entry, conflicts
	Many  = "many"  // 60,000 files more, in 400 folders
	Alias = "alias" // /lib leads to /lib64, as on Solus
	Unit  = "unit"  // systemd has the unit, and moss, both of which were given
)

// UnmergedInit is an init for root's disks that is none of theirs: it says
// "unmerged: up" and leaves a shell at the console.
const UnmergedInit = LabDir + "/init"

const unmergedInit = `#!/bin/sh
export PATH=/usr/bin:/usr/sbin:/bin:/sbin:` + LabDir + `
echo "unmerged: up"
exec sh -i
`

// Unmerged unpacks the packages, or finds them in the cache. What the guest is
// given beside them is made in dir.
func (w *World) Unmerged(ctx context.Context, k Kernel, dir string) (*Unmerged, error) {
	debs, err := w.Debs(ctx, debian.Unmerged())
	if err != nil {
		return nil, err
	}
	key, err := w.sourceKey("qemu-tests/debian")
	if err != nil {
		return nil, err
	}
	key += makeMany + k.Stone + strings.Join(modulesInLib(), " ") + moduleInUsr
	for _, deb := range debs {
		key += " " + filepath.Base(deb.Path)
	}
	cache, err := w.cached("unmerged", key, func(dir string) error { return w.unpackUnmerged(ctx, k, debs, dir) })
	if err != nil {
		return nil, fmt.Errorf("make un-merged root: %w", err)
	}
	u := &Unmerged{filepath.Join(cache, "system.tar.zst"), filepath.Join(cache, "small.tar.zst"), w, filepath.Join(dir, "unmerged-tools")}
	if err := os.MkdirAll(u.tools, 0o755); err != nil {
		return nil, err
	}
	if _, err := w.Flakey(ctx, u.tools); err != nil {
		return nil, err
	}
	return u, os.WriteFile(filepath.Join(u.tools, "init"), []byte(unmergedInit), 0o755)
}

func (w *World) unpackUnmerged(ctx context.Context, k Kernel, debs []debian.Deb, dir string) error {
	small := slices.DeleteFunc(slices.Clone(debs), func(d debian.Deb) bool { return !slices.Contains(smallPackages(), d.Name) })
	for name, debs := range map[string][]debian.Deb{"system": debs, "small": small} {
		root := filepath.Join(dir, name)
		if err := w.unmergedRoot(ctx, k, debs, root); err != nil {
			return err
		}
		if name == "system" {
			if err := debian.Skeleton(ctx, root, debian.Options{MachineID: MachineID}); err != nil {
				return err
			}
			if err := unitsInLib(root); err != nil {
				return err
			}
		}
		if err := packUp(ctx, root); err != nil {
			return err
		}
	}
	many := filepath.Join(dir, "many")
	if _, err := tool(ctx, "", "sh", "-ec", makeMany, "sh", many); err != nil {
		return err
	}
	return packUp(ctx, many)
}

// makeMany makes 60,000 files in 400 folders, of which both places have 40: their files
// are linked one by one, every tenth is there already; the others go over whole.
const makeMany = `mkdir "$1" && cd "$1"
seq 0 399 | sed 's,.*,lib/many/&,' | xargs mkdir -p
seq 0 39 | sed 's,.*,usr/lib/many/&,' | xargs mkdir -p
i=0
while [ $i -lt 60000 ]; do
	echo $i >lib/many/$((i % 400))/$i
	[ $((i % 400)) -ge 40 ] || [ $((i / 400 % 10)) -ne 0 ] || echo $i >usr/lib/many/$((i % 400))/$i
	i=$((i + 1))
done`

// packUp puts an archive in place of a folder.
func packUp(ctx context.Context, root string) error {
	_, err := tool(ctx, "", "tar", "--create", "--zstd", "--xattrs", "--directory", root, "--file", root+".tar.zst", ".")
	if err != nil {
		return err
	}
	return os.RemoveAll(root)
}

// smallPackages are those of the set that Small has.
func smallPackages() []string {
	return []string{"base-files", "libc6", "dash", "coreutils", "libacl1", "libattr1", "libgmp10", "libselinux1", "libpcre2-8-0",
		"kmod", "libkmod2", "liblzma5", "libzstd1", "libssl3", "zlib1g"}
}

func (w *World) unmergedRoot(ctx context.Context, k Kernel, debs []debian.Deb, root string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	if err := debian.Unpack(ctx, root, debs); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"etc/machine-id":               MachineID + "\n",
		"etc/moss/usr-merge.conf":      "rollout=256\n",
		"var/lib/moss/usr-merge/ready": "",
		"opt/lab/README":               "what the tests need in the guest\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := unmergedKernel(ctx, k, root); err != nil {
		return err
	}
	_, err := tool(ctx, "", "ldconfig", "-r", root)
	return err
}

// Disk makes the image of a file system at path, ext4, xfs, btrfs or f2fs, with one
// of the two in it in some shapes. f2fs knows no shapes but Alias and Many. LabDir
// has init, flakey, what Give gave it, and before.list, a line for each
// file as it is before the merge.
func (u *Unmerged) Disk(ctx context.Context, archive, kind, path string, size int64, shapes ...string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(path, size); err != nil {
		return err
	}
	args := []string{"--mount", "--propagation", "private", "sh", filepath.Join(u.w.Repo, "qemu-tests/world/unmerged.sh"), kind, path, archive, u.tools}
	if _, err := tool(ctx, "", "unshare", append(args, shapes...)...); err != nil {
		return fmt.Errorf("make un-merged disk with %s: %w", kind, err)
	}
	return nil
}

// Give puts a program of this checkout into the guests of the disks that are made
// from now on.
func (u *Unmerged) Give(from, name string) error {
	return install(from, filepath.Join(u.tools, name), 0o755)
}

// Tool is what the guests have under a name, for the host.
func (u *Unmerged) Tool(name string) string { return filepath.Join(u.tools, name) }
