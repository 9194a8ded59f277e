package esp

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/internal/mount"
)

// spot is what may be the ESP or XBOOTLDR.
type spot struct {
	place string // "boot"; "" for a partition that is to be mounted
	dir   string // where it is; "" likewise
	// loader says that an EFI program of the kind that firmware starts is there.
	loader  bool
	mounted bool
	part    Part // what is mounted there, or is to be
}

// places is where partitions are mounted, in the order of preference. The
// specification advises against /boot/efi, but distributions use it.
func places() []string { return []string{"efi", "boot", "boot/efi"} }

// String names it in a message.
func (s spot) String() string {
	switch {
	case s.dir == "":
		return s.part.Node
	case s.part.Node == "":
		return s.dir
	}
	return fmt.Sprintf("%s (%s)", s.dir, s.part.Node)
}

// mounted lists the vfat file systems at the usual places, each file system once:
// mounted at /efi and bound to /boot it is still one partition. A folder of one
// that is bound there is none.
func (s *search) mounted() []spot {
	var spots []spot
	var seen [][2]uint32
	for _, place := range places() {
		dir := filepath.Join(s.root, place)
		point, ok := mount.At(s.m.points, dir)
		device := [2]uint32{point.Major, point.Minor}
		if !ok || point.FSType != "vfat" || point.Root != "/" || slices.Contains(seen, device) {
			continue
		}
		seen = append(seen, device)
		spots = append(spots, spot{place: place, dir: dir, mounted: true, loader: hasLoader(dir), part: s.m.on(point)})
	}
	return spots
}

// folders lists plain folders below root, best first: those that hold something
// of a boot partition, else any that exist.
func folders(root string) []spot {
	var full, bare []spot
	for _, place := range places() {
		dir, ok := inside(root, place)
		if !ok {
			continue
		}
		if slices.ContainsFunc(slices.Concat(full, bare), func(one spot) bool { return one.dir == dir }) {
			continue
		}
		one := spot{place: place, dir: dir, loader: hasLoader(dir)}
		if holdsMenu(dir) {
			full = append(full, one)
		} else {
			bare = append(bare, one)
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

// wakeAutomounts makes systemd mount what it mounts on demand, so that the
// table shows a vfat and not an autofs. Looking below a mount point is enough.
func wakeAutomounts(root string) {
	for _, place := range places() {
		_, _ = os.Lstat(filepath.Join(root, place, "loader"))
	}
}
