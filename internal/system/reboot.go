package system

import (
	"path"
	"slices"
	"strings"

	"moss/store/tree"
)

// rebootReasons says what of a change only takes hold after a restart: the
// kernel runs from memory, init and every process keep the libraries they were
// started with.
func rebootReasons(from, to *tree.Tree) []string {
	reasons := []string{}
	if len(from.Entries) == 0 {
		return reasons
	}
	d := tree.Compare(from, to)
	for _, p := range slices.Concat(d.Changed, d.Added, d.Removed) {
		if why := rebootReason(p); why != "" && !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	slices.Sort(reasons)
	return reasons
}

func rebootReason(p string) string {
	name := path.Base(p)
	switch {
	case strings.HasPrefix(p, "lib/kernel/") && name == "vmlinuz":
		return "kernel"
	case name == "libc.so.6", strings.HasPrefix(name, "ld-linux"), strings.HasPrefix(name, "ld-musl-"):
		return "C library"
	case p == "lib/systemd/systemd", p == "sbin/init", p == "bin/init":
		return "init"
	}
	return ""
}
