package system

import (
	"errors"
	"fmt"

	"moss/store"
	"moss/store/activate"
	"moss/store/repo"
	"moss/store/state"
	"moss/store/trigger"
)

// Status is what a user should know of a root; the JSON keys are stable.
type Status struct {
	Active   state.ID `json:"active"` // 0: no state is live
	Booted   state.ID `json:"booted"` // 0: not known
	Default  state.ID `json:"default"`
	States   int      `json:"states"`
	Pending  bool     `json:"pending"` // system triggers have yet to run
	Reboot   []string `json:"reboot"`  // why the machine should be restarted
	Unsigned []string `json:"unsigned"`
	Bad      []Bad    `json:"bad"`
	Warnings []string `json:"warnings"`
}

// Bad is a state that early boot or a verification refused, and why.
type Bad struct {
	State  state.ID `json:"state"`
	Reason string   `json:"reason"`
}

// ReadStatus looks at a root without a lock and changes nothing.
func ReadStatus(opt Options) (Status, error) {
	s, err := store.View(opt.Root)
	if err != nil {
		return Status{}, err
	}
	st, err := readStatus(s, opt)
	return st, errors.Join(err, s.Close())
}

func readStatus(s *store.Store, opt Options) (Status, error) {
	st := Status{Reboot: []string{}, Unsigned: []string{}, Bad: []Bad{}, Warnings: []string{}}
	rows, err := s.States()
	if err != nil {
		return st, err
	}
	st.States = len(rows)
	if st.Active, err = s.Active(); err != nil && !errors.Is(err, activate.ErrUnsealed) {
		return st, err
	}
	st.Booted, st.Default = bootedState(opt.Root, st.Active), defaultState(s, opt)
	if st.Booted != 0 && st.Booted != st.Active {
		st.Reboot = rebootBetween(s, st.Booted, st.Active)
	}
	for _, row := range rows {
		if why := refusal(opt.Root, row.ID, st.Booted); why != "" {
			st.Bad = append(st.Bad, Bad{row.ID, why})
		}
	}
	st.Pending = isPending(opt.Root, st.Active) && hasSystemTriggers(opt.Root)
	return st, st.warn(opt)
}

// warn lists what the user should act on, loudest first.
func (st *Status) warn(opt Options) error {
	repositories, standings, err := standings(opt.Root)
	if err != nil {
		return err
	}
	for i, r := range repositories {
		if standings[i].Place != repo.InUse {
			continue
		}
		if standings[i].Why != "" {
			st.Warnings = append(st.Warnings, fmt.Sprintf("repository %s: %s", r.Name, standings[i].Why))
		}
		if r.Unsigned {
			st.Unsigned = append(st.Unsigned, r.Name)
			st.Warnings = append(st.Warnings, fmt.Sprintf("UNSIGNED repository %s: whoever can change %s, or the way to it, is root on this machine", r.Name, r.URI))
		}
	}
	for _, b := range st.Bad {
		st.Warnings = append(st.Warnings, fmt.Sprintf("state %d is bad: %s", b.State, b.Reason))
	}
	if st.Pending {
		st.Warnings = append(st.Warnings, pendingWarning(opt.Root))
	}
	if st.Active == 0 {
		st.Warnings = append(st.Warnings, "no state is live: /usr is not moss' own")
	}
	return nil
}

// hasSystemTriggers says whether the live state has any to run. Triggers that
// cannot be read count: whoever runs them is told what is wrong.
func hasSystemTriggers(root string) bool {
	jobs, err := planTriggers(root, trigger.System)
	return err != nil || len(jobs) > 0
}

func pendingWarning(root string) string {
	if ownRoot(root) {
		return "system triggers are pending; run: moss trigger run --pending"
	}
	return "system triggers are pending; they run at the first boot of " + root
}
