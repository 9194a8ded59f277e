package sdboot

import (
	"moss/bootloader/efivar"
	"moss/bootloader/esp"
)

// Op is the kind of a step. "loader/<op>" is the fault point that Apply passes
// before each step of that kind, and "loader/done" the one after the last.
type Op string

// The kinds, in the order in which a plan has them; a removal has OpSet and
// OpUnset first.
const (
	// OpSweep removes a temporary file of an interrupted write.
	OpSweep Op = "sweep"
	// OpFolder makes a folder.
	OpFolder Op = "folder"
	// OpMarker writes loader/entries.srel, OpConfig a first loader.conf.
	OpMarker Op = "marker"
	OpConfig Op = "config"
	// OpKeep writes a copy of the program that is about to be replaced.
	OpKeep Op = "keep"
	// OpProgram writes the program, OpFallback the copy that firmware falls back
	// to.
	OpProgram  Op = "program"
	OpFallback Op = "fallback"
	// OpSet and OpUnset write and remove an EFI variable.
	OpSet   Op = "set"
	OpUnset Op = "unset"
	// OpRemove removes a file, OpTidy a folder that is empty by then.
	OpRemove Op = "remove"
	OpTidy   Op = "tidy"
)

// Step is one change, complete in itself: Apply needs nothing else.
type Step struct {
	Op   Op
	Path string // of the running system
	// Data is the content of a file or a variable.
	Data []byte
	// Bytes is the space that the step takes, in whole clusters, and Frees what of
	// it is free again after the step, for the file that was there is gone.
	Bytes, Frees uint64
	// Key is the variable of OpSet and OpUnset.
	Key efivar.Key
	// Text says it to a person.
	Text string
}

// Plan is what has to be done, in order. Without steps there is nothing to do.
type Plan struct {
	Boot  esp.Boot
	Steps []Step
	// Notes say what is left as it is, and why.
	Notes []string
	// Warnings say what is not as it should be, and does not stop the plan.
	Warnings []string
	// Need and Have are bytes of the ESP: the peak, and what is free before the
	// first step.
	Need, Have uint64
	// Fallback: firmware that knows no entry of ours finds the loader all the
	// same once the plan is carried out.
	Fallback bool
}

func (p *Plan) add(op Op, path, text string) *Step {
	p.Steps = append(p.Steps, Step{Op: op, Path: path, Text: text})
	return &p.Steps[len(p.Steps)-1]
}

// write plans a file in the place of one with the content old.
func (p *Plan) write(op Op, path, text string, data, old []byte, space esp.Space) {
	step := p.add(op, path, text)
	step.Data, step.Bytes, step.Frees = data, space.Round(uint64(len(data))), space.Round(uint64(len(old)))
}

// peak is the most that the steps take at any moment: a file that is replaced is
// there twice until the new one has its name, and only once after that.
func peak(steps []Step) uint64 {
	var used, most int64
	for _, step := range steps {
		used += int64(step.Bytes)
		most = max(most, used)
		used -= int64(step.Frees)
	}
	return uint64(most)
}

func (p *Plan) note(line string) { p.Notes = append(p.Notes, line) }

func (p *Plan) warn(line string) { p.Warnings = append(p.Warnings, line) }

// RefusedError says that something could be done and should not be.
type RefusedError struct{ What, Advice string }

func (e *RefusedError) Error() string { return e.What }

// Hint is what to do about it.
func (e *RefusedError) Hint() string { return e.Advice }
