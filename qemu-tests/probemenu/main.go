// Command probemenu keeps a boot menu of changing states in a guest, with the
// same package as moss-boot but with kernels that are made up: from one number
// to the next the menu loses and gains entries, kernels and a default.
//
//	probemenu DIR KERNELS NUMBER WORDS
//
// It says "menu: plan of N steps" right before the first write, which it makes when a
// line is typed, and "menu: done" after the last, then its warnings and a hash of all
// that the menu's owner has on the partition.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probemenu:", err)
		os.Exit(1)
	}
}
