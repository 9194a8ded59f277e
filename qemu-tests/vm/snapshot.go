package vm

import (
	"errors"
	"fmt"
	"time"
)

// Save keeps the machine, as it is at this moment, in its disks, all of which must
// be qcow2: a machine that is started with Config.Resume of that name goes on from
// there, in a second and as often as wanted. What an earlier one wrote since
// is gone then.
func (m *Machine) Save(name string) error {
	if err := m.monitor.human("savevm " + name); err != nil {
		return fmt.Errorf("%s: save as %s: %w", m.name, name, err)
	}
	return nil
}

// Freeze stops the machine and writes what it is at this moment, but for the content
// of its disks, to a file: machines that are started with it as Config.Thaw go on
// from there, in a second, and several at a time. This one ends.
func (m *Machine) Freeze(path string, limit time.Duration) error {
	err := m.freeze(path, limit)
	if err == nil {
		err = m.Kill()
	}
	if err != nil {
		return fmt.Errorf("%s: freeze as %s: %w", m.name, path, err)
	}
	return nil
}

func (m *Machine) freeze(path string, limit time.Duration) error {
	if err := m.monitor.execute("stop"); err != nil {
		return err
	}
	return m.migrate("migrate -d "+word("exec:cat > "+quote(path)), limit)
}

// thaw is Freeze backwards, in a machine that waits for it.
func (m *Machine) thaw(path string) error {
	if err := m.migrate("migrate_incoming "+word("exec:cat "+quote(path)), thawLimit); err != nil {
		return fmt.Errorf("thaw %s: %w", path, err)
	}
	return m.monitor.execute("cont")
}

// thawLimit is far above the second that it takes.
const thawLimit = time.Minute

// migrate has QEMU write or read a machine's state and waits for its end.
func (m *Machine) migrate(command string, limit time.Duration) error {
	for _, line := range []string{
		"migrate_set_capability events on",
		"migrate_set_parameter max-bandwidth 8G", // it would spare a network
		command,
	} {
		if err := m.monitor.human(line); err != nil {
			return err
		}
	}
	return m.until("the end of a migration", limit, func() (bool, error) {
		if m.migration == "failed" {
			return false, errors.New("it failed")
		}
		return m.migration == "completed", nil
	})
}
