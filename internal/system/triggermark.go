package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"moss/internal/atomicfile"
	"moss/store"
	"moss/store/activate"
	"moss/store/state"
)

// Two small files, because early in a boot nothing else can be relied on:
// pending names a state whose system triggers are to run once it is live,
// triggered the last state for which all of them succeeded. A state that early
// boot activated by itself has no mark; it is the second file that tells.
const (
	pendingMark   = "boot/pending"
	triggeredMark = "boot/triggered"
)

func mark(root, name string) string { return filepath.Join(root, store.Home, name) }

// readMark is the state that a mark names, 0 if there is none that can be read:
// the worst that follows is that triggers run once more than needed.
func readMark(root, name string) state.ID {
	text, err := os.ReadFile(mark(root, name))
	if err != nil {
		return 0
	}
	id, err := activate.ParseID(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return id
}

func writeMark(root, name string, id state.ID) error {
	path := mark(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("mark triggers of state %d: %w", id, err)
	}
	if err := atomicfile.Write(path, []byte(id.String()+"\n"), 0o644); err != nil {
		return fmt.Errorf("mark triggers of state %d: %w", id, err)
	}
	return nil
}

// markPending records, durably, that the system triggers of a state have to run
// when it is live. It comes before the exchange, so that no cut loses them.
func markPending(root string, id state.ID) error { return writeMark(root, pendingMark, id) }

// isPending says whether the system triggers of the live state have yet to run.
func isPending(root string, live state.ID) bool {
	return live != 0 && (readMark(root, pendingMark) == live || readMark(root, triggeredMark) != live)
}

// clearPending records that the triggers of the live state are done. A mark for
// another state, which is still to become live, stays.
func clearPending(root string, live state.ID) error {
	if err := writeMark(root, triggeredMark, live); err != nil {
		return err
	}
	if readMark(root, pendingMark) != live {
		return nil
	}
	path := mark(root, pendingMark)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("mark triggers of state %d: %w", live, err)
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}
