package system

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/efivar"
	"moss/store"
	"moss/store/state"
)

const oneShot = "LoaderEntryOneShot"

// OneShotError says that the next boot, and only that, could not be chosen. The
// menu and the default are as they were.
type OneShotError struct {
	State state.ID
	Err   error
}

func (e *OneShotError) Error() string {
	return fmt.Sprintf("choose state %d for the next boot: %v", e.State, e.Err)
}
func (e *OneShotError) Unwrap() []error { return []error{e.Err, store.ErrRefused} }

// Hint names the way that needs no variable.
func (e *OneShotError) Hint() string {
	hint := fmt.Sprintf("this works without variables, until it is taken back: moss-boot set-default %d", e.State)
	var change *efivar.ChangeError
	if errors.As(e.Err, &change) {
		return change.Hint() + "; or, without variables: moss-boot set-default " + e.State.String()
	}
	return hint
}

// SetOneShot makes the loader start a state at the next boot only. It is the one
// choice that only an EFI variable can carry, for the loader forgets it before it
// starts anything.
func SetOneShot(ctx context.Context, opt Options, id state.ID) (Chosen, error) {
	return choosing(ctx, opt, true, func(s *store.Store, opt Options) (Chosen, error) {
		if err := choosable(s, opt, id); err != nil {
			return Chosen{}, err
		}
		return setOneShot(s, opt, id)
	})
}

func setOneShot(s *store.Store, opt Options, id state.ID) (Chosen, error) {
	found, err := look(s, opt)
	if err != nil {
		return Chosen{}, err
	}
	vars := opt.vars()
	if vars == nil {
		return Chosen{}, &OneShotError{id, efivar.ErrNone}
	}
	if f := found.Vars.Features; f != 0 && f&bls.FeatureOneShot == 0 {
		return Chosen{}, &OneShotError{id, fmt.Errorf("the loader %q takes no such order", found.Vars.Info)}
	}
	if !slices.ContainsFunc(found.Ours, func(o bootloader.Own) bool { return o.State == uint64(id) }) {
		return Chosen{}, &store.RefusedError{What: fmt.Sprintf("choose state %d for the next boot: it is not in the boot menu", id), Advice: fmt.Sprintf("put it there: moss state pin %d", id)}
	}
	before := found.Vars.OneShot
	if err := efivar.SetText(vars, oneShot, bootloader.Pattern(found.Token, uint64(id))); err != nil {
		return Chosen{}, &OneShotError{id, err}
	}
	found.Vars = bootloader.ReadVariables(vars)
	next := found.Next()
	if next.State == uint64(id) && next.Why == bls.ByOneShot {
		return Chosen{State: id, Boot: "boot menu unchanged", Next: next}, nil
	}
	err = fmt.Errorf("the loader would start %s", next.Text)
	return Chosen{}, &OneShotError{id, errors.Join(err, putBack(vars, before))}
}

// putBack sets the variable to what it was.
func putBack(vars efivar.Vars, before string) error {
	if before == "" {
		return vars.Delete(efivar.Loader(oneShot))
	}
	return efivar.SetText(vars, oneShot, before)
}

// ClearOneShot takes back what was chosen for the next boot only, whoever chose
// it. Without variables there is nothing to take back.
func ClearOneShot(ctx context.Context, opt Options) (Chosen, error) {
	return choosing(ctx, opt, true, func(s *store.Store, opt Options) (Chosen, error) {
		if vars := opt.vars(); vars != nil {
			if err := vars.Delete(efivar.Loader(oneShot)); err != nil {
				return Chosen{}, fmt.Errorf("take back the choice for the next boot: %w", err)
			}
		}
		found, err := look(s, opt)
		return Chosen{Boot: "boot menu unchanged", Next: found.Next()}, err
	})
}
