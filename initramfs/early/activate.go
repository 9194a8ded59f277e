package early

import (
	"errors"
	"fmt"
	"strings"
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

	tried   map[activate.ID]error
	outcome Outcome
}

// Outcome is what activation came to. Fields are as in boot.json.
type Outcome struct {
	// Wanted is the state of moss.fstx=, 0 when the command line names none.
	Wanted activate.ID
	// Activated is the state whose tree is /usr now, 0 when that is unsealed.
	Activated activate.ID
	// Fallback is set when Activated was chosen because Wanted cannot work.
	Fallback bool
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
	c := &choice{
		states: b.states(), line: b.line, kernel: b.kernel, warn: b.console.warnf, now: time.Now,
		writable: b.mounted.writable,
	}
	err := c.run()
	b.report.Outcome = c.outcome
	return err
}

func (c *choice) run() error {
	c.tried = map[activate.ID]error{}
	text, ok := c.line.Last("moss.fstx")
	if !ok {
		return c.leave()
	}
	wanted, err := activate.ParseID(text)
	if err != nil {
		err = fmt.Errorf("moss.fstx=%s: %w", activate.Show(text), err)
	} else {
		c.outcome.Wanted = wanted
		err = c.try(wanted)
	}
	if err == nil {
		return nil
	}
	c.outcome.Reason = err.Error()
	if value, _ := c.line.Last("moss.fallback"); value == "off" {
		return fmt.Errorf("state %s was asked for, and moss.fallback=off allows no other: %w", activate.Show(text), err)
	}
	return c.fallBack(err)
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

// fallBack takes the first state that works. The reason stays that of the
// wanted state.
func (c *choice) fallBack(cause error) error {
	start := uptime()
	defer func() { c.outcome.FallbackTook = uptime() - start }()
	candidates, err := c.candidates()
	if err != nil {
		return errors.Join(cause, err)
	}
	for _, id := range candidates {
		if c.try(id) == nil {
			c.outcome.Fallback = true
			return nil
		}
	}
	return c.nothing(candidates)
}

// nothing is the error when no state can boot: each with its reason.
func (c *choice) nothing(candidates []activate.ID) error {
	lines := []string{"no state can boot: " + c.outcome.Reason}
	for _, id := range candidates {
		lines = append(lines, fmt.Sprintf("  state %s: %v", id, c.tried[id]))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// try makes a state live if it can boot. Why it cannot is remembered on the
// root, so that the running system and its boot menu learn of it; a state that
// only lacks modules for the running kernel is blamed when that very state was
// asked for, and otherwise just passed over.
func (c *choice) try(id activate.ID) error {
	err := c.enter(id)
	c.tried[id] = err
	if err == nil {
		c.outcome.Activated = id
		return nil
	}
	if because, ok := errors.AsType[*activate.CannotBoot](err); ok && because.OtherKernel && id != c.outcome.Wanted {
		return err
	}
	c.outcome.Failed = append(c.outcome.Failed, Failure{id, err.Error()})
	if err := c.remember(id, err.Error()); err != nil {
		c.warn("the failure of state %s could not be recorded: %v", id, err)
	}
	return err
}

// enter does the work of try. A tree in which this program finds a fault of its
// own is one more tree that cannot be booted, not the end of the boot.
func (c *choice) enter(id activate.ID) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic while state %s was activated: %v", id, cause)
		}
	}()
	named, _ := c.line.Last("init")
	checks := activate.Checks{Init: named, Kernel: c.kernel}
	live, err := activate.LiveID(c.states.Usr())
	if err == nil && live == id {
		return c.states.Check(c.states.Usr(), checks)
	}
	if err := c.states.Sealed(id); err != nil {
		return err
	}
	if err := c.states.Check(c.states.Archive(id), checks); err != nil {
		return err
	}
	if err := c.writable(); err != nil {
		return err
	}
	err = c.states.Exchange(id)
	if live, e := activate.LiveID(c.states.Usr()); err != nil && e == nil && live == id {
		c.warn("state %s is active, but the tree before it could not be put away: %v", id, err)
		return nil
	}
	return err
}
