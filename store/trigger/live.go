package trigger

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// afterExit is how long the output of a command is awaited that has ended but
// left somebody who holds it open, as what starts a service does.
const afterExit = time.Second

// RunLive carries out the commands of a system trigger on the running system:
// no sandbox, each in a session of its own with nothing to read, until one
// fails. limit is for all of them; 0 is DefaultLimit. The error is *Error or
// that of ctx.
func (j Job) RunLive(ctx context.Context, limit time.Duration, out *Output) error {
	limited, stop := context.WithTimeout(ctx, cmpOr(limit, DefaultLimit))
	defer stop()
	// Whoever runs moss may hide new files from others; what triggers make in
	// /etc is for all.
	defer unix.Umask(unix.Umask(0o022))
	for _, c := range j.Commands {
		err := c.live(limited, out)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return fmt.Errorf("run trigger %s: %w", j.Name, context.Cause(ctx))
		case limited.Err() != nil:
			return &Error{j.Name, c.String(), fmt.Sprintf("not done within %v", cmpOr(limit, DefaultLimit)), out.String()}
		default:
			return &Error{j.Name, c.String(), err.Error(), out.String()}
		}
	}
	return nil
}

func (c Command) live(ctx context.Context, out *Output) error {
	if len(c.Run) == 0 {
		return remove(c.Delete)
	}
	program, err := find(c.Run[0])
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Args, cmd.Env, cmd.Dir = c.Run, environ(), "/"
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = afterExit
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrWaitDelay):
		return nil
	case errors.As(err, &exit):
		return judge(unix.WaitStatus(exit.Sys().(syscall.WaitStatus)))
	}
	return err
}
