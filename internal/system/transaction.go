// Package system tells the whole story of a change: a transaction in the store
// and the boot menu that offers its outcome. It is the only package that knows
// both sides; neither knows the other.
package system

import (
	"context"
	"errors"
	"fmt"
	"time"

	"moss/internal/fault"
	"moss/store"
	"moss/store/state"
	"moss/store/tree"
)

// Options say how a change is made.
type Options struct {
	Root     string
	ESP      string    // the folder of $BOOT, or "" to find it
	Command  string    // what others are told when they find the root locked
	NoBoot   bool      // leave the boot menu alone
	NextBoot bool      // make the state the next boot's, not the running system's
	Force    bool      // accept what would not boot or lacks dependencies
	Comment  string    // what the user says of the new state
	Default  state.ID  // the menu's default; 0 is the newest state
	DryRun   bool      // say what would change and change nothing
	Now      time.Time // the time that is recorded
	Log      func(string)

	keepDefault bool // leave the menu's default as it is
}

// Change is what a user wants of a transaction.
type Change struct {
	Stones []string // files to install
	Remove []string // names to take away
}

// Result is what a transaction did.
type Result struct {
	ID       state.ID   `json:"state"`
	Previous state.ID   `json:"previous"`
	Added    []string   `json:"added"`
	Removed  []string   `json:"removed"`
	Paths    int        `json:"paths"`
	Files    int        `json:"files"` // contents new to the store
	Bytes    int64      `json:"bytes"` // their size
	Took     []StepTime `json:"steps"`
	Boot     string     `json:"boot"` // what the menu says, for people
}

// StepTime is how long a named step took.
type StepTime struct {
	Name string `json:"name"`
	MS   int64  `json:"ms"`
}

// LateError is a failure after the new state took its place: the state stands.
type LateError struct {
	ID  state.ID
	Err error
}

func (e *LateError) Error() string {
	return fmt.Sprintf("state %d is in place, but: %v", e.ID, e.Err)
}
func (e *LateError) Unwrap() error { return e.Err }

// Hint says how to finish.
func (e *LateError) Hint() string { return "mend the cause, then run: moss-boot sync" }

type step struct {
	name string
	run  func(*transaction, context.Context) error
}

// steps is the transaction. The names are fault points (transaction/<name>,
// before the step), log lines and the headings of docs/crash-safety.md.
func steps() []step {
	return []step{
		{"unpack", (*transaction).unpack},
		{"resolve", (*transaction).resolve},
		{"plan", (*transaction).plan},
		{"stage", (*transaction).writeStage},
		{"check", (*transaction).check},
		{"room", (*transaction).room},
		{"seal", (*transaction).seal},
		{"menu", (*transaction).menu},
		{"exchange", (*transaction).exchange},
		{"links", (*transaction).links},
	}
}

type transaction struct {
	opt    Options
	change Change
	store  *store.Store
	added  []store.Unpacked

	before, after store.Choice
	tree          *tree.Tree
	stage         *store.Stage
	result        Result
}

// Transact makes a new state of the live one and a change. On an error nothing
// that a boot or a running program sees has changed, unless it is a LateError.
func Transact(ctx context.Context, opt Options, change Change) (Result, error) {
	s, repairs, err := store.Open(opt.Root, opt.Command)
	if err != nil {
		return Result{}, err
	}
	for _, line := range repairs {
		opt.Log("recovered: " + line)
	}
	t := &transaction{opt: opt, change: change, store: s}
	err = t.run(ctx)
	if t.stage != nil {
		err = errors.Join(err, t.stage.Drop())
	}
	return t.result, errors.Join(err, s.Close())
}

// errDone ends a dry run after the last step that changes nothing visible.
var errDone = errors.New("dry run")

func (t *transaction) run(ctx context.Context) error {
	for _, one := range steps() {
		stopped := ctx.Err()
		if one.name == "links" {
			stopped = nil // the exchange has happened: a signal is held until the end
		}
		if err := errors.Join(stopped, fault.Point("transaction/"+one.name)); err != nil {
			return t.undo(one.name, err)
		}
		begun := time.Now()
		err := one.run(t, ctx)
		t.result.Took = append(t.result.Took, StepTime{one.name, time.Since(begun).Milliseconds()})
		if errors.Is(err, errDone) {
			return nil
		}
		if err != nil {
			return t.undo(one.name, err)
		}
		t.opt.Log(fmt.Sprintf("step %s: %d ms", one.name, time.Since(begun).Milliseconds()))
	}
	return nil
}

// undo decides what a failure means. Before the seal there is only the stage,
// which Transact drops. Between seal and exchange the new state is taken away
// again. After the exchange it stands.
func (t *transaction) undo(name string, err error) error {
	switch name {
	case "menu", "exchange":
		return errors.Join(err, t.withdraw())
	case "links":
		return &LateError{t.result.ID, err}
	}
	return err
}

func (t *transaction) withdraw() error {
	if err := t.store.Withdraw(t.result.ID); err != nil {
		return err
	}
	if t.opt.NoBoot {
		return nil
	}
	_, err := syncMenu(t.store, t.opt)
	return err
}
