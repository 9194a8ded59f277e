package early

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"moss/store/activate"
)

// fallBack takes the first state that works: an earlier one of the menu with the
// running kernel, an earlier one by a restart into its own entry, any that is
// there. States that failed before wait until the very end: even they are worth
// more than a machine that stands. After that come those that lack nothing but the
// modules of the running kernel, which has mounted the root without them. The reason
// stays that of the wanted state.
func (c *choice) fallBack() error {
	start := uptime()
	defer func() { c.outcome.FallbackTook = uptime() - start }()
	found := c.candidates()
	if c.first(1, found.first, c.fresh) {
		return nil
	}
	notes := c.elsewhere(found, found.first)
	all := c.lastRound(found)
	if c.first(3, found.rest, c.fresh) || c.first(3, all, anyState) {
		return nil
	}
	notes = append(notes, c.elsewhere(found, found.rest)...)
	if c.withoutModules(all) {
		return nil
	}
	return c.nothing(all, notes)
}

// lastRound is every state. The wanted one comes first when early boot alone holds
// something against it, which may have been a fault outside its tree that is mended
// by now; what the running system holds against it counts more.
func (c *choice) lastRound(found candidates) []activate.ID {
	wanted := []activate.ID{c.outcome.Wanted}
	if r, ok := c.record(c.outcome.Wanted); ok && r.tree != "" {
		return slices.Concat(wanted, found.first, found.rest)
	}
	return slices.Concat(found.first, found.rest, wanted)
}

// withoutModules activates a state that only lacks modules of the running kernel,
// the wanted one first.
func (c *choice) withoutModules(all []activate.ID) bool {
	c.bare = true
	for _, id := range slices.Concat([]activate.ID{c.outcome.Wanted}, all) {
		if !otherKernel(c.why[id]) || c.try(id) != nil {
			continue
		}
		c.outcome.Step, c.outcome.Fallback = 3, id != c.outcome.Wanted
		how := "booted without the modules of kernel " + activate.Show(c.kernel)
		c.outcome.Reason += "; " + how
		c.warn("state %s is %s, because no other state can boot", id, how)
		return true
	}
	c.bare = false
	return false
}

// fresh: nothing is held against a state under the running kernel.
func (c *choice) fresh(id activate.ID) bool { return c.failedBefore(id, c.kernel) == nil }

func anyState(activate.ID) bool { return true }

// first makes the first state of a list live that may be taken and works, each
// tried once a boot.
func (c *choice) first(step int, ids []activate.ID, may func(activate.ID) bool) bool {
	for _, id := range ids {
		if id == 0 || c.tried[id] || !may(id) {
			continue
		}
		before := c.failedBefore(id, c.kernel)
		if c.try(id) == nil {
			c.outcome.Step, c.outcome.Fallback = step, id != c.outcome.Wanted
			if before != nil {
				c.warn("state %s %v; it is activated because no other state can boot", id, before)
			}
			return true
		}
	}
	return false
}

// elsewhere restarts the machine into the entry of a state that could boot with
// another kernel. It comes back with lines that say why that was not to be.
func (c *choice) elsewhere(found candidates, ids []activate.ID) (notes []string) {
	var able []menuEntry
	for _, e := range found.others(c.kernel, ids) {
		err := c.failedBefore(e.state, e.kernel)
		if err == nil {
			err = c.check(e.state, e.kernel)
		}
		if err != nil {
			notes = append(notes, fmt.Sprintf("state %s with kernel %s: %v", e.state, activate.Show(e.kernel), err))
			continue
		}
		able = append(able, e)
	}
	if len(able) == 0 || c.restart == nil {
		return notes
	}
	err := c.restart(able)
	c.warn("%v", err)
	return append(notes, err.Error())
}

// nothing is the error when no state can boot: each with its reason.
func (c *choice) nothing(all []activate.ID, notes []string) error {
	lines := []string{"no state can boot: " + c.outcome.Reason}
	for _, id := range all {
		if err := c.why[id]; err != nil && id != c.outcome.Wanted {
			lines = append(lines, fmt.Sprintf("  state %s: %v", id, err))
		}
	}
	for _, note := range notes {
		lines = append(lines, "  "+strings.ReplaceAll(note, "\n", "\n  "))
	}
	return errors.New(strings.Join(lines, "\n"))
}
