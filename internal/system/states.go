package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"moss/store"
	"moss/store/activate"
	"moss/store/state"
	"moss/store/stone"
)

// StateInfo is a state as `moss state` shows it; the JSON keys are stable.
type StateInfo struct {
	ID         state.ID  `json:"id"`
	Created    time.Time `json:"created"`
	Summary    string    `json:"summary"`
	Comment    string    `json:"comment"`
	Active     bool      `json:"active"`
	Booted     bool      `json:"booted"`
	Pinned     bool      `json:"pinned"`
	Default    bool      `json:"default"`
	Bootable   bool      `json:"bootable"`
	Why        string    `json:"why,omitempty"` // why it is not bootable
	Failed     string    `json:"failed"`        // why early boot refused it, "" if it never did
	Packages   []string  `json:"packages"`
	Kernels    []string  `json:"kernels"`
	SizeUnique int64     `json:"size_unique"` // bytes of contents that no other state has
}

// States describes every state of a root, oldest first. It takes no lock.
func States(opt Options) ([]StateInfo, error) {
	s, err := store.View(opt.Root)
	if err != nil {
		return nil, err
	}
	all, err := describe(s, opt)
	return all, errors.Join(err, s.Close())
}

// OneState is States for a single id, or state.ErrNotFound.
func OneState(opt Options, id state.ID) (StateInfo, error) {
	all, err := States(opt)
	if err != nil {
		return StateInfo{}, err
	}
	i := slices.IndexFunc(all, func(s StateInfo) bool { return s.ID == id })
	if i < 0 {
		return StateInfo{}, fmt.Errorf("state %d: %w", id, state.ErrNotFound)
	}
	return all[i], nil
}

func describe(s *store.Store, opt Options) ([]StateInfo, error) {
	rows, err := s.States()
	if err != nil {
		return nil, err
	}
	live, err := s.Active()
	if err != nil && !errors.Is(err, activate.ErrUnsealed) {
		return nil, err
	}
	booted, byDefault := bootedState(opt.Root, live), defaultState(s, opt)
	var all []StateInfo
	for _, row := range rows {
		info := StateInfo{ID: row.ID, Created: row.Created, Summary: row.Summary, Comment: row.Comment, Pinned: row.Pinned,
			Active: row.ID == live, Booted: row.ID == booted, Default: row.ID == byDefault, Failed: failure(opt.Root, row.ID)}
		if err := inspect(s, &info); err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	return all, unique(s, all)
}

// inspect adds what only the tree itself can tell.
func inspect(s *store.Store, info *StateInfo) error {
	chosen, err := s.Selected(info.ID)
	if err != nil {
		return err
	}
	info.Packages = labels(chosen, state.Package.Label)
	usr := s.Usr(info.ID)
	if info.Kernels, err = kernelVersions(usr); err != nil {
		return err
	}
	why := bootFault(s, info.ID, usr, info.Kernels)
	info.Bootable, info.Why = why == "", why
	return nil
}

func bootFault(s *store.Store, id state.ID, usr string, kernels []string) string {
	if says, err := activate.LiveID(usr); err != nil {
		return err.Error()
	} else if says != id {
		return fmt.Sprintf("the tree says that it is state %d", says)
	}
	if len(kernels) == 0 {
		return "there is no kernel in it"
	}
	for _, version := range kernels {
		if err := s.Trees().Check(usr, activate.Checks{Init: initOf(s.Root(), usr), Kernel: version}); err != nil {
			return err.Error()
		}
	}
	return ""
}

// unique fills in what removing each state alone would free.
func unique(s *store.Store, all []StateInfo) error {
	type owner struct {
		index  int
		shared bool
	}
	owners, sizes := map[stone.Hash]owner{}, map[stone.Hash]int64{}
	for i := range all {
		m, err := s.Manifest(all[i].ID)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range m.Entries {
			if !e.IsRegular() {
				continue
			}
			before, known := owners[e.Hash]
			owners[e.Hash] = owner{i, known && (before.shared || before.index != i)}
			sizes[e.Hash] = e.Size
		}
	}
	for hash, o := range owners {
		if !o.shared {
			all[o.index].SizeUnique += sizes[hash]
		}
	}
	return nil
}

// failure is the reason early boot recorded for refusing a state.
func failure(root string, id state.ID) string {
	data, err := os.ReadFile(filepath.Join(root, store.Home, "boot/failed", id.String()))
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
