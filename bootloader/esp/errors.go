package esp

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// AmbiguousError says that several places could be meant.
type AmbiguousError struct {
	// Candidates are folders or device nodes.
	Candidates []string
	// What they have in common: "hold a boot loader".
	What string

	bare bool // one of them is mounted nowhere
}

func (e *AmbiguousError) Error() string {
	last := len(e.Candidates) - 1
	list := strings.Join(e.Candidates[:last], ", ") + " and " + e.Candidates[last]
	if last == 1 {
		list = "both " + list
	}
	return fmt.Sprintf("find boot partition: %s %s", list, e.What)
}

// Hint is what to do about it.
func (e *AmbiguousError) Hint() string {
	if e.bare {
		return "mount the right one at /efi, or elsewhere and name it with --esp DIR"
	}
	return "name the right one with --esp DIR"
}

func ambiguous(what string, spots []spot) error {
	e := &AmbiguousError{What: what}
	for _, one := range spots {
		e.Candidates = append(e.Candidates, one.String())
		e.bare = e.bare || one.dir == ""
	}
	return e
}

type noBootError struct {
	tried []string // folders
	notes []string // what was there and is none
}

func (e *noBootError) Error() string {
	text := "find boot partition: none at " + strings.Join(e.tried, ", ")
	if len(e.notes) > 0 {
		text += " (" + strings.Join(e.notes, "; ") + ")"
	}
	return text
}

func (e *noBootError) Unwrap() error { return ErrNoBoot }

// Hint is what to do about it.
func (e *noBootError) Hint() string {
	return "mount it there, name it with --esp DIR, or go without a boot menu: --no-boot"
}

// mountError says why a boot partition could not be mounted.
type mountError struct {
	node, elsewhere string // elsewhere: where it is mounted already
	err             error
}

func (e *mountError) Error() string { return fmt.Sprintf("open boot partition: %v", e.err) }

func (e *mountError) Unwrap() error { return e.err }

// Hint is what to do about it.
func (e *mountError) Hint() string {
	switch {
	case errors.Is(e.err, unix.EBUSY) && e.elsewhere != "":
		return fmt.Sprintf("it is mounted read-only: mount -o remount,rw %s", e.elsewhere)
	case errors.Is(e.err, unix.ENODEV):
		return "the running kernel has no vfat; if its modules are gone, restart"
	case errors.Is(e.err, unix.EPERM):
		return "run this as root"
	case errors.Is(e.err, unix.EINVAL):
		return fmt.Sprintf("it holds no FAT file system that can be read: fsck.fat -n %s", e.node)
	}
	return "mount it at /efi, or name where it is mounted with --esp DIR"
}
