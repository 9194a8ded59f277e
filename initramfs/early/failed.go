package early

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/activate"
)

// record is what .moss/boot/failed/<id> says of a state that cannot work. The
// running system writes some as well: those have no tree, and it takes them back
// itself.
type record struct {
	reason, kernel, time string
	// tree is which tree failed, so that another one under the same number is
	// tried again. scope is "kernel" when it failed under that kernel only. init is
	// the init= that it failed with: without that word it is tried again.
	tree, scope, init string
	// boot is the id of the boot that it failed in, when the cause may have been that
	// boot's: the running system drops the record after the next good one.
	boot string
}

// maxRecord bounds what is read of a record, in bytes.
const maxRecord = 16 << 10

func (c *choice) recordPath(id activate.ID) string {
	return filepath.Join(c.states.Dir(), ".moss/boot/failed", id.String())
}

// record reads what is recorded of a state; ok is false for nothing. One that
// cannot be read says nothing: a damaged disk must not take states away.
func (c *choice) record(id activate.ID) (r record, ok bool) {
	text, err := readBounded(c.recordPath(id), maxRecord)
	if err != nil {
		return record{}, false
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "reason":
			r.reason = value
		case "kernel":
			r.kernel = value
		case "time":
			r.time = value
		case "tree":
			r.tree = value
		case "scope":
			r.scope = value
		case "init":
			r.init = value
		case "boot":
			r.boot = value
		}
	}
	return r, true
}

// failedBefore is why a state is not tried again under a kernel, nil when it is.
func (c *choice) failedBefore(id activate.ID, kernel string) error {
	r, ok := c.record(id)
	if !ok || r.scope == "kernel" && r.kernel != kernel {
		return nil
	}
	if r.tree != "" && (r.tree != identity(c.tree(id)) || r.init != c.initNamed()) {
		return nil
	}
	// The running system knows of the damage and goes on offering what is live.
	if r.tree == "" && strings.HasPrefix(r.reason, "verify: ") && c.tree(id) == c.states.Usr() {
		return nil
	}
	return fmt.Errorf("failed before (%s): %s", activate.Show(cmp.Or(r.time, "time unknown")), cmp.Or(printable(r.reason), "no reason was given"))
}

// printable: a record is a file that anything may have happened to, and it goes
// to the console.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

// tree is where a state's tree is, or would be.
func (c *choice) tree(id activate.ID) string {
	if live, err := activate.LiveID(c.states.Usr()); err == nil && live == id {
		return c.states.Usr()
	}
	return c.states.Archive(id)
}

// identity tells one tree of a number from the next: making and mending a tree
// seals it anew. A name that changes on the way to /usr and back does not count.
func identity(tree string) string {
	var seal unix.Stat_t
	if err := unix.Lstat(filepath.Join(tree, ".stateID"), &seal); err != nil {
		return "none"
	}
	return fmt.Sprintf("%d-%d", seal.Ino, seal.Ctim.Nano())
}

// remember writes .moss/boot/failed/<id>, durably. A record that says the same
// already is left alone, its time included: the first failure is what a person
// looks for, and a machine that falls back at every boot must not wear its disk.
// So is one of the running system, which knows more.
func (c *choice) remember(id activate.ID, cause error) error {
	r := record{reason: oneLine(cause.Error()), kernel: oneLine(c.kernel), tree: identity(c.tree(id)), init: c.initNamed()}
	if otherKernel(cause) {
		r.scope = "kernel"
	}
	if before, ok := c.record(id); ok && before.reason != "" {
		r.time, r.boot = before.time, before.boot
		if before.tree == "" || before == r {
			return nil
		}
	}
	if err := c.writable(); err != nil {
		return err
	}
	if err := fault.Point("early/failed"); err != nil {
		return err
	}
	if err := makeDurable(c.states.Dir(), ".moss", "boot", "failed"); err != nil {
		return err
	}
	text := fmt.Sprintf("reason: %s\nkernel: %s\ntime: %s\ntree: %s\n", r.reason, r.kernel, c.now().UTC().Format(time.RFC3339), r.tree)
	if r.scope != "" {
		text += "scope: " + r.scope + "\n"
	}
	if r.init != "" {
		text += "init: " + r.init + "\n"
	}
	if passing(cause) {
		text += "boot: " + bootID() + "\n"
	}
	return atomicfile.Write(c.recordPath(id), []byte(text), 0o644)
}

// forgive removes the record of a state that works now, unless it is about
// another kernel or somebody else's.
func (c *choice) forgive(id activate.ID) error {
	r, ok := c.record(id)
	if !ok || r.tree == "" || r.scope == "kernel" && r.kernel != c.kernel {
		return nil
	}
	if err := fault.Point("early/forgive"); err != nil {
		return err
	}
	return c.remove(c.recordPath(id))
}

// remove takes a file of ours away, durably.
func (c *choice) remove(path string) error {
	if err := c.writable(); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// makeDurable makes a chain of folders below dir, each name synced in turn.
func makeDurable(dir string, names ...string) error {
	for _, name := range names {
		err := os.Mkdir(filepath.Join(dir, name), 0o755)
		if err == nil {
			err = atomicfile.SyncDir(dir)
		}
		if err != nil && !os.IsExist(err) {
			return err
		}
		dir = filepath.Join(dir, name)
	}
	return nil
}

// oneLine keeps a value on its line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
