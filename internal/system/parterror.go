package system

// PartError is a failure of a verb that makes no state, after something that
// lasts was done.
type PartError struct {
	Did  string // what was
	Next string // how to finish
	Err  error
}

func (e *PartError) Error() string { return e.Did + ", but: " + e.Err.Error() }
func (e *PartError) Unwrap() error { return e.Err }

// Hint says how to finish.
func (e *PartError) Hint() string { return e.Next }

// As makes it end with the exit code of a failure that came late.
func (e *PartError) As(target any) bool {
	late, ok := target.(**LateError)
	if ok {
		*late = &LateError{Err: e}
	}
	return ok
}
