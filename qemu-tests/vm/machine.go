package vm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Machine is one running QEMU process. It lives until the guest powers off,
// Kill, Close or the end of the context that it was started with.
type Machine struct {
	*Console
	config Config
	events []event // not consumed yet
	off    bool    // the guest has powered itself off

	// The last reset, consumed or not, and the length of the text at it.
	reset     bool
	resetMark int

	monitor   *monitor
	migration string // what QEMU last said of one
	plugged   int    // disks

	process *process
	private string // variable store that goes with the machine, if it has one
	cleanup sync.Once
	closing error
}

// Start boots a machine and returns as soon as its processor runs. End of ctx
// kills it. Without QEMU the error is ErrNoQEMU.
func Start(ctx context.Context, config Config) (*Machine, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if _, err := exec.LookPath(program); err != nil {
		return nil, fmt.Errorf("start machine %s: %w", config.Name, ErrNoQEMU)
	}
	if config.Accel == "" {
		config.Accel = Accel(ctx)
	}
	m := &Machine{config: config}
	if err := m.launch(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start machine %s: %w", config.Name, err), m.Close())
	}
	return m, nil
}

func (m *Machine) launch(ctx context.Context) error {
	vars, private, err := m.config.variables()
	if err != nil {
		return err
	}
	if private {
		m.private = vars
	}
	args, err := m.config.args(vars)
	if err != nil {
		return err
	}
	log, err := openLog(m.config.logPath())
	if err != nil {
		return err
	}
	conn, theirs, err := socketPair()
	if err != nil {
		return errors.Join(err, log.Close())
	}
	m.process, err = spawn(ctx, args, theirs)
	_ = theirs.Close() // QEMU has inherited it
	if err != nil {
		return errors.Join(err, log.Close(), conn.Close())
	}
	if err := m.attach(log); err != nil {
		return errors.Join(err, log.Close(), conn.Close())
	}
	m.monitor = newMonitor(conn, m.notice)
	m.where = m.monitor.processors
	// The protocol starts with this; before it QEMU sends no event.
	if err := m.monitor.execute("qmp_capabilities"); err != nil {
		<-m.process.done
		return fmt.Errorf("%w: %w", err, m.process.end())
	}
	if m.config.Thaw != "" {
		return m.thaw(m.config.Thaw)
	}
	return nil
}

func (m *Machine) attach(log *os.File) (err error) {
	m.Console, err = newConsole(m.config.Name, newWatch(), m.process.in, m.process.out, log)
	if err != nil {
		return err
	}
	m.panics = m.config.Panics
	go func() {
		m.read()
		_, _ = log.Close(), m.process.out.Close()
		<-m.process.done
		_ = m.remove() // Close says when it cannot be done
		m.close(m.reason())
	}()
	return nil
}

// reason is why no text can come any more.
func (m *Machine) reason() error {
	m.Lock()
	defer m.Unlock()
	if m.off {
		return errors.New("the machine powered off")
	}
	return fmt.Errorf("QEMU has ended: %w", m.process.end())
}

// Kill cuts the power: what the guest has not handed to its disk is lost. It
// returns when the process is gone, so that the images may be used at once.
func (m *Machine) Kill() error {
	m.process.kill()
	<-m.process.done
	return nil
}

// Reset presses the reset button.
func (m *Machine) Reset() error { return m.monitor.execute("system_reset") }

// Close ends the machine if it still runs and removes everything but its log.
// It may be called more than once.
func (m *Machine) Close() error {
	m.cleanup.Do(func() {
		if m.process != nil {
			m.closing = errors.Join(m.closing, m.Kill())
		}
		if m.monitor != nil {
			_ = m.monitor.conn.Close()
		}
		m.closing = errors.Join(m.closing, m.remove())
	})
	return m.closing
}

// remove is called at the end of the process and by Close, whichever is first.
func (m *Machine) remove() error {
	if m.private == "" {
		return nil
	}
	if err := os.Remove(m.private); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Elapsed is the time since the process was started, stopped at its end.
func (m *Machine) Elapsed() time.Duration { return m.process.elapsed() }
