package pack

import (
	"strconv"
	"strings"
)

// release splits a Debian version into the version and the release number of a
// stone.
//
// The epoch is dropped: Debian's own file names lack it too, so within Debian
// nothing is lost. A revision that is a number becomes the release; any other
// ("2+deb12u1", "6.1") has no place in a number and stays part of the version.
func release(debian string) (version string, number uint64) {
	_, version, epoch := strings.Cut(debian, ":")
	if !epoch {
		version = debian
	}
	// What is left of colons belongs to the upstream version; no file system of
	// the ESP kind takes one.
	version = strings.ReplaceAll(version, ":", "_")
	dash := strings.LastIndex(version, "-")
	if dash <= 0 {
		return version, 1
	}
	n, err := strconv.ParseUint(version[dash+1:], 10, 32)
	if err != nil || n == 0 {
		return version, 1
	}
	return version[:dash], n
}

// arch is the stone's word for a Debian architecture; one that it does not know
// keeps its name.
func arch(debian, independent string) string {
	switch debian {
	case "all":
		if independent == "" {
			return DefaultArch
		}
		return independent
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return debian
}
