package system

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
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
// for has not failed.
func markExhausted(s *store.Store, opt Options, found bootloader.Found, except state.ID) ([]Bad, error) {
	marked := []Bad{}
	for _, own := range found.Ours {
		id := state.ID(own.State)
		if id == except || !exhausted(found, id) || failure(opt.Root, id) != "" {
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
// try them again. It says what it did, a line each.
func giveUp(s *store.Store, opt Options) ([]string, error) {
	if names, err := os.ReadDir(failedDir(opt.Root)); err != nil || len(names) == 0 {
		return nil, nil // nothing was ever refused
	}
	found, err := look(s, opt)
	if err != nil {
		return nil, err
	}
	live, _ := s.Active()
	booted := bootedState(opt.Root, live)
	var lines []string
	for id := range givenUp(opt, found, live, booted) {
		pick := func(found bootloader.Found) []string { return entriesOf(found, id, "") }
		if !pending(found, pick(found), false) {
			continue
		}
		if _, err := blessAll(s, opt, found, pick, false); err != nil {
			return lines, err
		}
		lines = append(lines, fmt.Sprintf("mark the entry of state %d bad: %s", id, failure(opt.Root, id)))
	}
	return lines, nil
}

// givenUp are the states with an entry and a mark, but not what runs, what is
// live, and what was just chosen.
func givenUp(opt Options, found bootloader.Found, live, booted state.ID) iter.Seq[state.ID] {
	return func(yield func(state.ID) bool) {
		for _, own := range found.Ours {
			id := state.ID(own.State)
			if id == 0 || slices.Contains([]state.ID{live, booted, opt.Default}, id) || refusal(opt.Root, id, booted) == "" {
				continue
			}
			if !yield(id) {
				return
			}
		}
	}
}
