package system

import (
	"context"
	"errors"
	"fmt"

	"moss/internal/fault"
	"moss/store"
	"moss/store/activate"
	"moss/store/state"
)

// Activation is what activating a state did.
type Activation struct {
	ID       state.ID `json:"state"`
	Previous state.ID `json:"previous"`
	Moved    bool     `json:"moved"` // false when it was live already
	Boot     string   `json:"boot"`
}

// Active is the state that the live /usr of a root says it is.
func Active(root string) (state.ID, error) {
	return activate.LiveID(activate.Open(root).Usr())
}

// Activate makes an existing state the default of the next boots and the live
// /usr, in that order: a cut between the two ends in the state that was asked for.
func Activate(ctx context.Context, opt Options, id state.ID) (Activation, error) {
	s, repairs, err := store.Open(opt.Root, opt.Command)
	if err != nil {
		return Activation{}, err
	}
	for _, line := range repairs {
		opt.Log("recovered: " + line)
	}
	done, err := activateState(ctx, s, opt, id)
	return done, errors.Join(err, s.Close())
}

func activateState(ctx context.Context, s *store.Store, opt Options, id state.ID) (Activation, error) {
	done := Activation{ID: id}
	done.Previous, _ = s.Active() // without a live state there is none to archive
	if _, err := s.State(id); err != nil {
		return done, err
	}
	if err := bootable(s, opt, id); err != nil {
		return done, err
	}
	if err := errors.Join(ctx.Err(), fault.Point("activation/menu")); err != nil {
		return done, err
	}
	var err error
	if done.Boot, err = makeDefault(s, opt, id); err != nil || opt.NextBoot {
		return done, err
	}
	if err := fault.Point("activation/exchange"); err != nil {
		return done, err
	}
	if err := s.Trees().Exchange(id); err != nil {
		return done, err
	}
	done.Moved = done.Previous != id
	if err := s.Trees().Links(); err != nil {
		return done, &LateError{id, err}
	}
	return done, nil
}

// bootable refuses a state that is not whole, and unless forced one that cannot boot.
func bootable(s *store.Store, opt Options, id state.ID) error {
	usr := s.Usr(id)
	if says, err := activate.LiveID(usr); err != nil || says != id {
		return &store.RefusedError{What: fmt.Sprintf("activate state %d: its tree %s is not whole", id, usr), Advice: "choose another: moss state list"}
	}
	kernels, err := kernelVersions(usr)
	if err != nil || len(kernels) == 0 || opt.Force {
		return err
	}
	if why := bootFault(s, id, usr, kernels); why != "" {
		return &store.RefusedError{What: fmt.Sprintf("activate state %d: it would not boot: %s", id, why), Advice: "choose another, or use --force"}
	}
	return nil
}

// makeDefault moves the menu's default to id. The newest state is first by
// itself, so for that one the name of an earlier choice is taken back.
func makeDefault(s *store.Store, opt Options, id state.ID) (string, error) {
	if opt.NoBoot {
		return "boot menu left alone", nil
	}
	want, err := wanted(s, opt)
	if err != nil {
		return "", err
	}
	newest, has := uint64(0), false
	for _, one := range want.States {
		if len(one.Kernels) > 0 {
			newest, has = max(newest, one.ID), has || one.ID == uint64(id)
		}
	}
	if !has {
		return "it has no kernel and no boot entry", nil
	}
	opt.Default = id
	if uint64(id) == newest {
		opt.Default = 0
	}
	done, err := syncMenu(s, opt)
	return done.String(), err
}
