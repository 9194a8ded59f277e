package system

import (
	"context"
	"errors"
	"slices"

	"moss/bootloader"
	"moss/store"
	"moss/store/activate"
	"moss/store/state"
)

// PlanMenu says what SyncMenu would do. It takes no lock and writes nothing, not
// even the mark by which this installation knows its entries.
func PlanMenu(ctx context.Context, opt Options) (Synced, error) {
	if err := ctx.Err(); err != nil {
		return Synced{}, err
	}
	s, err := store.View(opt.Root)
	if err != nil {
		return Synced{}, err
	}
	done, err := plannedMenu(s, opt)
	return done, errors.Join(err, s.Close())
}

func plannedMenu(s *store.Store, opt Options) (Synced, error) {
	opt.keepDefault, opt.DryRun, opt.followConfig = true, true, true
	token, err := tokenOf(opt)
	if err != nil {
		return Synced{}, err
	}
	want, err := wantedAs(s, opt, token)
	if err != nil {
		return Synced{}, err
	}
	return planOnly(want, opt, treesOf(s))
}

func planOnly(want bootloader.Want, opt Options, usr treeOf) (Synced, error) {
	plan, err := planFor(want, opt, usr)
	return describePlan(plan), err
}

// planFor plans and leaves $BOOT as it is. Unless it is a dry run what has to be
// signed is signed: a unified image's size is known only once it is there.
func planFor(want bootloader.Want, opt Options, usr treeOf) (plan bootloader.Plan, err error) {
	opt.planning = true
	boot, err := openBoot(opt, true)
	if err != nil {
		return bootloader.Plan{}, err
	}
	defer func() { err = errors.Join(err, boot.Close()) }()
	plan, _, err = planMenu(want, opt, boot, usr)
	return plan, err
}

// wantedAs describes the menu that the states of a root ask for, with the token
// that its entries bear.
func wantedAs(s *store.Store, opt Options, token string) (bootloader.Want, error) {
	rows, err := s.States()
	if err != nil {
		return bootloader.Want{}, err
	}
	live, _ := s.Active() // an unsealed /usr is no state; nothing is live then
	w := bootloader.Want{Token: token, MachineID: machineID(opt.Root), Active: uint64(live),
		Booted: uint64(bootedState(opt.Root, live)), Default: uint64(opt.Default), Good: uint64(lastGood(opt.Root, rows))}
	contents, err := newContent(opt)
	if err != nil {
		return bootloader.Want{}, err
	}
	w.Keep = contents.config.Menu
	bad := badStates(opt.Root)
	for _, row := range rows {
		if slices.Contains(opt.Without, row.ID) || slices.Contains(bad, row.ID) && row.ID != live && row.ID != opt.Default && row.ID != opt.chosen {
			continue
		}
		if !isWhole(s, row) {
			continue
		}
		one, err := contents.state(row, s.Usr(row.ID))
		if ofTree(err, s.Usr(row.ID)) && !slices.Contains([]uint64{w.Active, w.Booted, w.Default, uint64(opt.chosen)}, uint64(row.ID)) {
			contents.warn(err.Error() + "; it gets no boot entry")
			continue
		}
		if err != nil {
			return bootloader.Want{}, err
		}
		w.States = append(w.States, one)
	}
	if contents.config.Rescue {
		w.Rescue = withShell(rescueKernel(w.States, w.Booted), contents.warn)
	}
	return w, nil
}

// isWhole: a tree that is not is never offered.
func isWhole(s *store.Store, row state.State) bool {
	says, err := activate.LiveID(s.Usr(row.ID))
	return err == nil && says == row.ID
}
