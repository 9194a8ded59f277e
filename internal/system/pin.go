package system

import (
	"context"
	"errors"

	"moss/store"
	"moss/store/state"
)

// Pinned is what a pin did.
type Pinned struct {
	States []state.ID `json:"states"`
	Pinned bool       `json:"pinned"`
	Boot   string     `json:"boot"` // what the menu says, for people
}

// Pin keeps states from being removed and in the boot menu, or allows both again.
func Pin(ctx context.Context, opt Options, ids []state.ID, pinned bool) (Pinned, error) {
	done := Pinned{States: ids, Pinned: pinned}
	s, err := openStore(ctx, opt)
	if err != nil {
		return done, err
	}
	for _, id := range ids {
		if _, err = s.State(id); err != nil {
			break
		}
	}
	if err == nil {
		err = pin(s, opt, &done)
	}
	return done, errors.Join(err, s.Close())
}

// pin marks all the states that done names, and leaves in done those that are.
func pin(s *store.Store, opt Options, done *Pinned) error {
	ids := done.States
	done.States = []state.ID{}
	var err error
	for _, id := range ids {
		if err = s.SetPinned(id, done.Pinned); err != nil {
			break
		}
		done.States = append(done.States, id)
	}
	if err == nil {
		done.Boot, err = followMenu(s, opt)
	}
	if err == nil || len(done.States) == 0 {
		return err
	}
	did := "state " + joinIDs(done.States) + " is pinned"
	if !done.Pinned {
		did = "state " + joinIDs(done.States) + " is not pinned any more"
	}
	return &PartError{did, "mend the cause, then run: moss-boot sync", err}
}
