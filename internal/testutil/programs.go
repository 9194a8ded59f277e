package testutil

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"moss/internal/testutil/need"
)

// Programs is a package of programs of this machine and their libraries.
func Programs(t testing.TB, names ...string) Stone {
	t.Helper()
	s := Stone{Name: "programs", Files: Tree{}}
	bring := func(from, to string) { s.Files[to] = "0755:" + Read(t, from) }
	var all []string
	for _, name := range names {
		from := need.Program(t, name)
		bring(from, "bin/"+name)
		all = append(all, from)
	}
	library := regexp.MustCompile(`(/\S+) \(0x`)
	out, _ := exec.Command("ldd", all...).Output() // fails for static programs
	for _, found := range library.FindAllStringSubmatch(string(out), -1) {
		bring(found[1], strings.TrimPrefix(strings.TrimPrefix(found[1], "/usr"), "/"))
	}
	return s
}
