package system

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"moss/bootloader/esp"
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
	Reboot   []string `json:"reboot"` // why the machine should be restarted
}

// Active is the state that the live /usr of a root says it is.
func Active(root string) (state.ID, error) {
	return activate.LiveID(activate.Open(root).Usr())
}

// Activate makes an existing state the default of the next boots and the live
// /usr, in that order: a cut between the two ends in the state that was asked for.
func Activate(ctx context.Context, opt Options, id state.ID) (Activation, error) {
	if err := opt.check(); err != nil {
		return Activation{}, err
	}
	s, err := openStore(ctx, opt)
	if err != nil {
		return Activation{}, err
	}
	opt.Log = warnOnce(opt.Log)
	release := inhibit(ctx, opt)
	held, shut := holdBoot(opt, false)
	held.take = true
	done, err := activateState(ctx, s, held, id)
	release()
	return done, errors.Join(err, shut(), s.Close())
}

func activateState(ctx context.Context, s *store.Store, opt Options, id state.ID) (Activation, error) {
	done := Activation{ID: id, Reboot: []string{}}
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
	ctx = context.WithoutCancel(ctx) // a signal is held from here on
	chosen := namedDefault(s, opt)
	err := exchangeFor(s, opt, id, &done)
	live, _ := s.Active()
	switch {
	case err != nil && live == id && done.Previous != id:
		return done, &LateError{id, err}
	case err != nil && !opt.NoBoot:
		return done, errors.Join(err, restoreMenu(s, opt, chosen))
	case err != nil || opt.NextBoot:
		return done, err
	}
	done.Moved = done.Previous != id
	if err := errors.Join(s.Trees().Links(), aftermath(ctx, s, opt, done.Previous)); err != nil {
		return done, &LateError{id, err}
	}
	return done, nil
}

// exchangeFor commits the next boot and then the running system.
func exchangeFor(s *store.Store, opt Options, id state.ID, done *Activation) (err error) {
	// What is held against it would keep it out of the menu, or last in it.
	if _, err := clearFailed(opt.Root, id); err != nil {
		return err
	}
	if done.Boot, err = makeDefault(s, opt, id); err != nil {
		return err
	}
	if !opt.NoBoot {
		if err := anotherChance(s, opt, id); err != nil && !errors.Is(err, esp.ErrNoBoot) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := fault.Point("activation/exchange"); err != nil {
		return err
	}
	if err := markPending(opt.Root, id); err != nil || opt.NextBoot {
		return err
	}
	done.Reboot = rebootBetween(s, done.Previous, id)
	return s.Trees().Exchange(id)
}

func rebootBetween(s *store.Store, from, to state.ID) []string {
	a, errA := s.Manifest(from)
	b, errB := s.Manifest(to)
	if errA != nil || errB != nil {
		return []string{}
	}
	return rebootReasons(a, b)
}

// bootable refuses a state that is not whole, and unless forced one that is
// damaged, cannot boot, or has no kernel where the live one has.
func bootable(s *store.Store, opt Options, id state.ID) error {
	usr := s.Usr(id)
	if says, err := activate.LiveID(usr); err != nil || says != id {
		return &store.RefusedError{What: fmt.Sprintf("activate state %d: its tree %s is not whole", id, usr), Advice: "choose another: moss state list"}
	}
	kernels, err := kernelVersions(usr)
	if err != nil {
		return err
	}
	if len(kernels) == 0 && opt.NextBoot {
		return noEntry(id)
	}
	if opt.Force {
		return nil
	}
	if why := failure(opt.Root, id); strings.HasPrefix(why, verifyReason) {
		return &store.RefusedError{What: fmt.Sprintf("activate state %d: it is damaged: %s", id, strings.TrimPrefix(why, verifyReason)), Advice: "moss state verify --repair, choose another, or use --force"}
	}
	if len(kernels) == 0 {
		return losesKernel(s, id)
	}
	if why := bootFault(s, id, usr, kernels); why != "" {
		return &store.RefusedError{What: fmt.Sprintf("activate state %d: it would not boot: %s", id, why), Advice: "choose another, or use --force"}
	}
	return nil
}

// losesKernel refuses to put a tree without a kernel in the place of one with.
func losesKernel(s *store.Store, id state.ID) error {
	live, err := kernelVersions(s.Trees().Usr())
	if err != nil || len(live) == 0 {
		return err
	}
	return &store.RefusedError{What: fmt.Sprintf("activate state %d: it would not boot: %s, and the live state has one", id, noKernel), Advice: "choose another, or use --force"}
}

// noEntry says that a state cannot be the next boot's.
func noEntry(id state.ID) error {
	return &store.RefusedError{What: fmt.Sprintf("state %d cannot be the next boot's: %s, so it gets no boot entry", id, noKernel), Advice: "leave --next-boot out to make it live now"}
}

// makeDefault moves the menu's default to id. The newest state is first by
// itself, so for that one the name of an earlier choice is taken back.
func makeDefault(s *store.Store, opt Options, id state.ID) (string, error) {
	if opt.NoBoot {
		return "boot menu left alone", nil
	}
	opt.Default = id
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
		return "it gets no boot entry: it is marked bad, or there is no kernel in it", nil
	}
	if uint64(id) == newest {
		opt.Default = 0
	}
	done, err := syncMenu(s, opt)
	return done.String(), err
}
