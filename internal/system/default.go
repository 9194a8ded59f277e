package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/store"
	"moss/store/state"
)

// Chosen is what choosing a state for the next boots, or for one, did.
type Chosen struct {
	State state.ID          `json:"state"` // 0: the choice was taken back
	Boot  string            `json:"boot"`  // what the menu says, for people
	Next  bootloader.Choice `json:"next"`  // what the loader will start, and why
}

// SetDefault makes a state what the loader starts by itself, from the next boot
// on until another is chosen or becomes live. It works without EFI variables. It
// refuses a state that would not boot or was found bad, unless forced: then the
// state gets another chance.
func SetDefault(ctx context.Context, opt Options, id state.ID) (Chosen, error) {
	return choosing(ctx, opt, false, func(s *store.Store, opt Options) (Chosen, error) { return setDefault(s, opt, id) })
}

// ClearDefault leaves the choice to the order of the menu: the newest state that
// has not failed. Whoever named another, in loader.conf or in a variable, gives
// way.
func ClearDefault(ctx context.Context, opt Options) (Chosen, error) {
	return choosing(ctx, opt, false, func(s *store.Store, opt Options) (Chosen, error) {
		opt.Default, opt.take = 0, true
		synced, err := syncMenu(s, opt)
		if err != nil {
			return Chosen{}, err
		}
		done := Chosen{Boot: synced.String()}
		found, err := look(s, opt)
		done.Next = found.Usual()
		return done, err
	})
}

// choosing opens the store and, once for all that looks at it, $BOOT.
func choosing(ctx context.Context, opt Options, readOnly bool, do func(*store.Store, Options) (Chosen, error)) (Chosen, error) {
	if err := opt.check(); err != nil {
		return Chosen{}, err
	}
	s, err := openStore(ctx, opt)
	if err != nil {
		return Chosen{}, err
	}
	opt, release := holdBoot(opt, readOnly)
	done, err := do(s, opt)
	return done, errors.Join(err, release(), s.Close())
}

func setDefault(s *store.Store, opt Options, id state.ID) (Chosen, error) {
	if err := choosable(s, opt, id); err != nil {
		return Chosen{}, err
	}
	before := namedDefault(s, opt)
	opt.take = true
	done := Chosen{State: id}
	var err error
	if done.Boot, err = makeDefault(s, opt, id); err == nil {
		done.Next, err = defaultOf(s, opt, id)
	}
	if err != nil {
		opt.take = false
		return Chosen{}, joinOnce(err, restoreMenu(s, opt, before))
	}
	return done, nil
}

// defaultOf asks whether the loader really starts id, and with force gives it
// what it lacks for that.
func defaultOf(s *store.Store, opt Options, id state.ID) (bootloader.Choice, error) {
	if opt.Force {
		if err := freshTries(s, opt, id); err != nil {
			return bootloader.Choice{}, err
		}
	}
	found, err := look(s, opt)
	if err != nil {
		return bootloader.Choice{}, err
	}
	usual := found.Usual()
	if usual.State != uint64(id) {
		return usual, &store.RefusedError{What: fmt.Sprintf("make state %d the default: the loader would start %s", id, usual.Text), Advice: seeStatus}
	}
	if opt.Force {
		err = chosenAgain(opt, id)
	}
	return usual, err
}

const seeStatus = "see what stands in the way: moss-boot status"

// freshTries gives the entries of a state that has no tries left those that a new
// entry of it gets: whether it works now is still to be seen.
func freshTries(s *store.Store, opt Options, id state.ID) error {
	found, err := look(s, opt)
	if err != nil || !exhausted(found, id) {
		return err
	}
	contents, err := newContent(opt)
	if err != nil {
		return err
	}
	tries := triesOf(contents.config, s.Usr(id), contents.warn)
	_, err = blessAll(s, opt, found, func(found bootloader.Found) []string { return entriesOf(found, id, "") }, verdict{
		right: func(n bls.Name) bool { return !n.Bad() },
		say:   func(f bootloader.Found, file string) (string, error) { return bootloader.Recount(f, file, tries) },
	})
	return err
}

// choosable refuses a state that is not there, would not boot, or was found bad.
func choosable(s *store.Store, opt Options, id state.ID) error {
	if _, err := s.State(id); err != nil {
		return err
	}
	kernels, err := kernelVersions(s.Usr(id))
	if err != nil {
		return err
	}
	if len(kernels) == 0 {
		return &store.RefusedError{What: fmt.Sprintf("choose state %d: %s, so it gets no boot entry", id, noKernel), Advice: "choose another: moss state list"}
	}
	if err := bootable(s, opt, id); err != nil || opt.Force {
		return err
	}
	live, _ := s.Active()
	if why := refusal(opt.Root, id, bootedState(opt.Root, live)); why != "" {
		return &store.RefusedError{What: fmt.Sprintf("choose state %d: it is bad: %s", id, why), Advice: "choose another, or use --force"}
	}
	found, err := look(s, opt)
	if err != nil {
		return err
	}
	if exhausted(found, id) {
		return &store.RefusedError{What: fmt.Sprintf("choose state %d: its boot entry has no tries left, so it has failed before", id), Advice: "choose another, or use --force"}
	}
	return nil
}

// exhausted: there are entries of the state, and none has tries left.
func exhausted(found bootloader.Found, id state.ID) bool {
	of := func(o bootloader.Own) bool { return o.State == uint64(id) }
	return slices.ContainsFunc(found.Ours, of) &&
		!slices.ContainsFunc(found.Ours, func(o bootloader.Own) bool { return of(o) && !o.Name.Bad() })
}

// joinOnce is both errors, but one cause once.
func joinOnce(err, more error) error {
	if more == nil || strings.Contains(err.Error(), more.Error()) {
		return err
	}
	return errors.Join(err, more)
}
