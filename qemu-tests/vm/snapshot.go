package vm

import (
	"encoding/json"
	"errors"
	"fmt"
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

// human runs a command of the monitor for people. It says nothing when it works.
func (m *monitor) human(line string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := fmt.Fprintf(m.conn, "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":%q}}\n", line); err != nil {
		return err
	}
	select {
	case msg := <-m.answer:
		var said string
		if msg.Error != nil {
			said = msg.Error.Desc
		} else if err := json.Unmarshal(msg.Return, &said); err != nil {
			return err
		}
		if said != "" {
			return errors.New(said)
		}
		return nil
	case <-m.closed:
		return errors.New("QEMU has ended")
	}
}
