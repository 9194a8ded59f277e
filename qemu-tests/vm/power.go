package vm

import (
	"bytes"
	"fmt"
	"time"
)

// event is a change of the machine's power that the guest made.
type event struct {
	powerOff bool
	mark     int // length of the console's text when it came
}

// notice runs on the monitor's reader. Changes of the power that the guest did not
// cause are not recorded: they are answers to what the test itself did.
func (m *Machine) notice(msg message) {
	switch msg.Event {
	case "MIGRATION":
		m.Lock()
		defer m.Unlock()
		m.migration = msg.Data.Status
		m.broadcast()
	case "RESET", "SHUTDOWN":
		m.power(msg.Event == "SHUTDOWN", msg.Data.Guest)
	}
}

func (m *Machine) power(off, guest bool) {
	// What the guest printed before the event is in the pipe by now: take it
	// first. On an error the reader will find the same one.
	_ = m.out.Control(func(fd uintptr) {
		m.Lock()
		defer m.Unlock()
		m.drain(int(fd))
		m.record(event{powerOff: off, mark: len(m.text)}, guest)
	})
	if off && guest {
		// The process waits for this; not from here, where its answer is read.
		go func() { _ = m.monitor.execute("quit") }()
	}
}

// record takes resets between which nothing is printed for one: a kernel that
// tries several ways to reset makes more than one, and a PC BIOS resets once
// more by itself when it starts from a reset.
func (m *Machine) record(e event, guest bool) {
	again := m.reset && !e.powerOff && len(bytes.TrimSpace(m.text[m.resetMark:])) == 0
	m.reset, m.resetMark = !e.powerOff, e.mark
	if guest && !again {
		m.off = e.powerOff
		m.events = append(m.events, e)
		m.broadcast()
	}
}

// WaitReboot waits until the guest reboots and consumes the text up to there, so
// that Expect looks only at the next boot. A power off or a panic ends it with
// an error.
func (m *Machine) WaitReboot(limit time.Duration) error {
	return m.until("reboot", limit, func() (bool, error) {
		e, err := m.take(false)
		if e != nil {
			m.pos = max(m.pos, e.mark)
		}
		return e != nil, err
	})
}

// WaitPowerOff waits until the guest has powered itself off and the process is
// gone. A reboot or a panic ends it with an error.
func (m *Machine) WaitPowerOff(limit time.Duration) error {
	start := time.Now()
	err := m.until("power off", limit, func() (bool, error) {
		e, err := m.take(true)
		return e != nil, err
	})
	if err != nil {
		return err
	}
	select {
	case <-m.process.done:
		return nil
	case <-time.After(limit - time.Since(start)):
		return fmt.Errorf("%s: QEMU does not end after the guest's power off", m.name)
	}
}

// take consumes the next event if it is of the kind that is wanted; any other
// is an error, for it means that the guest did something else.
func (m *Machine) take(powerOff bool) (*event, error) {
	if len(m.events) == 0 {
		return nil, nil
	}
	e := m.events[0]
	if e.powerOff != powerOff {
		return nil, fmt.Errorf("the machine %s", e)
	}
	m.events = m.events[1:]
	return &e, nil
}

func (e event) String() string {
	if e.powerOff {
		return "powered off"
	}
	return "rebooted"
}
