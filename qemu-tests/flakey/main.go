// Command flakey runs in a guest and breaks its disks there: it puts a device
// mapper's device between a disk and its file system, which turns bad at an
// exact moment of another program's life and good again on request. It is one
// static file, so that the guest needs no program of anybody's for it.
package main

import (
	"errors"
	"fmt"
	"os"

	"moss/internal/atomicfile"
)

func main() {
	err := run(os.Args[1:])
	var status exitStatus
	if errors.As(err, &status) {
		os.Exit(int(status))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "flakey:", err)
		os.Exit(125)
	}
}

func run(args []string) error {
	switch {
	case len(args) > 1 && args[0] == "insmod":
		return insmod(args[1:])
	case len(args) == 3 && args[0] == "open":
		return open(args[1], args[2])
	case len(args) == 4 && args[0] == "log":
		return openLog(args[1], args[2], args[3])
	case len(args) == 3 && args[0] == "mark":
		return mark(args[1], args[2])
	case len(args) == 4 && args[0] == "set":
		return set(args[1], args[2], args[3])
	case len(args) > 3 && args[0] == "spoil":
		return spoil(args[1], args[2], args[3:])
	case len(args) > 4 && args[0] == "watch":
		return watch(args[1:])
	case len(args) > 1 && args[0] == guardVerb:
		return guard(args[1:])
	case len(args) == 4 && args[0] == "mount":
		return mount(args[1], args[2], args[3])
	case len(args) == 2 && args[0] == "unmount":
		return unmount(args[1])
	case len(args) == 3 && args[0] == "write":
		return atomicfile.Write(args[1], []byte(args[2]), 0o644)
	case len(args) == 2 && args[0] == "list":
		return list(args[1])
	case len(args) > 1 && args[0] == "tree":
		return tree(args[1:])
	case len(args) == 3 && args[0] == "paths":
		return paths(args[1], args[2])
	}
	return errors.New("usage:\n" + usage)
}
