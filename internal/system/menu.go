package system

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/esp"
	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/internal/ui"
	"moss/store"
	"moss/store/state"
)

// Synced is what a sync of the menu did.
type Synced struct {
	Boot  string   `json:"boot"` // the folder of $BOOT
	Steps []string `json:"steps"`
	Need  uint64   `json:"need"` // bytes at the peak
	Have  uint64   `json:"have"`
	// Shrunk are states that have no entry for want of space.
	Shrunk []uint64 `json:"shrunk"`
}

// SyncMenu makes the boot menu of a root match its states. A second run writes
// nothing.
func SyncMenu(ctx context.Context, opt Options) (Synced, error) {
	s, err := openStore(ctx, opt)
	if err != nil {
		return Synced{}, err
	}
	opt.keepDefault, opt.followConfig = true, true
	done, err := syncMenu(s, opt)
	if err != nil && ui.Hint(err) == "" {
		err = hintedError{err, "mend the cause, then run it again: moss-boot sync"}
	}
	return done, errors.Join(err, s.Close())
}

func syncMenu(s *store.Store, opt Options) (done Synced, err error) {
	want, err := wanted(s, opt)
	if err != nil {
		return Synced{}, err
	}
	boot, err := openBoot(opt, opt.DryRun)
	if err != nil {
		return Synced{}, err
	}
	defer func() { err = errors.Join(err, boot.Close()) }()
	if err := recordFailed(s, opt, want, boot); err != nil {
		return Synced{}, err
	}
	plan, images, err := planMenu(want, opt, boot, treesOf(s))
	if err != nil {
		return Synced{}, err
	}
	if done = describePlan(plan); opt.DryRun {
		return done, nil
	}
	for _, line := range done.Steps {
		opt.Log("menu: " + line)
	}
	if len(done.Shrunk) > 0 {
		opt.Log(fmt.Sprintf("warning: %s is short of space: no boot entry for state %s", done.Boot, JoinStates(done.Shrunk)))
	}
	if err := writeMenu(s, opt, plan, want, &done); err != nil {
		return done, err
	}
	return done, errors.Join(sweepSigned(opt.Root, images), settleBuilt(opt.Root, want), dropGhosts(s, opt.Root))
}

// writeMenu carries a plan out. What other loaders read follows it, and is taken
// back from what the plan removes before that goes.
func writeMenu(s *store.Store, opt Options, plan bootloader.Plan, want bootloader.Want, done *Synced) error {
	if err := beforeBIOS(opt, plan, want.Token); err != nil {
		return err
	}
	warnings, err := bootloader.Apply(plan, opt.vars())
	for _, line := range warnings {
		opt.Log("warning: " + line)
	}
	if err != nil {
		return fmt.Errorf("write boot menu: %w", err)
	}
	more, err := syncBIOS(opt, plan.Boot, want.Token, nil)
	if err != nil {
		return err
	}
	done.Steps = append(done.Steps, more...)
	if err := fault.Point("menu/list"); err != nil {
		return err
	}
	return listForEarlyBoot(s, plan.Boot, want)
}

func describePlan(p bootloader.Plan) Synced {
	done := Synced{Boot: p.Boot.Dir, Steps: []string{}, Need: p.Need, Have: p.Have, Shrunk: append([]uint64{}, p.Shrunk...)}
	for _, step := range p.Steps {
		if step.Op != bootloader.OpSync {
			done.Steps = append(done.Steps, step.Text)
		}
	}
	return done
}

// treeOf gives the tree of a state.
type treeOf func(id uint64) string

func treesOf(s *store.Store) treeOf { return func(id uint64) string { return s.Usr(state.ID(id)) } }

// planMenu signs what has to be, hashes what the menu needs, looks at $BOOT and
// plans; on $BOOT it writes nothing. It also returns the images that the menu is
// made of.
func planMenu(want bootloader.Want, opt Options, boot esp.Boot, usr treeOf) (plan bootloader.Plan, images []string, err error) {
	found, err := scanBoot(opt, boot, want.Token)
	if err != nil {
		return bootloader.Plan{}, nil, err
	}
	settle(&want, opt, found)
	want, how, err := finished(want, opt, found, usr)
	if err != nil {
		return bootloader.Plan{}, nil, err
	}
	defer func() { err = errors.Join(err, how.close()) }()
	if want.Contents, err = bootloader.Digest(want); err != nil {
		return bootloader.Plan{}, nil, err
	}
	if plan, err = bootloader.MakePlan(want, found); err != nil {
		return bootloader.Plan{}, nil, fmt.Errorf("plan boot menu: %w", err)
	}
	if err := how.guard(plan, imagesOf(want)); err != nil {
		return bootloader.Plan{}, nil, err
	}
	return plan, imagesOf(want), nil
}

// settle adds to a menu what only $BOOT tells.
func settle(want *bootloader.Want, opt Options, found bootloader.Found) {
	want.TakeDefault = opt.take
	if opt.keepDefault {
		keepDefault(want, found)
	}
	if next := found.Next(); next.Why == bls.ByOneShot {
		want.Once = next.State
	}
	for i := range want.States {
		want.States[i].Bad = heldBad(opt, *want, found, state.ID(want.States[i].ID))
	}
}

// recordFailed marks the states that used up their tries before the menu changes:
// an entry that is made anew has no counter that would tell.
func recordFailed(s *store.Store, opt Options, want bootloader.Want, boot esp.Boot) error {
	if opt.DryRun {
		return nil
	}
	opt.held = &boot
	found, err := look(s, opt)
	if err != nil {
		return err
	}
	failed, err := markExhausted(s, opt, found, state.ID(want.Active), state.ID(want.Booted))
	for _, one := range failed {
		opt.Log(fmt.Sprintf("warning: state %d has failed: %s", one.State, one.Reason))
	}
	return err
}

// keepDefault leaves the default where it is; what somebody chose at the loader's
// own menu counts as much.
func keepDefault(want *bootloader.Want, found bootloader.Found) {
	for _, id := range []uint64{found.Wish(), found.DefaultState()} {
		if slices.ContainsFunc(want.States, func(s bootloader.State) bool { return s.ID == id && len(s.Kernels) > 0 }) {
			want.Default = id
			return
		}
	}
	want.Default = 0
}

// wanted describes the menu that the states of a root ask for.
func wanted(s *store.Store, opt Options) (bootloader.Want, error) {
	token, err := ownToken(opt)
	if err != nil {
		return bootloader.Want{}, err
	}
	return wantedAs(s, opt, token)
}

// listForEarlyBoot leaves, on the root, what the menu offers: early boot falls
// back to a state of the menu and cannot read $BOOT, whose file system it may
// not know. A line is the state, its kernel, what LoaderEntryOneShot has to be for
// this very entry, and the entry's file, whose counter may be another by then.
func listForEarlyBoot(s *store.Store, boot esp.Boot, want bootloader.Want) error {
	found, err := bootloader.Look(boot, want.Token)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, item := range bootloader.List(found, bootloader.Marks{}) {
		if item.State != 0 {
			name, _ := bls.ParseName(item.File)
			fmt.Fprintf(&text, "%d %s %s* %s\n", item.State, item.Kernel, name.Stem, item.File)
		}
	}
	path, err := bootFile(s.Root(), "menu")
	if err != nil {
		return err
	}
	if before, err := os.ReadFile(path); err == nil && string(before) == text.String() {
		return nil
	}
	return atomicfile.Write(path, []byte(text.String()), 0o644)
}

// room is the transaction's step that makes sure of $BOOT before anything is
// sealed: what would not fit, or has nowhere to go, fails here, with nothing
// changed. The number is a guess, the sizes are not.
func (t *transaction) room(context.Context) error {
	if t.opt.NoBoot {
		return t.dryRun()
	}
	want, err := wanted(t.store, t.opt)
	if err != nil {
		return err
	}
	next := state.ID(1)
	for _, one := range want.States {
		next = max(next, state.ID(one.ID)+1)
	}
	row := state.State{ID: next, Created: t.opt.Now, Summary: t.summary()}
	contents, err := newContent(t.opt)
	if err != nil {
		return err
	}
	staged, err := contents.state(row, t.stage.Usr())
	if err != nil {
		return err
	}
	want.States = append(want.States, staged)
	if len(staged.Kernels) == 0 && t.opt.NextBoot {
		return noEntry(next)
	}
	if len(staged.Kernels) == 0 {
		t.opt.Log("warning: there is no kernel in this state: it gets no boot entry")
	}
	if !anyKernel(want) {
		t.opt.NoBoot = true
		return t.dryRun()
	}
	usr := func(id uint64) string {
		if id == uint64(next) {
			return t.stage.Usr()
		}
		return t.store.Usr(state.ID(id))
	}
	planned, err := planOnly(want, t.opt, usr)
	if err != nil {
		return err
	}
	t.result.Menu, t.result.Boot = &planned, planned.String()
	return t.dryRun()
}

// dryRun ends after the last step that changes nothing but the store.
func (t *transaction) dryRun() error {
	if t.opt.DryRun {
		return errDone
	}
	return nil
}

// anyKernel: a root whose states have no kernel needs no $BOOT at all.
func anyKernel(w bootloader.Want) bool {
	for _, s := range w.States {
		if len(s.Kernels) > 0 {
			return true
		}
	}
	return false
}

func (t *transaction) menu(context.Context) error {
	if t.opt.NoBoot {
		t.result.Boot = "boot menu left alone"
		return nil
	}
	t.chosen = namedDefault(t.store, t.opt)
	done, err := syncMenu(t.store, t.opt)
	t.result.Boot, t.result.Menu = done.String(), &done
	if err == nil && t.opt.NextBoot {
		t.result.Notes = append(t.result.Notes, otherNext(t.store, t.opt, t.result.ID)...)
	}
	return err
}

// String says it to a person.
func (d Synced) String() string {
	if len(d.Steps) == 0 {
		return "boot menu unchanged"
	}
	return fmt.Sprintf("boot menu in %s: %d changes", d.Boot, len(d.Steps))
}
