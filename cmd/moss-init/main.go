// Command moss-init is PID 1 of the initramfs: it finds and mounts the root,
// makes the /usr that the boot entry names the live one, falls back to another
// state when that cannot work, and becomes the system's init.
//
// Inside another initramfs, "moss-init activate --sysroot DIR" does the middle
// part for a root that is mounted at DIR already.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"moss/initramfs/early"
)

func main() {
	if os.Getpid() == 1 {
		boot := &early.Boot{Args: os.Args, Env: os.Environ(), Top: "/", Sysroot: "/sysroot"}
		boot.Fatal(guard(boot, early.Steps()))
	}
	if len(os.Args) != 4 || os.Args[1] != "activate" || os.Args[2] != "--sysroot" {
		fmt.Fprintln(os.Stderr, "moss-init: runs as PID 1 of an initramfs, or as: moss-init activate --sysroot DIR")
		os.Exit(2)
	}
	boot := &early.Boot{Args: os.Args, Env: os.Environ(), Top: "/", Sysroot: os.Args[3]}
	if err := guard(boot, early.ActivateSteps()); err != nil {
		boot.Forsake(err)
		fmt.Fprintln(os.Stderr, "moss-init:", err)
		os.Exit(1)
	}
}

// guard turns a panic into an error with its place: a crash of PID 1 would be a
// kernel panic, whose cause scrolls away.
func guard(boot *early.Boot, steps []early.Step) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return boot.Run(steps)
}
