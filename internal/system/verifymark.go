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
	why, there := recorded(root, id, "reason")
	if there && why == "" {
		return "unknown"
	}
	return why
}

// recorded is a value of a failed state's file, and whether there is that file.
func recorded(root string, id state.ID, key string) (value string, there bool) {
	data, err := os.ReadFile(filepath.Join(failedDir(root), id.String()))
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, key+": "); ok {
			return strings.TrimSpace(value), true
		}
	}
	return "", true
}

// passing: early boot refused a state for a cause that may have been that boot's
// alone, such as a full disk.
func passing(root string, id state.ID) bool {
	boot, _ := recorded(root, id, "boot")
	return boot != ""
}

// dropPassed takes back what early boot held against states for a cause that may
// have passed, once a boot is good. What this very boot found stays: the next one
// goes straight to the good state, and the one after it tries again.
func dropPassed(root string) error {
	return dropRecords(root, func(id state.ID) bool {
		boot, _ := recorded(root, id, "boot")
		return boot != "" && boot != bootID()
	})
}

// dropGhosts takes back what is held against states that do not exist: an entry
// of the boot menu may have named one.
func dropGhosts(s *store.Store, root string) error {
	return dropRecords(root, func(id state.ID) bool {
		_, err := s.State(id)
		return errors.Is(err, state.ErrNotFound)
	})
}

func dropRecords(root string, which func(state.ID) bool) error {
	names, err := os.ReadDir(failedDir(root))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, name := range names {
		if id, err := activate.ParseID(name.Name()); err == nil && which(id) {
			errs = append(errs, takeBack(root, id))
		}
	}
	return errors.Join(errs...)
}

// bootID tells one boot from the next.
func bootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text))
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

// chosenAgain takes back what was held against a state that a person chose: with
// force all of it, or what a verification wrote would take the state out of the
// menu at the next sync, and early boot would refuse it.
func chosenAgain(opt Options, id state.ID) error {
	if opt.Force && failure(opt.Root, id) != "" {
		return takeBack(opt.Root, id)
	}
	_, err := clearFailed(opt.Root, id)
	return err
}

// mended takes back what early boot wrote of a state that a repair changed: it
// may boot now, and early boot does not try a tree twice.
func mended(root string, id state.ID) (bool, error) {
	if !feared(failure(root, id)) {
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
