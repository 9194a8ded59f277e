package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"moss/bootloader"
)

const (
	token  = "abcd1234"
	shown  = 5
	period = 4 // kernels, each of two states in a row
)

// menu is five states. Every third number wants the oldest of them first.
func menu(kernels string, number uint64, words []string) bootloader.Want {
	w := bootloader.Want{Token: token, MachineID: strings.Repeat("0a", 16), Keep: shown, TakeDefault: true}
	for id := number + 1; id <= number+shown; id++ {
		kind := id / 2 % period
		w.States = append(w.States, bootloader.State{
			ID: id, Created: time.Unix(1e9, 0), OSID: "lab", OSName: "Lab", Tries: 3,
			Kernels: []bootloader.Kernel{{
				Version: fmt.Sprintf("6.%d.0", kind), Image: filepath.Join(kernels, fmt.Sprintf("linux%d", kind)),
				Initrds: []string{filepath.Join(kernels, fmt.Sprintf("initrd%d", kind))},
				Cmdline: append([]string{fmt.Sprintf("lab.menu=%d", id)}, words...),
			}},
		})
	}
	if number%3 == 0 {
		w.Default = number + 1
	}
	return w
}
