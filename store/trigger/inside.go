package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"
)

// sandboxArgument makes a program that has the hook process 1 of a sandbox. One
// that has not takes it for an unknown flag and ends.
const sandboxArgument = "-moss-trigger-sandbox"

// Sandboxed says whether args (os.Args) are those of the process that Run
// starts. A program that uses Run must ask this before anything else, and call
// RunSandboxed if so.
func Sandboxed(args []string) bool { return len(args) == 2 && args[1] == sandboxArgument }

// Descriptors that the sandbox is given beside the standard ones.
const (
	answerFD = 3 + iota
	lifeFD
	memoryFD
)

// RunSandboxed is the life of process 1 of a sandbox: make the new root, give up
// what is not needed, run the commands, say how it went. It does not return.
func RunSandboxed() {
	// Capabilities, securebits and seccomp filters belong to a thread; what this
	// one starts inherits them.
	runtime.LockOSThread()
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "moss: "+sandboxArgument+" is for moss itself")
		os.Exit(2)
	}
	// A handler for every signal: nothing that runs here may end process 1 by
	// mistake. Ignoring them would be inherited by the commands.
	signal.Notify(make(chan os.Signal, 1))
	unix.Umask(0o022)
	for fd := answerFD; fd <= memoryFD; fd++ {
		unix.CloseOnExec(fd)
	}
	go endWithParent()
	answer := inside()
	out := os.NewFile(answerFD, "answer")
	err := json.NewEncoder(out).Encode(answer)
	if err != nil || !answer.Done {
		os.Exit(1)
	}
	os.Exit(0)
}

func endWithParent() {
	_, _ = os.NewFile(lifeFD, "life").Read(make([]byte, 1))
	os.Exit(1)
}

func inside() result {
	var ask request
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = json.Unmarshal(text, &ask)
	}
	if err != nil {
		return result{Setup: "read the request: " + err.Error()}
	}
	if err := enter(ask); err != nil {
		return result{Setup: err.Error(), Overlay: errors.Is(err, errOverlay)}
	}
	if err := giveUp(); err != nil {
		return result{Setup: err.Error()}
	}
	watch := &watchdog{limit: ask.Processes}
	go watch.run()
	for _, command := range ask.Commands {
		err := command.carryOut()
		killRest()
		if watch.barked.Load() {
			err = fmt.Errorf("killed: more than %d processes", ask.Processes)
		}
		if err != nil {
			return result{Command: command.String(), Why: err.Error()}
		}
	}
	return result{Done: true}
}
