package extlinux

import (
	"path/filepath"
	"strings"

	"moss/internal/mount"
)

// Prefix is the folder of $BOOT on its file system, as these loaders see it: ""
// when $BOOT is a partition, "/boot" when it is a folder of the root's. Root is
// the root folder of the system that is started, dir is $BOOT; both are absolute
// and free of links. A folder outside root that is no mount point stands for a
// partition.
func Prefix(root, dir string, points []mount.Point) string {
	base, above := root, ""
	if point, ok := mount.Holding(points, dir); ok && within(root, point.Path) {
		base = point.Path
		// Of a bind mount the loader sees all; of a btrfs only the subvolume it
		// was installed in.
		if point.FSType != "btrfs" {
			above = point.Root
		}
	} else if ok && point.Path == dir {
		base = dir
	}
	if !within(base, dir) {
		return ""
	}
	rel, err := filepath.Rel(base, dir)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(filepath.Join("/", above, rel), "/")
}

func within(root, path string) bool {
	return path == root || strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/")
}
