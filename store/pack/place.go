package pack

import (
	"path"
	"path/filepath"
	"strings"
)

// factory is where files go that belong outside /usr: systemd's convention for
// a vendor's copy of /etc and /var (tmpfiles.d(5), line types C and L).
const factory = "share/factory/"

// place maps a path of a Debian package to its path below usr; "" is usr itself.
//
//	usr/X                                    X
//	bin sbin lib lib32 lib64 libx32          the same name
//	boot/{vmlinuz,System.map,config}-V       lib/kernel/V/{vmlinuz,System.map,config}
//	anything else                            share/factory/…
func place(name string) string {
	top, rest, _ := strings.Cut(name, "/")
	switch {
	case top == "usr":
		return rest
	case isMerged(top):
		return name
	case top == "boot":
		if p := kernelPlace(rest); p != "" {
			return p
		}
	}
	return factory + name
}

// isMerged names the top folders that are symlinks into usr on a merged system
// (file-hierarchy(7)).
func isMerged(top string) bool {
	switch top {
	case "bin", "sbin", "lib", "lib32", "lib64", "libx32":
		return true
	}
	return false
}

func kernelPlace(name string) string {
	for _, kind := range []string{"vmlinuz", "System.map", "config"} {
		version, ok := strings.CutPrefix(name, kind+"-")
		if ok && version != "" && !strings.Contains(version, "/") {
			return "lib/kernel/" + version + "/" + kind
		}
	}
	return ""
}

// live is where an absolute path of the package is found on a running system.
// Unlike place it leaves /etc and /var alone: the copy below share/factory is
// what they begin with, not what a link to them means.
func live(abs string) string {
	name := strings.TrimPrefix(abs, "/")
	top, _, _ := strings.Cut(name, "/")
	if isMerged(top) || strings.HasPrefix(place(name), "lib/kernel/") {
		return "/usr/" + place(name)
	}
	return abs
}

// retarget gives the text that the symlink name needs at its new place, so that
// it leads where it led before. Absolute texts stay: /lib leads to /usr/lib. So
// do links below share/factory, which are copied to where they came from before
// they are followed. The text is resolved by its letters alone: one that goes
// back up through another symlink of the package may come out wrong.
func retarget(name, text, placed string) string {
	if path.IsAbs(text) || strings.HasPrefix(placed, factory) && !strings.HasPrefix(name, "usr/") {
		return text
	}
	here := path.Join("/usr", path.Dir(placed))
	want := live(path.Join("/", path.Dir(name), text))
	if path.Join(here, text) == want {
		return text
	}
	rel, err := filepath.Rel(here, want)
	if err != nil { // both are absolute: there is always a way
		return want
	}
	return rel
}
