package sdboot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"moss/bootloader/efivar"
	"moss/internal/atomicfile"
	"moss/internal/fault"
)

// Apply carries the steps out, in order, and stops at the first that fails. At
// every step firmware finds a whole loader, if it found one before; the next
// plan goes on from there. A firmware that stores nothing more is a warning
// while it finds the loader without an entry.
func Apply(p Plan, vars efivar.Vars) (warnings []string, err error) {
	return apply(p, vars, fault.Point)
}

func apply(p Plan, vars efivar.Vars, point func(string) error) (warnings []string, err error) {
	refused := false // the variables that follow build on the one that failed
	for done, step := range p.Steps {
		variable := step.Op == OpSet || step.Op == OpUnset
		if variable && refused {
			continue
		}
		if err := point("loader/" + string(step.Op)); err != nil {
			return warnings, err
		}
		err := step.do(vars)
		switch {
		case err == nil:
		case variable && p.forgives():
			refused = true
			warnings = append(warnings, fmt.Sprintf("%s: %v; the firmware keeps what it had", step.Text, err))
		default:
			return warnings, &StoppedError{done, step.Text, err}
		}
	}
	return warnings, point("loader/done")
}

// StoppedError says which step failed, and how many there were before it.
type StoppedError struct {
	Done int
	Step string
	Err  error
}

func (e *StoppedError) Error() string { return e.Step + ": " + e.Err.Error() }
func (e *StoppedError) Unwrap() error { return e.Err }

// forgives: without the entry firmware finds the loader, or it is not to find it
// any more.
func (p Plan) forgives() bool {
	for _, step := range p.Steps {
		if step.Op == OpRemove {
			return true
		}
	}
	return p.Fallback
}

func (s Step) do(vars efivar.Vars) error {
	switch s.Op {
	case OpFolder:
		if err := os.Mkdir(s.Path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return atomicfile.SyncDir(filepath.Dir(s.Path))
	case OpMarker, OpConfig, OpKeep, OpProgram, OpFallback:
		return writeProved(s.Path, s.Data)
	case OpSweep, OpRemove, OpTidy:
		if err := os.Remove(s.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return atomicfile.SyncDir(filepath.Dir(s.Path))
	case OpSet, OpUnset:
		return s.variable(vars)
	}
	return fmt.Errorf("unknown step %q", s.Op)
}

func (s Step) variable(vars efivar.Vars) error {
	switch {
	case vars == nil:
		return efivar.ErrNone
	case s.Op == OpUnset:
		return vars.Delete(s.Key)
	}
	return vars.Write(s.Key, s.Data, efivar.Stored)
}

// writeProved writes a file and reads it back from the medium. Flash that lies
// is found while the other copy is still there.
func writeProved(path string, data []byte) error {
	if err := atomicfile.Write(path, data, 0o755); err != nil {
		return err
	}
	return prove(path, data)
}

func prove(path string, data []byte) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	// Only a hint, and what it drops is on the medium already.
	_ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
	got, err := io.ReadAll(file)
	if err == nil && !bytes.Equal(got, data) {
		err = fmt.Errorf("%s reads back with other content: the medium is failing", path)
	}
	return err
}
