package vm

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// monitor is QEMU's machine protocol: one JSON object a line, answers and
// events mixed (docs/interop/qmp-spec in QEMU's source).
type monitor struct {
	conn   io.ReadWriteCloser
	event  func(message)
	mu     sync.Mutex
	answer chan message
	closed chan struct{}
}

type message struct {
	Return json.RawMessage               `json:"return"`
	Error  *struct{ Class, Desc string } `json:"error"`
	Event  string                        `json:"event"`
	Data   struct {
		Guest  bool
		Status string
	} `json:"data"`
}

// socketPair returns our end and the one that QEMU inherits: no path, so
// nothing to wait for and nothing to remove.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "qmp"), os.NewFile(uintptr(fds[1]), "qmp of QEMU")
	conn, err := net.FileConn(ours)
	_ = ours.Close() // FileConn has its own copy
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	return conn, theirs, nil
}

func newMonitor(conn io.ReadWriteCloser, event func(message)) *monitor {
	m := &monitor{conn: conn, event: event, answer: make(chan message, 1), closed: make(chan struct{})}
	go m.read()
	return m
}

func (m *monitor) read() {
	defer close(m.closed)
	lines := bufio.NewReader(m.conn)
	for {
		line, err := lines.ReadBytes('\n')
		var msg message
		if err != nil || json.Unmarshal(line, &msg) != nil {
			return
		}
		switch {
		case msg.Event != "":
			m.event(msg)
		case msg.Return != nil || msg.Error != nil:
			m.answer <- msg
		}
	}
}

// execute sends one command without arguments and waits for its answer. It ends
// when QEMU does.
func (m *monitor) execute(command string) error {
	if _, err := m.send(fmt.Sprintf("{\"execute\":%q}\n", command)); err != nil {
		return fmt.Errorf("tell QEMU to %s: %w", command, err)
	}
	return nil
}

// human runs a command of the monitor for people. It says nothing, or OK, when it
// works.
func (m *monitor) human(line string) error {
	answer, err := m.send(fmt.Sprintf("{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":%q}}\n", line))
	if err != nil {
		return err
	}
	var said string
	if err := json.Unmarshal(answer, &said); err != nil {
		return err
	}
	if said = strings.TrimSpace(said); said != "" && said != "OK" {
		return errors.New(said)
	}
	return nil
}

// word makes one argument of a command for people of any text without a line's end.
func word(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func (m *monitor) send(command string) (json.RawMessage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := io.WriteString(m.conn, command); err != nil {
		return nil, err
	}
	select {
	case msg := <-m.answer:
		if msg.Error != nil {
			return nil, errors.New(msg.Error.Desc)
		}
		return msg.Return, nil
	case <-m.closed:
		return nil, errors.New("it has ended")
	}
}
