package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/bootloader/esp"
	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store"
	"moss/store/state"
)

// Synced is what a sync of the menu did.
type Synced struct {
	Boot  string   `json:"boot"` // the folder of $BOOT
	Steps []string `json:"steps"`
	Need  uint64   `json:"need"` // bytes at the peak
	Have  uint64   `json:"have"`
}

// SyncMenu makes the boot menu of a root match its states. A second run writes
// nothing.
func SyncMenu(ctx context.Context, opt Options) (Synced, error) {
	s, err := openStore(ctx, opt)
	if err != nil {
		return Synced{}, err
	}
	opt.keepDefault = true
	done, err := syncMenu(s, opt)
	return done, errors.Join(err, s.Close())
}

func syncMenu(s *store.Store, opt Options) (Synced, error) {
	want, err := wanted(s, opt)
	if err != nil {
		return Synced{}, err
	}
	plan, err := planMenu(want, opt)
	if err != nil {
		return Synced{}, err
	}
	done := describePlan(plan)
	if opt.DryRun {
		return done, nil
	}
	for _, line := range done.Steps {
		opt.Log("menu: " + line)
	}
	if err := bootloader.Apply(plan); err != nil {
		return done, fmt.Errorf("write boot menu: %w", err)
	}
	if err := fault.Point("menu/list"); err != nil {
		return done, err
	}
	return done, listForEarlyBoot(s, plan.Boot, want)
}

func describePlan(p bootloader.Plan) Synced {
	done := Synced{Boot: p.Boot.Dir, Steps: []string{}, Need: p.Need, Have: p.Have}
	for _, step := range p.Steps {
		if step.Op != bootloader.OpSync {
			done.Steps = append(done.Steps, step.Text)
		}
	}
	return done
}

// planMenu hashes what the menu needs, looks at $BOOT and plans; it writes nothing.
func planMenu(want bootloader.Want, opt Options) (bootloader.Plan, error) {
	boot, err := esp.Find(opt.Root, opt.ESP)
	if err != nil {
		return bootloader.Plan{}, err
	}
	if want.Contents, err = bootloader.Digest(want); err != nil {
		return bootloader.Plan{}, err
	}
	found, err := bootloader.Scan(boot, want.Token)
	if err != nil {
		return bootloader.Plan{}, err
	}
	if opt.keepDefault {
		want.Default = found.DefaultState()
		if !slices.ContainsFunc(want.States, func(s bootloader.State) bool { return s.ID == want.Default && len(s.Kernels) > 0 }) {
			want.Default = 0
		}
	}
	plan, err := bootloader.MakePlan(want, found)
	if err != nil {
		return bootloader.Plan{}, fmt.Errorf("plan boot menu: %w", err)
	}
	return plan, nil
}

// wanted describes the menu that the states of a root ask for.
func wanted(s *store.Store, opt Options) (bootloader.Want, error) {
	token, err := ownToken(opt.Root)
	if err != nil {
		return bootloader.Want{}, err
	}
	return wantedAs(s, opt, token)
}

// bootState is a state as the boot loader needs it. A tree without a kernel
// yields one without kernels, which gets no entry.
func bootState(root string, row state.State, usr string) (bootloader.State, error) {
	one := bootloader.State{ID: uint64(row.ID), Created: row.Created, Summary: row.Summary, Pinned: row.Pinned}
	one.OSID, one.OSName = osRelease(usr)
	if row.Comment != "" {
		one.Summary = row.Comment
	}
	versions, err := kernelVersions(usr)
	if err != nil {
		return one, err
	}
	for _, version := range versions {
		k, err := bootKernel(root, usr, version, row.ID)
		if err != nil {
			return one, fmt.Errorf("describe kernel %s of state %d: %w", version, row.ID, err)
		}
		one.Kernels = append(one.Kernels, k)
	}
	return one, nil
}

// listForEarlyBoot leaves, on the root, what the menu offers: early boot falls
// back to a state of the menu and cannot read $BOOT, whose file system it may
// not know.
func listForEarlyBoot(s *store.Store, boot esp.Boot, want bootloader.Want) error {
	found, err := bootloader.Look(boot, want.Token)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, item := range bootloader.List(found, bootloader.Marks{}) {
		if !item.Foreign {
			fmt.Fprintf(&text, "%d %s\n", item.State, item.Kernel)
		}
	}
	path, err := bootFile(s.Root(), "menu")
	if err != nil {
		return err
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
	staged, err := bootState(t.opt.Root, row, t.stage.Usr())
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
	plan, err := planMenu(want, t.opt)
	if err != nil {
		return err
	}
	planned := describePlan(plan)
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
	return err
}

// String says it to a person.
func (d Synced) String() string {
	if len(d.Steps) == 0 {
		return "boot menu unchanged"
	}
	return fmt.Sprintf("boot menu in %s: %d changes", d.Boot, len(d.Steps))
}
