package bootloader

import (
	"fmt"

	"moss/bootloader/efivar"
	"moss/bootloader/esp"
)

// Op is the kind of a step. "menu/<op>" is the fault point that Apply passes
// before each step of that kind, and "menu/done" the one after the last.
type Op string

// The kinds, in the order in which a plan has them as long as space allows.
const (
	// OpFolder makes a folder.
	OpFolder Op = "folder"
	// OpMarker writes loader/entries.srel.
	OpMarker Op = "marker"
	// OpCopy copies a kernel or an initrd and checks its hash on the way.
	OpCopy Op = "copy"
	// OpSync writes out the file system.
	OpSync Op = "sync"
	// OpEntry writes an entry. From here on the loader may start it.
	OpEntry Op = "entry"
	// OpConfig writes loader.conf.
	OpConfig Op = "config"
	// OpDrop removes an entry.
	OpDrop Op = "drop"
	// OpSweep removes a file that no entry needs, or a temporary one.
	OpSweep Op = "sweep"
	// OpSet and OpUnset write and remove an EFI variable.
	OpSet   Op = "set"
	OpUnset Op = "unset"
)

// Step is one change of $BOOT, complete in itself: Apply needs nothing else.
type Step struct {
	Op Op
	// Path is what changes, a path of the running system; of OpSync the folder
	// whose file system is meant.
	Path string
	// Data is the text to write, Source the file to copy and Content what it
	// must turn out to be.
	Data    []byte
	Source  string
	Content Content
	// Bytes is the space that the step takes or, for OpDrop and OpSweep, frees,
	// in whole clusters.
	Bytes uint64
	// Key is the variable of OpSet and OpUnset. Needed: as long as it is as it
	// was, the loader does not start what the plan says. Without the others only
	// a hint is lost.
	Key    efivar.Key
	Needed bool
	// Text says it to a person.
	Text string
}

// Plan is what has to be done to $BOOT, in order. Without steps there is nothing
// to do.
type Plan struct {
	Boot  esp.Boot
	Steps []Step
	// Need is the space that the steps take at their peak, Have what is free
	// before them, in bytes.
	Need, Have uint64
	// Shrunk are the states that lose their entry because space is short.
	Shrunk []uint64
}

func (p *Plan) add(op Op, path, text string) *Step {
	p.Steps = append(p.Steps, Step{Op: op, Path: path, Text: text})
	return &p.Steps[len(p.Steps)-1]
}

// size writes a number of bytes for a person.
func size(n uint64) string {
	if n < 1e6 {
		return fmt.Sprintf("%d kB", (n+999)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
