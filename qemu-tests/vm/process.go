package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// process is QEMU as the kernel sees it.
type process struct {
	cmd     *exec.Cmd
	in, out *os.File
	stderr  bytes.Buffer // complete when done is closed
	started time.Time
	ended   atomic.Int64 // nanoseconds since started
	result  error        // of its end, valid when done is closed
	done    chan struct{}
}

// spawn starts QEMU with the monitor's socket as descriptor 3. It is killed with
// ctx, and with this process: a test that is killed leaves no machine behind.
func spawn(ctx context.Context, args []string, monitor *os.File) (*process, error) {
	theirIn, ourIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourOut, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), ourIn.Close())
	}
	p := &process{cmd: exec.CommandContext(ctx, program, args...), in: ourIn, out: ourOut, done: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirIn, theirOut, &p.stderr
	p.cmd.ExtraFiles = []*os.File{monitor}
	// An own process group: a Ctrl-C in the terminal ends the test, which then
	// ends its machines in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go p.run(started)
	err = <-started
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		return nil, errors.Join(err, ourIn.Close(), ourOut.Close())
	}
	return p, nil
}

// run keeps its thread for the life of the process: the parent-death signal is
// sent when the thread that started the child ends (prctl(2)), and the Go
// runtime ends idle threads as it likes.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	p.started = time.Now()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.result = p.cmd.Wait()
	p.ended.Store(int64(time.Since(p.started)))
	_ = p.in.Close()
	close(p.done)
}

func (p *process) kill() { _ = p.cmd.Process.Kill() }

// end says how the process ended, with what QEMU said about it.
func (p *process) end() error {
	text := bytes.TrimSpace(p.stderr.Bytes())
	if p.result == nil {
		return fmt.Errorf("status 0 %s", text)
	}
	return fmt.Errorf("%w %s", p.result, text)
}

func (p *process) elapsed() time.Duration {
	if d := p.ended.Load(); d != 0 {
		return time.Duration(d)
	}
	return time.Since(p.started)
}
