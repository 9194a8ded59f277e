package vm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// monitor is QEMU's machine protocol: one JSON object a line, answers and
// events mixed (docs/interop/qmp-spec in QEMU's source).
type monitor struct {
	conn   io.ReadWriteCloser
	event  func(name, reason string, guest bool)
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
		Reason string
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

func newMonitor(conn io.ReadWriteCloser, event func(name, reason string, guest bool)) *monitor {
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
			m.event(msg.Event, msg.Data.Reason, msg.Data.Guest)
		case msg.Return != nil || msg.Error != nil:
			m.answer <- msg
		}
	}
}

// execute sends one command without arguments and waits for its answer. It ends
// when QEMU does.
func (m *monitor) execute(command string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := fmt.Fprintf(m.conn, "{\"execute\":%q}\n", command); err != nil {
		return fmt.Errorf("tell QEMU to %s: %w", command, err)
	}
	select {
	case msg := <-m.answer:
		if msg.Error != nil {
			return fmt.Errorf("tell QEMU to %s: %s", command, msg.Error.Desc)
		}
		return nil
	case <-m.closed:
		return fmt.Errorf("tell QEMU to %s: it has ended", command)
	}
}
