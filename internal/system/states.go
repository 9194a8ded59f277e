package system

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"moss/store"
	"moss/store/activate"
	"moss/store/state"
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
	OneShot    bool      `json:"oneshot"` // the next boot's, once
	Bootable   bool      `json:"bootable"`
	Why        string    `json:"why,omitempty"` // why it is not bootable
	Failed     string    `json:"failed"`        // why early boot or a verification refused it, "" if none did
	Packages   []string  `json:"packages"`
	Kernels    []string  `json:"kernels"`
	SizeUnique int64     `json:"size_unique"` // bytes of contents that no other state's packages have
	good       bool      // the last one that is known to work
}

// States describes every state of a root, oldest first. It takes no lock. Whether
// a state is bootable is what its transaction found, and that its tree is whole
// and nothing refused it since; the booted one is. OneState looks again.
func States(opt Options) ([]StateInfo, error) {
	s, err := store.View(opt.Root)
	if err != nil {
		return nil, err
	}
	all, err := withSizes(s, opt)
	return all, errors.Join(err, s.Close())
}

// OneState describes a single state, or returns state.ErrNotFound. Whether it can
// boot is found out by the check that early boot makes.
func OneState(opt Options, id state.ID) (StateInfo, error) {
	s, err := store.View(opt.Root)
	if err != nil {
		return StateInfo{}, err
	}
	one, err := oneState(s, opt, id)
	return one, errors.Join(err, s.Close())
}

func oneState(s *store.Store, opt Options, id state.ID) (StateInfo, error) {
	all, err := withSizes(s, opt)
	if err != nil {
		return StateInfo{}, err
	}
	i := slices.IndexFunc(all, func(s StateInfo) bool { return s.ID == id })
	if i < 0 {
		return StateInfo{}, fmt.Errorf("state %d: %w", id, state.ErrNotFound)
	}
	one := &all[i]
	one.Why = bootFault(s, id, s.Usr(id), one.Kernels)
	one.Bootable = one.Why == ""
	return *one, nil
}

// withSizes adds what no other state's packages have. A package whose layouts
// cannot be read counts nothing; that is what a verification is for.
func withSizes(s *store.Store, opt Options) ([]StateInfo, error) {
	rows, err := s.States()
	if err != nil {
		return nil, err
	}
	all, err := describeRows(s, opt, rows)
	if err != nil {
		return nil, err
	}
	sizes, err := s.Unique(rows)
	for i := range all {
		all[i].SizeUnique = sizes[all[i].ID]
	}
	return all, err
}

func describe(s *store.Store, opt Options) ([]StateInfo, error) {
	rows, err := s.States()
	if err != nil {
		return nil, err
	}
	return describeRows(s, opt, rows)
}

// describeRows reads two tables, the names on $BOOT, and of each tree its seal and
// its kernels' names: a thousand states stay a matter of moments.
func describeRows(s *store.Store, opt Options, rows []state.State) ([]StateInfo, error) {
	names, err := packageLabels(s)
	if err != nil {
		return nil, err
	}
	live, err := s.Active()
	if err != nil && !errors.Is(err, activate.ErrUnsealed) {
		return nil, err
	}
	booted, menu, good := bootedState(opt.Root, live), menuChoices(s, opt, rows), lastGood(opt.Root, rows)
	var all []StateInfo
	for _, row := range rows {
		info := StateInfo{ID: row.ID, Created: row.Created, Summary: row.Summary, Comment: row.Comment, Pinned: row.Pinned,
			Active: row.ID == live, Booted: row.ID == booted, Default: row.ID == menu.byDefault, OneShot: row.ID == menu.oneShot,
			Failed: refusal(opt.Root, row.ID, booted), Packages: make([]string, 0, len(row.Selections)), good: row.ID == good}
		for _, sel := range row.Selections {
			info.Packages = append(info.Packages, names[sel.Package])
		}
		slices.Sort(info.Packages)
		if err := inspect(s, row, &info); err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	return all, nil
}

func packageLabels(s *store.Store) (map[string]string, error) {
	packages, err := s.Packages()
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(packages))
	for _, p := range packages {
		names[p.ID] = p.Label()
	}
	return names, nil
}

// inspect adds what only the tree itself can tell.
func inspect(s *store.Store, row state.State, info *StateInfo) error {
	usr := s.Usr(row.ID)
	if info.Active {
		usr = s.Trees().Usr()
	}
	var err error
	if info.Kernels, err = kernelVersions(usr); err != nil {
		return err
	}
	if info.Kernels == nil {
		info.Kernels = []string{}
	}
	if !info.Booted { // what runs does boot, whatever was feared of it
		info.Why = row.Fault
	}
	if says, err := activate.LiveID(usr); err != nil {
		info.Why = err.Error()
	} else if says != row.ID {
		info.Why = fmt.Sprintf("the tree says that it is state %d", says)
	} else if info.Why == "" {
		info.Why = info.Failed
	}
	info.Bootable = info.Why == ""
	return nil
}

// bootFault asks the tree itself whether it can boot.
func bootFault(s *store.Store, id state.ID, usr string, kernels []string) string {
	if says, err := activate.LiveID(usr); err != nil {
		return err.Error()
	} else if says != id {
		return fmt.Sprintf("the tree says that it is state %d", says)
	}
	if len(kernels) == 0 {
		return noKernel
	}
	for _, version := range kernels {
		if err := s.Trees().Check(usr, activate.Checks{Init: initOf(s.Root(), usr), Kernel: version}); err != nil {
			return err.Error()
		}
	}
	return ""
}

// choices are the states that the menu starts by itself.
type choices struct{ byDefault, oneShot state.ID }

// menuChoices are zero where $BOOT cannot be read.
func menuChoices(s *store.Store, opt Options, rows []state.State) (c choices) {
	m, err := menuOf(s, opt, rows)
	if err != nil {
		return c
	}
	c.byDefault = state.ID(m.Default)
	if m.OneShot != nil {
		c.oneShot = state.ID(*m.OneShot)
	}
	return c
}

// defaultState is the state of the menu's default entry, 0 if that cannot be said.
func defaultState(s *store.Store, opt Options) state.ID {
	rows, err := s.States()
	if err != nil {
		return 0
	}
	return menuChoices(s, opt, rows).byDefault
}
