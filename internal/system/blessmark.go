package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/internal/atomicfile"
	"moss/store"
	"moss/store/activate"
	"moss/store/state"
)

// goodState is the last state that a boot was blessed of, 0 when none was.
func goodState(root string) state.ID {
	text, err := os.ReadFile(filepath.Join(root, store.Home, "boot", "good"))
	if err != nil {
		return 0
	}
	id, err := activate.ParseID(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return id
}

// lastGood is goodState, unless that state is gone.
func lastGood(root string, rows []state.State) state.ID {
	good := goodState(root)
	if slices.ContainsFunc(rows, func(row state.State) bool { return row.ID == good }) {
		return good
	}
	return 0
}

func recordGood(root string, id state.ID) error {
	if goodState(root) == id {
		return nil
	}
	path, err := bootFile(root, "good")
	if err == nil {
		err = atomicfile.Write(path, []byte(id.String()+"\n"), 0o644)
	}
	if err != nil {
		return fmt.Errorf("record state %d as good: %w", id, err)
	}
	return nil
}

// forgetAttempts takes back the count of restarts that early boot made: the boot
// that runs works.
func forgetAttempts(root string) error {
	path := filepath.Join(root, store.Home, "boot", "attempts")
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("forget the restarts of early boot: %w", err)
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// forgetGood takes the record back from a state that turned out bad.
func forgetGood(root string, id state.ID) error {
	if goodState(root) != id {
		return nil
	}
	path := filepath.Join(root, store.Home, "boot", "good")
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("record state %d as bad: %w", id, err)
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// markExhausted records why the menu holds states without tries: the loader
// counts and gives no reasons. A state that one of its kernels still has tries
// for has not failed, nor have those whose boot is under way.
func markExhausted(s *store.Store, opt Options, found bootloader.Found, underWay ...state.ID) ([]Bad, error) {
	marked := []Bad{}
	for _, own := range found.Ours {
		id := state.ID(own.State)
		if slices.Contains(underWay, id) || !exhausted(found, id) || failure(opt.Root, id) != "" {
			continue
		}
		if _, err := s.State(id); err != nil {
			continue // its entry goes at the next sync
		}
		why, kernel := usedUp(found, id)
		if err := markFailed(opt.Root, id, why, kernel, opt.Now); err != nil {
			return marked, err
		}
		marked = append(marked, Bad{id, why})
	}
	return marked, nil
}

func usedUp(found bootloader.Found, id state.ID) (why, kernel string) {
	var boots uint
	for _, own := range found.Ours {
		if own.State == uint64(id) && own.Name.Done >= boots {
			boots, kernel = own.Name.Done, kernelOf(own)
		}
	}
	if boots == 0 { // nobody booted it: a person said so, and the record is lost
		return handReason, kernel
	}
	return fmt.Sprintf("%d boots, %s", boots, countedReason), kernel
}

func kernelOf(own bootloader.Own) string {
	_, kernel, _ := strings.Cut(own.Entry.Version, "-")
	return kernel
}

// entriesOf are the files of a state's entries: of one kernel, or with none given
// of all, one for each even where there are twins.
func entriesOf(found bootloader.Found, id state.ID, kernel string) []string {
	var files, stems []string
	for _, own := range found.Ours {
		if own.State != uint64(id) || kernel != "" && kernelOf(own) != kernel || slices.Contains(stems, own.Name.Stem) {
			continue
		}
		files, stems = append(files, own.File), append(stems, own.Name.Stem)
	}
	return files
}

// entriesBooted are the entries of the state that the running kernel may have
// come from. What the loader says of this boot is asked last: after kexec and
// soft-reboot it tells of another.
func entriesBooted(found bootloader.Found, id state.ID, kernel string) []string {
	if files := entriesOf(found, id, kernel); len(files) > 0 {
		return files
	}
	all := entriesOf(found, id, "")
	for _, hint := range []string{found.Vars.CountPath, found.Vars.Selected} {
		stem := stemOf(hint)
		for _, own := range found.Ours {
			if own.State == uint64(id) && stem != "" && own.Name.Stem == stem {
				return []string{own.File}
			}
		}
	}
	if len(all) == 1 {
		return all
	}
	return nil
}

// giveUp takes the tries from the entries of states that early boot refused or a
// person called bad: the loader puts them last then, and the next boot does not
// try them again. A sync plans that by itself. A cause that may pass takes none.
func giveUp(s *store.Store, opt Options) error {
	if names, err := os.ReadDir(failedDir(opt.Root)); err != nil || len(names) == 0 {
		return nil // nothing was ever refused
	}
	found, err := look(s, opt)
	if err != nil {
		return err
	}
	live, _ := s.Active()
	booted := bootedState(opt.Root, live)
	for _, own := range found.Ours {
		id := state.ID(own.State)
		if id == 0 || id == live || id == booted || passing(opt.Root, id) || refusal(opt.Root, id, booted) == "" {
			continue
		}
		pick := func(found bootloader.Found) []string { return entriesOf(found, id, "") }
		if _, err := blessAll(s, opt, found, pick, saying(false)); err != nil {
			return err
		}
	}
	return nil
}

// heldBad: a sync leaves the state no tries, for a mark or used up ones. What
// runs, what is live, and what was just chosen is exempt.
func heldBad(opt Options, want bootloader.Want, found bootloader.Found, id state.ID) bool {
	if slices.Contains([]state.ID{state.ID(want.Active), state.ID(want.Booted), opt.chosen}, id) {
		return false
	}
	return refusal(opt.Root, id, state.ID(want.Booted)) != "" && !passing(opt.Root, id) || exhausted(found, id)
}
