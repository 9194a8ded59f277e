package early

import (
	"errors"
	"fmt"
	"time"

	"moss/internal/cmdline"
	"moss/store/activate"
)

// choice is the activation of one state out of those that are there.
type choice struct {
	states   *activate.Root
	line     cmdline.Line
	kernel   string
	writable func() error // makes the root writable; called before each change
	warn     func(format string, args ...any)
	now      func() time.Time
	exchange func(activate.ID) error
	// restart ends this boot in favour of one of the entries, which need other
	// kernels. It returns only when that cannot be.
	restart func(entries []menuEntry) error

	tried   map[activate.ID]bool
	why     map[activate.ID]error // why each cannot work
	stuck   error                 // why no tree can be exchanged any more
	bare    bool                  // modules of the running kernel are not asked for
	outcome Outcome
}

// Outcome is what activation came to. Fields are as in boot.json.
type Outcome struct {
	// Wanted is the state of moss.fstx=, 0 when the command line names none. After
	// a restart into another state's entry it is the one that was wanted first.
	Wanted activate.ID
	// Activated is the state whose tree is /usr now, 0 when that is unsealed.
	Activated activate.ID
	// Fallback is set when Activated was chosen because Wanted cannot work.
	Fallback bool
	// Step is where the fallback ended: 1 an earlier state with the running kernel,
	// 2 an earlier state by a restart into its own entry, 3 any state; 0 without one.
	Step int
	// Reason is why, or a note when nothing was asked for.
	Reason string
	// Failed are the states that were tried and cannot work, in that order.
	Failed []Failure
	// FallbackTook is the time lost to finding another state, in milliseconds.
	FallbackTook int64
}

// Failure is one state that cannot work.
type Failure struct {
	State  activate.ID
	Reason string
}

// activate makes the wanted state live, or another one that can boot.
func (b *Boot) activate() error {
	c := b.choice()
	err := c.run()
	b.report.Outcome, b.bare = c.outcome, c.bare
	return err
}

func (b *Boot) choice() *choice {
	c := &choice{
		states: b.states(), line: b.line, kernel: b.kernel, warn: b.console.warnf, now: time.Now,
		writable: b.mounted.writable,
	}
	c.exchange = c.states.Exchange
	c.restart = func(entries []menuEntry) error { return b.restartInto(c, entries) }
	return c
}

func (c *choice) run() error {
	c.tried, c.why = map[activate.ID]bool{}, map[activate.ID]error{}
	text, ok := c.line.Last("moss.fstx")
	if !ok {
		return c.leave()
	}
	err := c.asked(text)
	if err == nil {
		return nil
	}
	c.outcome.Reason = err.Error()
	if c.strict() {
		return &stopped{fmt.Errorf("state %s was asked for, and moss.fallback=off allows no other: %w", activate.Show(text), err)}
	}
	return c.fallBack()
}

// strict: no other state than the wanted one may boot, and that one is tried
// whatever is held against it.
func (c *choice) strict() bool {
	value, _ := c.line.Last("moss.fallback")
	return value == "off"
}

// stopped is an error after which a person is to look at the machine.
type stopped struct{ error }

func (s *stopped) Unwrap() error { return s.error }

// asked makes the wanted state live.
func (c *choice) asked(text string) error {
	id, err := activate.ParseID(text)
	if err != nil {
		return fmt.Errorf("moss.fstx=%s: %w", activate.Show(text), err)
	}
	c.outcome.Wanted = id
	if err := c.failedBefore(id, c.kernel); err != nil && !c.strict() {
		c.why[id] = err
		c.outcome.Failed = append(c.outcome.Failed, Failure{id, err.Error()})
		return err
	}
	return c.try(id)
}

// leave boots whatever is there: without moss.fstx= nobody asked for a state.
func (c *choice) leave() error {
	c.outcome.Reason = "the kernel command line has no moss.fstx=; /usr is left as it is"
	id, err := activate.LiveID(c.states.Usr())
	if err == nil {
		c.outcome.Activated = id
	}
	return nil
}

// try makes a state live if it can boot. Why it cannot is remembered on the
// root, so that the running system and its boot menu learn of it. The wanted
// state is blamed for everything, another one only for what is wrong with its
// tree: not for the kernel, nor for the word init=, nor for a root that lets no
// tree be exchanged.
func (c *choice) try(id activate.ID) error {
	err := c.enter(id)
	c.tried[id], c.why[id] = true, err
	if err == nil {
		c.outcome.Activated = id
		return nil
	}
	wanted := id == c.outcome.Wanted
	if !wanted && (otherKernel(err) || err == c.stuck || c.otherInit(id)) {
		return err
	}
	c.outcome.Failed = append(c.outcome.Failed, Failure{id, err.Error()})
	if _, ok := errors.AsType[*refusedError](err); ok && !wanted {
		return err
	}
	if err := c.remember(id, err); err != nil {
		c.warn("the failure of state %s could not be recorded: %v", id, err)
	}
	return err
}

func otherKernel(err error) bool {
	because, ok := errors.AsType[*activate.CannotBoot](err)
	return ok && because.OtherKernel
}

// otherInit: nothing is wrong with a tree except that it has not the program of
// init=. A slip in that word must not be held against every state there is.
func (c *choice) otherInit(id activate.ID) bool {
	return c.initNamed() != "" && c.checkWith(id, activate.Checks{Kernel: c.kernel}) == nil
}

// initNamed is the value of init=, "" without one.
func (c *choice) initNamed() string {
	named, _ := c.line.Last("init")
	return oneLine(named)
}

// enter does the work of try.
func (c *choice) enter(id activate.ID) error {
	if err := c.check(id, c.kernel); err != nil {
		return err
	}
	live, err := activate.LiveID(c.states.Usr())
	if err == nil && live == id {
		return nil
	}
	err = c.swap(id)
	// Once the new tree is live its state is active, whatever else went wrong.
	if live, e := activate.LiveID(c.states.Usr()); err != nil && e == nil && live == id {
		c.warn("state %s is active, but the tree before it could not be put away: %v", id, err)
		return nil
	}
	return err
}

// check tells whether a state could boot with a kernel. A tree in which this
// program finds a fault of its own is one more tree that cannot be booted, not
// the end of the boot.
func (c *choice) check(id activate.ID, kernel string) error {
	named, _ := c.line.Last("init")
	if c.bare {
		kernel = ""
	}
	return c.checkWith(id, activate.Checks{Init: named, Kernel: kernel})
}

func (c *choice) checkWith(id activate.ID, want activate.Checks) (err error) {
	defer recovered(&err, "panic while state %s was checked: %v", id)
	tree := c.tree(id)
	if tree != c.states.Usr() {
		if c.stuck != nil {
			return c.stuck
		}
		if err := c.states.Sealed(id); err != nil {
			return err
		}
	}
	return c.states.Check(tree, want)
}

func recovered(err *error, format string, id activate.ID) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf(format, id, cause)
	}
}

// swap exchanges the trees.
func (c *choice) swap(id activate.ID) (err error) {
	defer recovered(&err, "panic while state %s was activated: %v", id)
	if err := c.writable(); err != nil {
		c.stuck = &refusedError{err}
		return c.stuck
	}
	return c.refused(c.exchange(id))
}
