package system

import (
	"slices"

	"moss/bootloader"
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
