package early

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/activate"
)

// remember writes .moss/boot/failed/<id>, durably. A record that says the same
// already is left alone, its time included: the first failure is what a person
// looks for, and a machine that falls back at every boot must not wear its disk.
func (c *choice) remember(id activate.ID, reason string) error {
	dir := filepath.Join(c.states.Dir(), ".moss/boot/failed")
	path := filepath.Join(dir, id.String())
	what := fmt.Sprintf("reason: %s\nkernel: %s\n", oneLine(reason), oneLine(c.kernel))
	if before, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(before), what) {
		return nil
	}
	if err := c.writable(); err != nil {
		return err
	}
	if err := fault.Point("early/failed"); err != nil {
		return err
	}
	if err := makeDurable(c.states.Dir(), ".moss", "boot", "failed"); err != nil {
		return err
	}
	text := what + "time: " + c.now().UTC().Format(time.RFC3339) + "\n"
	return atomicfile.Write(path, []byte(text), 0o644)
}

// makeDurable makes a chain of folders below dir, each name synced in turn.
func makeDurable(dir string, names ...string) error {
	for _, name := range names {
		err := os.Mkdir(filepath.Join(dir, name), 0o755)
		if err == nil {
			err = atomicfile.SyncDir(dir)
		}
		if err != nil && !os.IsExist(err) {
			return err
		}
		dir = filepath.Join(dir, name)
	}
	return nil
}

// oneLine keeps a value on its line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
