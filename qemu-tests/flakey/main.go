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

const usage = `flakey insmod FILE.ko ...
flakey open NAME DISK             make NAME of a DISK; prints its device
flakey set NAME DISK MODE         MODE: good, writes (they fail), all (reads fail too), drop (writes are lost in silence)
flakey spoil NAME DISK FILE ...   the blocks of these files, on a file system of NAME, cannot be read
flakey watch [-line TEXT] [-call N] NAME DISK MODE PROGRAM [ARGUMENT ...]
                                  run PROGRAM, set MODE at its N-th call that changes a disk after it printed TEXT
flakey mount TYPE DEVICE DIR
flakey unmount DIR
flakey write FILE TEXT            as moss writes a file that a boot needs; back when it is on the disk
flakey list DIR                   a line for each file
flakey tree DIR|LIST ...          one hash of all that is in the folders together`

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
	}
	return errors.New("usage:\n" + usage)
}
