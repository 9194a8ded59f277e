package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/store"
	"moss/store/activate"
	"moss/store/state"
)

// The folder /.moss/boot/failed has a file for each state that was refused: by
// early boot, which found that it cannot boot, by a verification that could not
// mend it, by a person, or because all its tries at the loader were used up.
// All write the same lines; the reason says who. Early boot's own have no mark.
const (
	verifyReason  = "verify: "
	handReason    = "marked bad by hand"
	countedReason = "none was blessed"
)

// feared says that a reason is early boot's: that the state runs disproves it.
// What a person said and what the counters say it does not.
func feared(why string) bool {
	return why != "" && !strings.HasPrefix(why, verifyReason) && !strings.HasPrefix(why, handReason) && !strings.HasSuffix(why, countedReason)
}

func failedDir(root string) string { return filepath.Join(root, store.Home, "boot/failed") }

// failure is the recorded reason for refusing a state, "" if there is none.
func failure(root string, id state.ID) string {
	data, err := os.ReadFile(filepath.Join(failedDir(root), id.String()))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if reason, ok := strings.CutPrefix(line, "reason: "); ok {
			return strings.TrimSpace(reason)
		}
	}
	return "unknown"
}

// badStates are those that a verification could not mend: the menu does not
// offer them. What early boot refused stays in it, for its reason may have been
// the machine's that day.
func badStates(root string) []state.ID {
	names, err := os.ReadDir(failedDir(root))
	if err != nil {
		return nil
	}
	var bad []state.ID
	for _, name := range names {
		id, err := activate.ParseID(name.Name())
		if err == nil && strings.HasPrefix(failure(root, id), verifyReason) {
			bad = append(bad, id)
		}
	}
	return bad
}

// markBad records, durably, that a state is damaged beyond repair.
func markBad(root string, id state.ID, why string, now time.Time) error {
	return markFailed(root, id, verifyReason+why, runningKernel(), now)
}

// markFailed records, durably, why a state is refused. The same reason is not
// written again: the first time is what a person looks for.
func markFailed(root string, id state.ID, reason, kernel string, now time.Time) error {
	dir := failedDir(root)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("mark state %d: %w", id, err)
	}
	reason = oneLine(reason)
	if failure(root, id) == reason {
		return nil
	}
	text := fmt.Sprintf("reason: %s\nkernel: %s\ntime: %s\n", reason, oneLine(kernel), now.UTC().Format(time.RFC3339))
	if err := atomicfile.Write(filepath.Join(dir, id.String()), []byte(text), 0o644); err != nil {
		return fmt.Errorf("mark state %d: %w", id, err)
	}
	return nil
}

// unmark takes back what markBad wrote, and nothing that early boot wrote.
func unmark(root string, id state.ID) (bool, error) {
	if !strings.HasPrefix(failure(root, id), verifyReason) {
		return false, nil
	}
	return true, takeBack(root, id)
}

func takeBack(root string, id state.ID) error {
	if err := os.Remove(filepath.Join(failedDir(root), id.String())); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take back the mark of state %d: %w", id, err)
	}
	return atomicfile.SyncDir(failedDir(root))
}

// clearFailed takes back what was held against a state, but nothing that a
// verification wrote.
func clearFailed(root string, id state.ID) (bool, error) {
	why := failure(root, id)
	if why == "" || strings.HasPrefix(why, verifyReason) {
		return false, nil
	}
	return true, takeBack(root, id)
}

// disproved takes back what early boot feared of a state that is live and that
// this machine has booted into: it does boot.
func disproved(opt Options, live, booted state.ID) error {
	if live == 0 || live != booted || !feared(failure(opt.Root, live)) {
		return nil
	}
	took, err := clearFailed(opt.Root, live)
	if took && err == nil {
		opt.Log(fmt.Sprintf("warning: early boot once refused state %d, which is running now: its mark is taken back", live))
	}
	return err
}

// refusal is failure, less what the running machine disproves.
func refusal(root string, id, booted state.ID) string {
	why := failure(root, id)
	if id == booted && feared(why) {
		return ""
	}
	return why
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func runningKernel() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}
