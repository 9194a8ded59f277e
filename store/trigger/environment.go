package trigger

import (
	"os"
	"path/filepath"
	"strings"

	"moss/internal/mount"
)

func environments() []string { return []string{"chroot", "container", "live"} }

// Environment names what a trigger may ask not to run in. chroot: root is not
// the running system's, or this process is itself in a chroot. container: as
// systemd, podman and docker mark theirs. live: as dracut, Debian's live-boot
// and archiso mark a system that runs from its installation medium; it is never
// said of another root, which is what such a medium installs to.
func Environment(root string) []string {
	var all []string
	other := filepath.Clean(root) != "/"
	if other || chrooted() {
		all = append(all, "chroot")
	}
	if anyExists("/run/systemd/container", "/run/.containerenv", "/.dockerenv") {
		all = append(all, "container")
	}
	if !other && (anyExists("/run/initramfs/live", "/run/live/medium", "/run/archiso") || liveCommandLine()) {
		all = append(all, "live")
	}
	return all
}

// chrooted compares the own root with that of process 1. Where that may not be
// looked at, a root that is no mount point tells as much.
func chrooted() bool {
	own, err := os.Stat("/")
	if err != nil {
		return false
	}
	if first, err := os.Stat("/proc/1/root"); err == nil {
		return !os.SameFile(first, own)
	}
	points, err := mount.Self()
	if err != nil {
		return false
	}
	_, mounted := mount.At(points, "/")
	return !mounted
}

func anyExists(paths ...string) bool {
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			return true
		}
	}
	return false
}

func liveCommandLine() bool {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return false
	}
	for word := range strings.FieldsSeq(string(text)) {
		if word == "boot=live" || word == "rd.live.image" || strings.HasPrefix(word, "root=live:") {
			return true
		}
	}
	return false
}
