// Package bootloader keeps the boot menu on $BOOT: one type #1 entry a state and
// kernel, kernels and initrds under names made of their content, shared by all
// states that have the same.
//
// It works in four steps that know nothing of each other. Digest hashes the
// files that the wanted menu needs, Scan reads what is on $BOOT, MakePlan turns
// both into named steps without touching anything, Apply carries the steps out
// and does nothing else. A plan that is applied leaves nothing to plan.
//
// At every moment at which power may fail, every entry on $BOOT has its files:
// files come first, then entries, then old entries go, then old files.
package bootloader

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Kernel is one kernel of a state, by the paths of the files to be copied.
type Kernel struct {
	// Version is the kernel's release as uname(1) -r gives it.
	Version string
	// Image and Initrds are paths of the running system. Initrds go to the
	// kernel in this order.
	Image   string
	Initrds []string
	// Cmdline is the kernel's arguments, moss.fstx among them. An argument with
	// a blank carries its own quotes.
	Cmdline []string
}

// State is one bootable state.
type State struct {
	ID      uint64
	Created time.Time
	// Summary says what made the state, for a person in front of the menu.
	Summary string
	// OSID and OSName are os-release's ID, and PRETTY_NAME or else NAME with
	// VERSION_ID.
	OSID, OSName string
	Kernels      []Kernel
	// Pinned keeps the state in the menu beyond the newest.
	Pinned bool
	// Tries is the boot counter that a new entry of the state begins with, 0 for
	// none.
	Tries uint
	// Bad: the state is known to fail. Its entries stay in the menu, behind all
	// others, for they have no tries left.
	Bad bool
}

// Want describes the menu that is to be.
type Want struct {
	// Token tells the entries of this installation from those of others on the
	// same partition: 8 to 32 lower case letters and digits, chosen once.
	Token string
	// MachineID is 32 hexadecimal digits, or "" when the machine has none yet.
	MachineID string
	// States lists every bootable state, in any order; Keep and the rest choose
	// from them. A state without a kernel gets no entry and takes no place.
	States []State
	// Active and Booted are the states of the live /usr and of the running
	// kernel, 0 when unknown. Both stay in the menu; the entries of Booted stay
	// even when States no longer has it.
	Active, Booted uint64
	// Keep is how many of the newest states are in the menu, 0 for 5.
	Keep int
	// Default is the state that is to be first in the order; 0 leaves the newest
	// there and takes back an earlier choice.
	Default uint64
	// Good is the last state that is known to work, 0 when none is. It stays in
	// the menu.
	Good uint64
	// Once is the state that the next boot alone is to start, 0 when none is. It
	// stays in the menu.
	Once uint64
	// TakeDefault is set when a person chose Default: a choice that somebody
	// else left in loader.conf or a variable is taken back.
	TakeDefault bool
	// Rescue is the kernel of an entry that starts no state but a shell, nil for
	// none.
	Rescue *Kernel
	// Contents is what Digest found.
	Contents Contents
}

// DefaultKeep is how many of the newest states are in the menu.
const DefaultKeep = 5

var (
	tokenForm   = regexp.MustCompile(`^[a-z0-9]{8,32}$`)
	machineForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

func (w Want) check() error {
	if !tokenForm.MatchString(w.Token) {
		return fmt.Errorf("check owner token %q: want 8 to 32 of a-z and 0-9", w.Token)
	}
	if w.MachineID != "" && !machineForm.MatchString(w.MachineID) {
		return fmt.Errorf("check machine id %q: want 32 hexadecimal digits", w.MachineID)
	}
	if w.Rescue != nil && w.Rescue.Version == "" {
		return errors.New("check rescue entry: its kernel has no version")
	}
	seen := map[uint64]bool{}
	for _, s := range w.States {
		if s.ID == 0 || seen[s.ID] {
			return fmt.Errorf("check state %d: its number is 0 or used twice", s.ID)
		}
		seen[s.ID] = true
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

func (s State) check() error {
	seen := map[string]bool{}
	for _, k := range s.Kernels {
		if k.Version == "" || seen[k.Version] {
			return fmt.Errorf("check state %d: kernel version %q is empty or there twice", s.ID, k.Version)
		}
		seen[k.Version] = true
	}
	return nil
}

// kept lists the states of the menu, newest first: newest by number, for that is
// the order in which they were made, whatever the clock said. Space can make it
// shorter.
func (w Want) kept() []State {
	bootable := without(w.States, func(s State) bool { return len(s.Kernels) == 0 })
	slices.SortFunc(bootable, func(a, b State) int { return cmp.Compare(b.ID, a.ID) })
	keep := w.Keep
	if keep <= 0 {
		keep = DefaultKeep
	}
	var states []State
	for i, s := range bootable {
		if i < keep || s.Pinned || w.holds(s.ID) {
			states = append(states, s)
		}
	}
	return states
}

// newest is the state for which the menu is made: the newest that is not known
// to fail, if there is one.
func (w Want) newest() (id uint64) {
	states := w.kept()
	if good := without(states, func(s State) bool { return s.Bad }); len(good) > 0 {
		states = good
	}
	if len(states) > 0 {
		id = states[0].ID
	}
	return id
}

// holds: the menu keeps these states however old they are and however short
// space is.
func (w Want) holds(id uint64) bool {
	return id != 0 && slices.Contains([]uint64{w.Active, w.Booted, w.Default, w.Good, w.Once}, id)
}

// fails: the state is known to.
func (w Want) fails(id uint64) bool {
	return slices.ContainsFunc(w.States, func(s State) bool { return s.ID == id && s.Bad })
}
