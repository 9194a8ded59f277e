// Package system tells the whole story of a change: a transaction in the store
// and the boot menu that offers its outcome. It is the only package that knows
// both sides; neither knows the other.
package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"moss/bootloader/efivar"
	"moss/bootloader/esp"
	"moss/internal/fault"
	"moss/internal/ui"
	"moss/store"
	"moss/store/resolve"
	"moss/store/state"
	"moss/store/tree"
)

// Options say how a change is made.
type Options struct {
	Root       string
	ESP        string     // the folder of $BOOT, or "" to find it
	Command    string     // what others are told when they find the root locked
	Wait       bool       // wait while another process writes, instead of giving up
	NoBoot     bool       // leave the boot menu alone
	NoTriggers bool       // run no triggers; the system's are marked pending
	NextBoot   bool       // make the state the next boot's, not the running system's
	Force      bool       // accept what would not boot or lacks dependencies
	Comment    string     // what the user says of the new state
	Default    state.ID   // the menu's default; 0 is the newest state
	DryRun     bool       // say what would change and change nothing
	Now        time.Time  // the time that is recorded
	Without    []state.ID // states that the menu no longer offers
	Log        func(string)
	// Vars are the EFI variables; nil is the machine's own for the root "/" and
	// none for any other.
	Vars     efivar.Vars
	Progress Progress
	// Agree is asked before anything that lasts is done; nil agrees.
	Agree func(Result) (bool, error)

	UKI         bool      // one image instead of a kernel and initrds, whatever moss.yaml says
	planning    bool      // $BOOT is only looked at
	keepDefault bool      // leave the menu's default as it is
	take        bool      // Default was chosen by a person: whoever else named one gives way
	chosen      state.ID  // what is held against this one does not count
	held        *esp.Boot // $BOOT, when it is open for all steps
	// followConfig builds the live state's early-boot image anew if the
	// configuration asks for another; otherwise only states without one get one.
	followConfig bool
}

// Change is what a user wants of a transaction.
type Change struct {
	Stones    []string // files to install
	Install   []string // names or kind(name) to install
	Remove    []string // names to take away
	Upgrade   bool     // bring every package to the repositories' version
	Downgrade bool     // and those too whose build is newer than any there is
	Refresh   bool     // fetch the indexes of the repositories first
	Selection *Selection
}

// Result is what a transaction did.
type Result struct {
	ID       state.ID `json:"state"`
	Previous state.ID `json:"previous"`
	// Unchanged: the live state has this selection already, no state was made.
	Unchanged bool     `json:"unchanged"`
	Added     []string `json:"added"`
	Removed   []string `json:"removed"`
	Changed   []string `json:"changed"` // packages with another build: name from -> to
	Paths     int      `json:"paths"`
	Changes   Counts   `json:"changes"`  // of paths, against the previous state
	Download  int64    `json:"download"` // bytes to fetch
	Files     int      `json:"files"`    // contents new to the store
	Bytes     int64    `json:"bytes"`    // their size
	Space     uint64   `json:"space"`    // bytes of the root taken at the peak
	Menu      *Synced  `json:"menu"`     // what changes on $BOOT
	// Triggers is nil when none were to run.
	Triggers *store.TriggerReport `json:"triggers"`
	Reboot   []string             `json:"reboot"` // why the machine should be restarted
	Notes    []string             `json:"notes"`
	Took     []StepTime           `json:"steps"`
	Boot     string               `json:"boot"` // what the menu says, for people
}

// Counts are numbers of paths.
type Counts struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
	Changed int `json:"changed"`
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
func (e *LateError) Hint() string {
	return "mend the cause, then run: moss trigger run --pending; moss-boot sync"
}

type step struct {
	name string
	run  func(*transaction, context.Context) error
}

// steps is the transaction. The names are fault points (transaction/<name>,
// before the step), log lines and the headings of docs/crash-safety.md.
func steps() []step {
	return []step{
		{"refresh", (*transaction).refresh},
		{"resolve", (*transaction).resolve},
		{"download", (*transaction).download},
		{"plan", (*transaction).plan},
		{"space", (*transaction).space},
		{"unpack", (*transaction).unpack},
		{"stage", (*transaction).writeStage},
		{"triggers", (*transaction).triggers},
		{"check", (*transaction).check},
		{"room", (*transaction).room},
		{"seal", (*transaction).seal},
		{"menu", (*transaction).menu},
		{"exchange", (*transaction).exchange},
		{"links", (*transaction).links},
		{"system", (*transaction).system},
	}
}

// From this step on a signal is held until the end: the next boot is committed.
const commit = "menu"

// After this step a failure no longer takes the new state back.
const committed = "exchange"

type transaction struct {
	opt    Options
	change Change
	store  *store.Store

	from          state.ID // the change is made to this one, 0 if to nothing
	before, after store.Choice
	wanted        resolve.Solution
	kept          []string     // names that were there for others and are now asked for
	files         []store.File // stones to unpack, local ones and downloads
	fetch         []remote
	fresh         []*store.Prepared
	previous      *tree.Tree // of the live state, nil without one
	tree          *tree.Tree
	need          store.Need
	stage         *store.Stage
	why           string   // the staged tree cannot boot, "" if it can
	chosen        state.ID // the menu's default by name before this, 0 if none
	result        Result
}

// Transact makes a new state of the live one and a change. On an error nothing
// that a boot or a running program sees has changed, unless it is a LateError.
func Transact(ctx context.Context, opt Options, change Change) (Result, error) {
	if err := fault.Point("transaction/recover"); err != nil {
		return Result{}, err
	}
	if err := opt.check(); err != nil {
		return Result{}, err
	}
	s, err := openStore(ctx, opt)
	if err != nil {
		return Result{}, err
	}
	opt.Log = warnOnce(opt.Log)
	t := &transaction{opt: opt, change: change, store: s}
	t.result.Notes, t.result.Reboot = []string{}, []string{}
	release := inhibit(ctx, opt, newState)
	err = t.run(ctx)
	release()
	for _, one := range t.fresh {
		one.Close()
	}
	if t.stage != nil {
		err = errors.Join(err, t.stage.Drop())
	}
	return t.result, errors.Join(err, s.Close())
}

// check refuses what contradicts itself: without a boot entry nothing becomes
// live at the next boot.
func (o Options) check() error {
	if o.NextBoot && o.NoBoot {
		return &ui.UsageError{Err: errors.New("--next-boot needs a boot entry, and --no-boot writes none"), Advice: "give one of the two"}
	}
	return nil
}

// errDone ends a transaction early, with nothing changed and nothing wrong.
var errDone = errors.New("done early")

func (t *transaction) run(ctx context.Context) error {
	all := steps()
	for i, one := range all {
		if one.name == commit {
			if err := ctx.Err(); err != nil {
				return t.undo(one.name, fmt.Errorf("stopped before %s: %w", one.name, context.Cause(ctx)))
			}
			ctx = context.WithoutCancel(ctx)
		}
		if err := errors.Join(ctx.Err(), fault.Point("transaction/"+one.name)); err != nil {
			return t.undo(one.name, err)
		}
		begun := time.Now()
		t.opt.step(one.name, i+1, len(all))
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
	switch {
	case name == committed && t.isLive():
		return &LateError{t.result.ID, err}
	case name == commit, name == committed, name == "seal" && t.result.ID != 0:
		return errors.Join(err, t.withdraw())
	case slices.Contains([]string{"links", "system"}, name):
		return &LateError{t.result.ID, err}
	}
	return err
}

// isLive: an exchange can fail after it has happened, in what makes it durable.
func (t *transaction) isLive() bool {
	live, err := t.store.Active()
	return err == nil && live == t.result.ID
}

// StaysError says that a change failed after its state was made and offered at
// boot, and that this could not be undone.
type StaysError struct{ ID state.ID }

func (e *StaysError) Error() string {
	return fmt.Sprintf("state %d stays: its boot entry could not be taken away", e.ID)
}

// Hint says how to get rid of it.
func (e *StaysError) Hint() string {
	return fmt.Sprintf("the next boot may start it; when $BOOT can be written again: moss state remove %d", e.ID)
}

// withdraw takes the new state out of the menu, and away if that could be done:
// an entry must never be without its tree.
func (t *transaction) withdraw() error {
	var failed error
	if !t.opt.NoBoot {
		opt := t.opt
		opt.Without = append(slices.Clone(opt.Without), t.result.ID)
		failed = restoreMenu(t.store, opt, t.chosen)
		if hasEntry(t.store, opt, t.result.ID) {
			return errors.Join(&StaysError{t.result.ID}, failed)
		}
	}
	return errors.Join(failed, t.store.Withdraw(t.result.ID))
}
