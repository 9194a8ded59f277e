package early

import (
	"os"
	"path/filepath"
	"strings"
)

// mapping is a device of the kernel's device mapper that is in use.
type mapping struct{ kernel, name, uuid string } // dm-0, NAME of /dev/mapper/NAME, dm-uuid

// mappings lists them; sys is the folder /sys.
func mappings(sys string) []mapping {
	var found []mapping
	for _, name := range entries(filepath.Join(sys, "class/block")) {
		dir := filepath.Join(sys, "class/block", name, "dm")
		if strings.HasPrefix(name, "dm-") {
			found = append(found, mapping{name, mapperName(sys, name), line(filepath.Join(dir, "uuid"))})
		}
	}
	return found
}

// mapperName is the NAME in /dev/mapper of a device, "" for one that is not mapped.
func mapperName(sys, kernel string) string {
	return line(filepath.Join(sys, "class/block", kernel, "dm/name"))
}

// opened is the device that a LUKS container is mapped to already. cryptsetup and
// systemd write dm-uuids as CRYPT-LUKS2-<UUID without dashes>-<name>, and so does
// moss-unlock.
func opened(sys, uuid string) (mapping, bool) {
	plain := strings.ToLower(strings.ReplaceAll(uuid, "-", ""))
	for _, m := range mappings(sys) {
		for _, kind := range []string{"CRYPT-LUKS1-", "CRYPT-LUKS2-"} {
			rest, ok := strings.CutPrefix(m.uuid, kind)
			if of, _, cut := strings.Cut(rest, "-"); ok && cut && plain != "" && strings.ToLower(of) == plain {
				return m, true
			}
		}
	}
	return mapping{}, false
}

// line is a file of one line, "" when it cannot be read.
func line(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(text), "\n")
}
