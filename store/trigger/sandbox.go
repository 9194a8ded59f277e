package trigger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sandbox is where transaction triggers run: the staged tree under an overlay,
// the root's /etc read-only, and nothing else of the host.
type Sandbox struct {
	Usr   string            // the staged tree, only read
	Etc   string            // shown as /etc, read-only; "" or missing: empty
	Links map[string]string // names at the root and the text of their links, as bin to usr/bin
	Work  string            // an empty folder on the file system of Usr, the caller's to remove
	Limit time.Duration     // for all commands of one trigger; 0 is DefaultLimit
	// Processes that may exist at once; 0 is DefaultProcesses.
	Processes int
	// Memory puts what triggers write into memory instead of Work.
	Memory bool
}

// DefaultLimit is generous: the slowest real one (hwdb, icon caches) takes seconds.
const DefaultLimit = 5 * time.Minute

// DefaultProcesses bounds a fork bomb.
const DefaultProcesses = 1024

// SandboxError says that this machine cannot make a sandbox. Nothing ran.
type SandboxError struct{ Err error }

func (e *SandboxError) Error() string {
	return fmt.Sprintf("make the sandbox for triggers: %v", e.Err)
}
func (e *SandboxError) Unwrap() error { return e.Err }

// Hint says how to do without.
func (e *SandboxError) Hint() string {
	return "run as root outside a restricted container, or use --no-triggers and run them later: moss trigger run"
}

// Error is a trigger that went wrong.
type Error struct {
	Trigger string
	Command string // the command that did, "" when none was begun
	Why     string
	Output  string // head and tail of what it printed
}

func (e *Error) Error() string {
	text := "run trigger " + e.Trigger + ": "
	if e.Command != "" {
		text += e.Command + ": "
	}
	if last := lastLine(e.Output); last != "" {
		return text + e.Why + ": " + last
	}
	return text + e.Why
}

// Lines are the beginning and the end of what the trigger printed.
func (e *Error) Lines() []string { return ends(Lines(e.Output)) }

// Hint says what can be done.
func (e *Error) Hint() string {
	return "mend what the trigger complains of; --no-triggers makes the state without running any"
}

// request is what the parent asks of the process in the sandbox, result the answer.
type request struct {
	Base, Usr, Work, Etc string
	Links                map[string]string
	Processes            int
	Memory               bool // descriptor 5 is the memory file system to write to
	Commands             []Command
}

type result struct {
	Done    bool
	Overlay bool   // Setup failed because the overlay could not be mounted on Work
	Setup   string // why the sandbox could not be made
	Command string
	Why     string
}

// Written is what a trigger wrote, for Changes. Close it.
type Written struct{ dir *os.File }

// Close lets go of it; what was in memory is gone then.
func (w *Written) Close() error { return w.dir.Close() }

// Run carries out the commands of a job, one after the other, until one fails.
// The output goes to out. When it returns nothing of the sandbox is left
// running, whatever the commands left behind; the same holds when this process
// dies. The error is *Error, *SandboxError or that of ctx.
func (s Sandbox) Run(ctx context.Context, job Job, out *Output) (*Written, error) {
	if os.Geteuid() != 0 {
		return nil, &SandboxError{errors.New("only root can")}
	}
	limited, stop := context.WithTimeout(ctx, cmpOr(s.Limit, DefaultLimit))
	defer stop()
	memory, err := s.prepare()
	if err != nil {
		return nil, &SandboxError{err}
	}
	got, err := s.start(limited, job, memory, out)
	switch {
	case err == nil && got.Done:
		return s.written(memory)
	case got.Setup != "":
		err = &SandboxError{errors.New(got.Setup)}
		if got.Overlay && !s.Memory {
			err = &SandboxError{errOverlay}
		}
	case ctx.Err() != nil:
		err = fmt.Errorf("run trigger %s: %w", job.Name, context.Cause(ctx))
	case limited.Err() != nil:
		err = &Error{job.Name, job.show(), fmt.Sprintf("not done within %v", cmpOr(s.Limit, DefaultLimit)), out.String()}
	case got.Why != "":
		err = &Error{job.Name, got.Command, got.Why, out.String()}
	case err != nil && !isExit(err):
		err = &SandboxError{err}
	default:
		err = &Error{job.Name, job.show(), "its sandbox was ended from inside", out.String()}
	}
	if memory != nil {
		err = errors.Join(err, memory.Close())
	}
	return nil, err
}

// errOverlay marks the one fault that writing to memory may get around.
var errOverlay = errors.New("mount /usr: no overlay can be mounted with its writes on this file system")

// NeedsMemory says that Run failed because the overlay cannot write to the file
// system of Work (another overlay, as in containers): Memory may do.
func NeedsMemory(err error) bool { return errors.Is(err, errOverlay) }

func isExit(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit)
}

func cmpOr[T comparable](a, b T) T {
	var zero T
	if a == zero {
		return b
	}
	return a
}

func (j Job) show() string {
	if len(j.Commands) == 1 {
		return j.Commands[0].String()
	}
	return ""
}

// prepare makes the folders that the sandbox mounts on.
func (s Sandbox) prepare() (memory *os.File, err error) {
	for _, name := range []string{"root", "upper", "work"} {
		// The upper folder's mode is that of /usr in the sandbox.
		dir := filepath.Join(s.Work, name)
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
			return nil, err
		}
	}
	if !s.Memory {
		return nil, nil
	}
	return memoryMount()
}

// memoryMount makes a memory file system that is mounted nowhere: it lives as
// long as somebody has the descriptor, so that it outlives the sandbox and not
// this process.
func memoryMount() (*os.File, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a memory file system: %w", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, fmt.Errorf("make a memory file system: %w", err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID)
	if err != nil {
		return nil, fmt.Errorf("make a memory file system: %w", err)
	}
	dir := os.NewFile(uintptr(mount), "memory")
	for _, name := range []string{"upper", "work"} {
		if err := errors.Join(unix.Mkdirat(mount, name, 0o755), unix.Fchmodat(mount, name, 0o755, 0)); err != nil {
			return nil, errors.Join(err, dir.Close())
		}
	}
	return dir, nil
}

func (s Sandbox) written(memory *os.File) (*Written, error) {
	at, name := unix.AT_FDCWD, filepath.Join(s.Work, "upper")
	if memory != nil {
		defer memory.Close()
		at, name = int(memory.Fd()), "upper"
	}
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("read what triggers wrote: %w", err)
	}
	return &Written{os.NewFile(uintptr(fd), under(fd))}, nil
}

// start runs this program again as process 1 of the sandbox. The pipe `life` is
// never written to: its end tells the sandbox that this process is gone, and
// with process 1 the kernel ends every other process of the sandbox.
func (s Sandbox) start(ctx context.Context, job Job, memory *os.File, out *Output) (got result, err error) {
	ask, err := json.Marshal(request{filepath.Dir(s.Usr), filepath.Base(s.Usr), s.Work, s.Etc, s.Links,
		cmpOr(s.Processes, DefaultProcesses), s.Memory, job.Commands})
	if err != nil {
		return got, err
	}
	answerR, answerW, err := os.Pipe()
	if err != nil {
		return got, err
	}
	defer answerR.Close()
	lifeR, lifeW, err := os.Pipe()
	if err != nil {
		return got, errors.Join(err, answerW.Close())
	}
	defer lifeW.Close()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", sandboxArgument)
	cmd.Args[0] = "moss-trigger"
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(ask), out, out
	cmd.ExtraFiles = []*os.File{answerW, lifeR}
	if memory != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, memory)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID |
		unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP}
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Start()
	answerW.Close()
	lifeR.Close()
	if err != nil {
		return got, fmt.Errorf("start it in namespaces of its own: %w", err)
	}
	text, readErr := io.ReadAll(io.LimitReader(answerR, 1<<20))
	err = cmd.Wait()
	if readErr == nil && len(text) > 0 {
		readErr = json.Unmarshal(text, &got)
	}
	return got, errors.Join(err, readErr)
}
