package esp

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/internal/mount"
)

// part is one place that may be the ESP or XBOOTLDR.
type part struct {
	place, dir string
	mounted    bool
	// loader says that an EFI program of the kind that firmware starts is there.
	loader bool
}

// mounted lists the vfat file systems at the usual places below root, each file
// system once: mounted at /efi and bound to /boot it is still one partition.
func mounted(root string, points []mount.Point) []part {
	var parts []part
	var seen [][2]uint32
	for _, place := range places() {
		dir := filepath.Join(root, place)
		point, ok := mount.At(points, dir)
		device := [2]uint32{point.Major, point.Minor}
		if !ok || point.FSType != "vfat" || slices.Contains(seen, device) {
			continue
		}
		seen = append(seen, device)
		parts = append(parts, part{place: place, dir: dir, mounted: true, loader: hasLoader(dir)})
	}
	return parts
}

// folders lists plain folders below root, best first: those that hold something
// of a boot partition, else any that exist.
func folders(root string) []part {
	var full, bare []part
	for _, place := range places() {
		dir, ok := inside(root, place)
		if !ok {
			continue
		}
		if slices.ContainsFunc(slices.Concat(full, bare), func(p part) bool { return p.dir == dir }) {
			continue
		}
		p := part{place: place, dir: dir, loader: hasLoader(dir)}
		if holdsMenu(dir) {
			full = append(full, p)
		} else {
			bare = append(bare, p)
		}
	}
	return slices.Concat(full, bare)
}

// inside resolves a place below root. A link out of root is refused: an image
// whose /efi points to "/boot" would otherwise get the ESP of the host.
func inside(root, place string) (string, bool) {
	dir, err := filepath.EvalSymlinks(filepath.Join(root, place))
	if err != nil || !strings.HasPrefix(dir, strings.TrimSuffix(root, "/")+"/") {
		return "", false
	}
	info, err := os.Stat(dir)
	return dir, err == nil && info.IsDir()
}

// holdsMenu looks for the loader's or the firmware's folder. In /boot a folder
// "efi" that itself holds one of them is the place /boot/efi, not the firmware's
// folder of an ESP at /boot.
func holdsMenu(dir string) bool {
	if _, ok := Fold(dir, "loader"); ok {
		return true
	}
	efi, ok := Fold(dir, "EFI")
	return ok && !empty(efi) && !holdsMenu(efi)
}

func empty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err != nil || len(entries) == 0
}

// hasLoader looks for what firmware starts: systemd-boot's own path or the path
// of removable media.
func hasLoader(dir string) bool {
	return hasProgram(dir, "EFI/systemd", "systemd-boot") || hasProgram(dir, "EFI/BOOT", "boot")
}

func hasProgram(dir, folder, prefix string) bool {
	folder, ok := Fold(dir, folder)
	if !ok {
		return false
	}
	entries, err := os.ReadDir(folder)
	return err == nil && slices.ContainsFunc(entries, func(entry os.DirEntry) bool {
		name := strings.ToLower(entry.Name())
		return strings.HasPrefix(name, prefix) && strings.HasSuffix(name, ".efi")
	})
}

func withLoader(parts []part) []part {
	return slices.DeleteFunc(slices.Clone(parts), func(p part) bool { return !p.loader })
}
