package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"moss/bootloader"
	"moss/internal/fault"
	"moss/store"
	"moss/store/activate"
	"moss/store/adopt"
	"moss/store/state"
)

// Adopted is what taking an AerynOS installation over did, or would do.
type Adopted struct {
	*adopt.Plan
	Boot string `json:"boot"`
}

// Adopt takes the AerynOS installation on a root over: its states become states
// of this store, and the menu offers them. Nothing is downloaded, and what
// AerynOS' moss has is not changed; its lock is held meanwhile. It can be run
// again, after a cut too.
func Adopt(ctx context.Context, opt Options) (done Adopted, err error) {
	source, err := adopt.Open(opt.Root)
	if err != nil {
		return done, foreignError(err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if opt.DryRun {
		return planAdoption(ctx, opt, source, nil)
	}
	s, err := openStore(ctx, opt)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if done, err = planAdoption(ctx, opt, source, s); err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, done.Close()) }()
	if err := done.Apply(ctx, opt.Now); err != nil {
		return done, foreignError(err)
	}
	if opt.NoBoot || opt.DryRun {
		return done, nil
	}
	// The states are recorded: a signal is held until the menu has them.
	err = fault.Point("adopt/menu")
	if err == nil {
		done.Boot, err = offerAdopted(s, opt, done)
	}
	if err != nil {
		return done, &LateError{done.Live, err}
	}
	return done, nil
}

// planAdoption reads everything, and asks whether the menu can have it, before
// anything is written. s is nil in a dry run.
func planAdoption(ctx context.Context, opt Options, source *adopt.Source, s *store.Store) (done Adopted, err error) {
	trees := activate.Open(opt.Root)
	done.Plan, err = source.Plan(ctx, adopt.Options{Write: s != nil, Log: opt.Log,
		Bootable: func(usr string) string { return treeFault(trees, opt.Root, usr) }})
	if err != nil {
		return done, foreignError(err)
	}
	if opt.NoBoot {
		done.Boot = "boot menu left alone"
	} else if done.Boot, err = roomForAdopted(s, opt, done.Plan); err != nil {
		err = errors.Join(err, done.Close())
	}
	return done, err
}

// treeFault is why a tree would not boot, "" if it would.
func treeFault(trees *activate.Root, root, usr string) string {
	kernels, err := kernelVersions(usr)
	if err != nil {
		return err.Error()
	}
	if len(kernels) == 0 {
		return noKernel
	}
	for _, version := range kernels {
		if err := trees.Check(usr, activate.Checks{Init: initOf(root, usr), Kernel: version}); err != nil {
			return err.Error()
		}
	}
	return ""
}

// roomForAdopted plans the menu that is to come: without a place for it, or
// without a word on where the root is, nothing is taken over.
func roomForAdopted(s *store.Store, opt Options, p *adopt.Plan) (string, error) {
	want, err := wantedAdopted(s, opt, p)
	if err != nil || !anyKernel(want) {
		return "no state has a kernel: no boot entries", err
	}
	opt.take = true
	planned, err := planOnly(want, opt, func(id uint64) string {
		if i := slices.IndexFunc(p.States, func(one adopt.Taken) bool { return uint64(one.ID) == id }); i >= 0 {
			return p.States[i].Usr
		}
		return s.Usr(state.ID(id))
	})
	return planned.String(), err
}

func wantedAdopted(s *store.Store, opt Options, p *adopt.Plan) (bootloader.Want, error) {
	want := bootloader.Want{MachineID: machineID(opt.Root)}
	var err error
	if s != nil {
		if want, err = wanted(s, opt); err != nil {
			return want, err
		}
	} else if want.Token, err = tokenOf(opt); err != nil { // none is made in a dry run
		return want, err
	}
	want.Active, want.Booted = uint64(p.Live), uint64(bootedState(opt.Root, p.Live))
	contents, err := newContent(opt)
	if err != nil {
		return want, err
	}
	want.Keep = contents.config.Menu
	for _, one := range p.States {
		if one.Damaged > 0 && one.ID != p.Live {
			continue // marked bad: the menu does not offer it
		}
		offered, err := contents.state(state.State{ID: one.ID, Created: one.Created, Summary: one.Summary}, one.Usr)
		if err != nil {
			return want, err
		}
		want.States = append(want.States, offered)
	}
	want.Default = adoptedDefault(want, uint64(p.Live))
	return want, nil
}

// adoptedDefault is the live state: AerynOS' moss leaves a pattern in loader.conf
// that matches its own entries only, which has to give way.
func adoptedDefault(want bootloader.Want, live uint64) uint64 {
	if slices.ContainsFunc(want.States, func(s bootloader.State) bool { return s.ID == live && len(s.Kernels) > 0 }) {
		return live
	}
	return 0
}

func offerAdopted(s *store.Store, opt Options, done Adopted) (string, error) {
	want, err := wanted(s, opt)
	if err != nil || !anyKernel(want) {
		return done.Boot, err
	}
	if opt.keepDefault = len(done.States) == 0; !opt.keepDefault {
		opt.take = true
		if opt.Default, err = beforeNewer(s, state.ID(adoptedDefault(want, uint64(done.Live)))); err != nil {
			return done.Boot, err
		}
	}
	synced, err := syncMenu(s, opt)
	return synced.String(), err
}

// foreignError turns what the adoption refuses into what every verb refuses with.
func foreignError(err error) error {
	if refused, ok := errors.AsType[*adopt.RefusedError](err); ok {
		return &store.RefusedError{What: refused.What, Advice: refused.Advice}
	}
	if locked, ok := errors.AsType[*adopt.LockedError](err); ok {
		return &store.LockedError{Path: locked.Path, Holder: "AerynOS' moss"}
	}
	return err
}

// Summary says in a line what was done.
func (a Adopted) Summary(dry bool) string {
	verb := "took over"
	if dry {
		verb = "would take over"
	}
	if len(a.States) == 0 {
		return fmt.Sprintf("nothing to take over: %d states are known already; %s", len(a.Known), a.Boot)
	}
	return fmt.Sprintf("%s %d states, %d packages, %d contents (%d copied); %s", verb, len(a.States), a.Packages,
		a.Contents+a.Copies, a.Copies, cmp.Or(a.Boot, "boot menu unchanged"))
}
