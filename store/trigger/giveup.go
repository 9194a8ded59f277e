package trigger

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// kept are the capabilities that building indexes and caches may need; the
// others are given up for good.
func kept() []int {
	return []int{
		unix.CAP_CHOWN,        // files of another owner
		unix.CAP_DAC_OVERRIDE, // a tree may hold folders that their owner cannot write to
		unix.CAP_FOWNER,       // change the mode of such files
		unix.CAP_FSETID,       // keep setgid when writing
		unix.CAP_SETUID,       // programs that step down to another user,
		unix.CAP_SETGID,       // and group
		unix.CAP_SETFCAP,      // setcap on a program; the manifest records it
	}
}

// giveUp makes the calling thread, and whatever it starts, unable to do more
// than write to the overlay.
func giveUp() error {
	for _, step := range []struct {
		name string
		run  func() error
	}{
		// Nobody may attach to process 1 or read its descriptors.
		{"hide process 1", func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }},
		{"forbid core files", func() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }},
		{"forbid new privileges", func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }},
		{"bound capabilities", boundCapabilities},
		{"drop capabilities", dropCapabilities},
		{"filter system calls", filterCalls},
	} {
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// lastCapability is where the kernel's set of 64 ends.
const lastCapability = 63

func boundCapabilities() error {
	keep := mask()
	for c := range lastCapability + 1 {
		if keep&(1<<c) != 0 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // beyond the last that this kernel has
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func mask() uint64 {
	var bits uint64
	for _, c := range kept() {
		bits |= 1 << c
	}
	return bits
}

func dropCapabilities() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	low, high := uint32(mask()), uint32(mask()>>32)
	data := [2]unix.CapUserData{{Effective: low, Permitted: low}, {Effective: high, Permitted: high}}
	return unix.Capset(&head, &data[0])
}

// dieFirst makes the kernel choose these processes when memory runs out.
func dieFirst() error { return os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) }
