package system

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"moss/bootloader/bls"
	"moss/bootloader/efivar"
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
	release := inhibit(ctx, opt, newState)
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
	if done.Boot, err = makeDefault(s, opt, id); err != nil {
		return err
	}
	if err := errors.Join(leads(s, opt, id), fault.Point("activation/exchange")); err != nil {
		return err
	}
	if err := markPending(opt.Root, id); err != nil {
		return err
	}
	if !opt.NextBoot {
		done.Reboot = rebootBetween(s, done.Previous, id)
		if err := exchange(s, opt, id); err != nil {
			return err
		}
	}
	// Not before: as long as this can fail the record is what makes the menu
	// what it was.
	err = chosenAgain(opt, id)
	if err == nil && !opt.NoBoot {
		done.notes(s, opt)
	}
	return err
}

// exchange makes id live, and passes on what went wrong beside that: something
// that was mounted on /usr could not be put back.
func exchange(s *store.Store, opt Options, id state.ID) error {
	trees := s.Trees()
	trees.Warn = func(line string) { opt.Log("warning: " + line) }
	return trees.Exchange(id)
}

// notes takes back our own order to start another state next time: this choice is
// the later one. Then it says what goes before it all the same.
func (done *Activation) notes(s *store.Store, opt Options) {
	found, err := look(s, opt)
	if next := found.Next(); err == nil && next.Why == bls.ByOneShot && next.State != 0 && next.State != uint64(done.ID) && len(entriesOf(found, done.ID, "")) > 0 {
		if err := opt.vars().Delete(efivar.Loader(oneShot)); err != nil {
			opt.Log(fmt.Sprintf("warning: take back the choice of state %d for the next boot: %v", next.State, err))
		}
	}
	for _, note := range otherNext(s, opt, done.ID) {
		opt.Log("warning: " + note)
	}
}

// otherNext says what the loader starts next time when that is not id, although
// id has an entry.
func otherNext(s *store.Store, opt Options, id state.ID) []string {
	found, err := look(s, opt)
	if err != nil || len(entriesOf(found, id, "")) == 0 {
		return nil
	}
	next := found.Next()
	if next.State == uint64(id) {
		return nil
	}
	return []string{fmt.Sprintf("the next boot will not start state %d unless you choose it at the menu, but %s", id, next.Text)}
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

// makeDefault moves the menu's default to id, whatever is held against it. The
// newest state is first by itself, so for that one the name of an earlier choice
// is taken back.
func makeDefault(s *store.Store, opt Options, id state.ID) (string, error) {
	if opt.NoBoot {
		return "boot menu left alone", nil
	}
	kernels, err := kernelVersions(s.Usr(id))
	if err != nil {
		return "", err
	}
	if len(kernels) == 0 {
		return "it gets no boot entry: " + noKernel, nil
	}
	opt.chosen = id
	if opt.Default, err = beforeNewer(s, id); err != nil {
		return "", err
	}
	done, err := syncMenu(s, opt)
	return done.String(), err
}

// leads sees to it that no other state goes before id in the menu.
func leads(s *store.Store, opt Options, id state.ID) error {
	if kernels, err := kernelVersions(s.Usr(id)); opt.NoBoot || err != nil || len(kernels) == 0 {
		return err
	}
	if err := freshTries(s, opt, id); err != nil {
		return err
	}
	found, err := look(s, opt)
	if err != nil {
		return err
	}
	if usual := found.Usual(); usual.State != 0 && usual.State != uint64(id) {
		return &store.RefusedError{What: fmt.Sprintf("activate state %d: the loader would start %s", id, usual.Text), Advice: seeStatus}
	}
	return nil
}

// beforeNewer is id when there are newer states with a kernel that it has to go
// before, and be they bad: one may be mended some day, and must not be first then.
func beforeNewer(s *store.Store, id state.ID) (state.ID, error) {
	rows, err := s.States()
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if kernels, err := kernelVersions(s.Usr(row.ID)); row.ID > id && (err != nil || len(kernels) > 0) {
			return id, nil
		}
	}
	return 0, nil
}
