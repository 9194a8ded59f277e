package early

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"moss/internal/mount"
)

// separateUsr says, after "/usr", why it cannot be a file system of its own.
const separateUsr = "moss replaces /usr by one rename, which does not reach across file systems; move its content onto the root"

// refuseSeparateUsr is a step: a /usr that the system would mount over the one
// that was made live is refused, for no state could ever be booted.
func (b *Boot) refuseSeparateUsr() error {
	for _, key := range []string{"mount.usr", "mount.usrfstype"} {
		if value, ok := b.line.Last(key); ok {
			return fmt.Errorf("%s=%s on the command line mounts a /usr of its own; %s, and take the word away", key, value, separateUsr)
		}
	}
	if err := refuseMountedUsr(b.Sysroot); err != nil {
		return err
	}
	if source := usrOfTable(b.fstab()); source != "" {
		return fmt.Errorf("/etc/fstab mounts %s on /usr; %s, and take the line away", source, separateUsr)
	}
	return nil
}

// fstab is the text of the root's fstab(5), "" if it has none. A pipe in its place
// would hold up the boot; a link that leads out of the root leads to one of this
// early system, which has none.
func (b *Boot) fstab() string {
	name := filepath.Join(b.Sysroot, "etc/fstab")
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	text, _ := os.ReadFile(name)
	return string(text)
}

// refuseMountedUsr finds a /usr that is mounted already, as another initramfs
// does it. A folder that is bound to itself is of the root all the same, and so is
// a subvolume that nobody mounted.
func refuseMountedUsr(sysroot string) error {
	points, err := mount.Self()
	if err != nil {
		return fmt.Errorf("read the mount table: %w", err)
	}
	usr, ok := mount.At(points, filepath.Join(sysroot, "usr"))
	root, known := mount.Holding(points, sysroot)
	if !ok || !known {
		return nil
	}
	same := usr.Major == root.Major && usr.Minor == root.Minor && usr.Root == root.Below(filepath.Join(sysroot, "usr"))
	if same || usr.FSType == "overlay" {
		return nil
	}
	return fmt.Errorf("%s is a mount of %s (%s); %s", filepath.Join(sysroot, "usr"), usr.Source, usr.FSType, separateUsr)
}

// usrOfTable is the source that an fstab(5) mounts on /usr, "" for none. A bind of
// /usr on itself and an overlay over it leave what is below in its place.
func usrOfTable(text string) string {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.HasPrefix(fields[0], "#") || filepath.Clean(plain(fields[1])) != "/usr" {
			continue
		}
		var options []string
		if len(fields) > 3 {
			options = strings.Split(fields[3], ",")
		}
		source := plain(fields[0])
		bound := slices.Contains(options, "bind") || slices.Contains(options, "rbind")
		if slices.Contains(options, "noauto") || fields[2] == "overlay" || bound && filepath.Clean(source) == "/usr" {
			continue
		}
		return source
	}
	return ""
}

// plain undoes the octal escapes of fstab(5).
func plain(name string) string {
	var out strings.Builder
	for name != "" {
		if name[0] == '\\' && len(name) >= 4 {
			if c, err := strconv.ParseUint(name[1:4], 8, 8); err == nil {
				out.WriteByte(byte(c))
				name = name[4:]
				continue
			}
		}
		out.WriteByte(name[0])
		name = name[1:]
	}
	return out.String()
}
