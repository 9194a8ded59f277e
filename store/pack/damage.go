package pack

import (
	"errors"
	"fmt"

	"moss/store/stone"
)

// DamageError says that a stone is not what it was when it was made. A caller
// branches on it: damage has an exit code of its own.
type DamageError struct {
	File string
	Err  error // a *stone.FormatError, or what does not fit together
}

func (e *DamageError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.File, e.Err) }
func (e *DamageError) Unwrap() error { return e.Err }

// Damage makes a DamageError of err if the bytes of file are at fault, and
// leaves every other error (no such file, no memory, a bad disk) as it is.
func Damage(file string, err error) error {
	if fault, ok := errors.AsType[*stone.FormatError](err); ok {
		return &DamageError{File: file, Err: fault}
	}
	return err
}
