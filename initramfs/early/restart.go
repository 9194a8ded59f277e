package early

import (
	"errors"
	"fmt"
	"strings"

	"moss/internal/fault"
	"moss/store/activate"
)

// way is how to start another entry: by the loader that started this one, or
// without it.
type way interface {
	name() string
	// closed is why nothing can go this way, if so.
	closed() error
	// prepare leaves only leave to do; undo takes it back.
	prepare(e menuEntry) error
	undo() error
	// leave ends everything that runs, and returns only on an error.
	leave() error
}

// hop is one entry by one way.
type hop struct {
	way   way
	entry menuEntry
}

// restartInto restarts the machine into one of the entries, the best first. Where
// earlier restarts have led back here the next in the row gets its turn. It
// returns only an error.
func (b *Boot) restartInto(c *choice, able []menuEntry) error {
	if c.stuck != nil {
		return fmt.Errorf("no restart into another entry, which could not be counted: %w", c.stuck)
	}
	count := b.restarts()
	if count >= maxAttempts {
		return fmt.Errorf("no restart into another entry: %w", errAttempts())
	}
	row, why := b.hops(able)
	for i := range row {
		h := row[(count+i)%len(row)]
		err := b.leap(c, h)
		why = append(why, fmt.Sprintf("into state %s by %s: %v", h.entry.state, h.way.name(), err))
	}
	return errors.New("no restart into another entry: " + strings.Join(why, "; "))
}

// hops is what can be done, in order, and why the rest cannot.
func (b *Boot) hops(able []menuEntry) (row []hop, why []string) {
	for _, way := range []way{&byLoader{boot: b}, &byKexec{boot: b}} {
		if err := way.closed(); err != nil {
			why = append(why, fmt.Sprintf("by %s: %v", way.name(), err))
			continue
		}
		for _, e := range able {
			row = append(row, hop{way, e})
		}
	}
	return row, why
}

// leap makes one hop. What a boot loader or a partition makes this program trip
// over must not end the boot.
func (b *Boot) leap(c *choice, h hop) (err error) {
	defer recovered(&err, "panic on the way to state %s: %v", h.entry.state)
	if err := h.way.prepare(h.entry); err != nil {
		return err
	}
	b.console.Errorf("state %s cannot be booted: %s", c.wantedName(), c.outcome.Reason)
	b.console.Errorf("restart into state %s with kernel %s, by %s", h.entry.state, activate.Show(h.entry.kernel), h.way.name())
	err = b.raise(attempts{wanted: c.outcome.Wanted, next: h.entry.state, reason: c.outcome.Reason})
	if err == nil {
		err = fault.Point("early/restart")
	}
	if err == nil {
		if ro := b.mounted.restore(); ro != nil {
			b.console.warnf("%v", ro)
		}
		err = h.way.leave()
	}
	return errors.Join(err, h.way.undo())
}

// wantedName is the wanted state as a person wrote it.
func (c *choice) wantedName() string {
	text, _ := c.line.Last("moss.fstx")
	return activate.Show(text)
}
