package system

import (
	"cmp"
	"errors"
	"slices"

	"moss/bootloader"
	"moss/store"
	"moss/store/state"
)

// look reads what is on $BOOT, without the contents of kernels.
func look(s *store.Store, opt Options) (bootloader.Found, error) {
	boot, err := openBoot(opt, true)
	if err != nil {
		return bootloader.Found{}, err
	}
	opt.held = &boot
	token, err := tokenOf(opt)
	if err != nil {
		return bootloader.Found{}, errors.Join(err, boot.Close())
	}
	found, err := bootloader.Look(boot, token)
	found.Vars = bootloader.ReadVariables(opt.vars())
	return found, errors.Join(err, boot.Close())
}

// namedDefault is the state that the menu, or somebody at the loader's own, names
// as its default, 0 if none is named or that cannot be read: then the newest is.
func namedDefault(s *store.Store, opt Options) state.ID {
	found, err := look(s, opt)
	if err != nil {
		return 0
	}
	return state.ID(cmp.Or(found.Wish(), found.DefaultState()))
}

// hasEntry says whether an entry starts a state. Where $BOOT cannot be read there
// may be one.
func hasEntry(s *store.Store, opt Options, id state.ID) bool {
	found, err := look(s, opt)
	return err != nil || slices.ContainsFunc(bootloader.List(found, bootloader.Marks{}), func(e bootloader.Item) bool {
		return !e.Foreign && e.State == uint64(id)
	})
}

// restoreMenu makes the menu what it was before a change that failed, with the
// default that it had then.
func restoreMenu(s *store.Store, opt Options, chosen state.ID) error {
	want, err := wanted(s, opt)
	if err != nil || !anyKernel(want) {
		return err // no menu, or nobody else to put in it
	}
	opt.Default, opt.take, opt.chosen = 0, false, 0
	if slices.ContainsFunc(want.States, func(one bootloader.State) bool { return one.ID == uint64(chosen) && len(one.Kernels) > 0 }) {
		opt.Default = chosen
	}
	_, err = syncMenu(s, opt)
	return err
}
