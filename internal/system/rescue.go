package system

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/initramfs/image"
)

// rescueWord makes early boot start a shell instead of a state.
const rescueWord = "moss.shell"

// rescueKernel is the kernel of the entry that starts no state but a shell, nil
// when no state has one: of the state that is running, for its kernel is known to
// start this machine, else of the newest. Its words are those of the state's entry
// without what names the state or hides the shell.
func rescueKernel(states []bootloader.State, booted uint64) *bootloader.Kernel {
	var from *bootloader.State
	for i := range states {
		s := &states[i]
		if len(s.Kernels) > 0 && (from == nil || s.ID == booted || from.ID != booted && s.ID > from.ID) {
			from = s
		}
	}
	if from == nil {
		return nil
	}
	k := from.Kernels[len(from.Kernels)-1] // the newest, as kernelVersions orders them
	line := words{params: slices.Clone(k.Cmdline)}
	if end := slices.IndexFunc(line.params, endsParameters); end >= 0 {
		line = words{params: line.params[:end], init: line.params[end+1:]}
	}
	line.params = slices.DeleteFunc(line.params, func(word string) bool {
		return slices.Contains([]string{stateWord, rescueWord, "quiet", "splash"}, keyOf(word))
	})
	k.Cmdline = line.with(rescueWord)
	return &k
}

// withShell is the kernel, or nil where none of its initrds brings a shell: the
// entry would then say that it has none and start the machine anew, for ever.
func withShell(k *bootloader.Kernel, warn func(string)) *bootloader.Kernel {
	if k == nil {
		return nil
	}
	why := ""
	for _, initrd := range k.Initrds {
		has, err := bringsShell(initrd)
		if has {
			return k
		}
		if err != nil {
			why = fmt.Sprintf(" that could be found (%s: %v)", initrd, err)
		}
	}
	warn(fmt.Sprintf("no rescue entry: no initrd of kernel %s has a shell%s; build it with moss-boot initramfs build --rescue", k.Version, why))
	return nil
}

// bringsShell looks for what early boot starts as a shell.
func bringsShell(initrd string) (bool, error) {
	file, err := os.Open(initrd)
	if err != nil {
		return false, err
	}
	entries, err := image.List(file)
	found := slices.ContainsFunc(entries, func(e image.Entry) bool {
		name := strings.TrimPrefix(strings.TrimLeft(e.Name, "./"), "usr/")
		return name == "bin/sh" || name == "bin/busybox"
	})
	return found, errors.Join(err, file.Close())
}
