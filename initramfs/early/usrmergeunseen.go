package early

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/usrmerge"
)

// unseen is why early boot cannot merge: a part of what it would read or write is
// on a file system that the running system mounts. "" when all is on the root.
func (m *migration) unseen() string {
	places := append([]string{"/usr", m.config.Complete, m.config.Orphans, "/" + usrmerge.ReportFile}, m.config.Ready...)
	for line := range strings.Lines(m.fstab()) {
		point := mountPoint(line)
		if place := holds(point, places); point != "" && place != "" {
			return "/etc/fstab mounts " + point + ", where " + place + " is"
		}
	}
	for _, unit := range []string{"usr.mount", "var.mount", "var-lib.mount"} {
		if _, err := os.Lstat(filepath.Join(m.Sysroot, "etc/systemd/system", unit)); err == nil {
			return unit + " mounts what early boot does not see"
		}
	}
	return ""
}

// mountPoint is that of a line of fstab(5) which the system mounts by itself, "" for
// none. The root, and a folder that is bound to itself, are seen here.
func mountPoint(line string) string {
	fields := strings.Fields(line)
	if len(fields) < 3 || strings.HasPrefix(fields[0], "#") || !strings.HasPrefix(fields[1], "/") {
		return ""
	}
	point := filepath.Clean(plain(fields[1]))
	if point == "/" || point == filepath.Clean(plain(fields[0])) || len(fields) > 3 && slices.Contains(strings.Split(fields[3], ","), "noauto") {
		return ""
	}
	return point
}

// holds is the first of the places that is at or below a mount point.
func holds(point string, places []string) string {
	for _, place := range places {
		if place == point || strings.HasPrefix(place, point+"/") {
			return place
		}
	}
	return ""
}
