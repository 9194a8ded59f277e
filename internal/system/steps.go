package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"moss/store"
	"moss/store/activate"
	"moss/store/state"
)

func (t *transaction) unpack(ctx context.Context) error {
	added, err := t.store.Unpack(ctx, t.change.Stones)
	if err != nil {
		return err
	}
	t.added = added
	for _, one := range added {
		t.result.Files += one.Files
		t.result.Bytes += one.Bytes
	}
	return nil
}

// resolve starts from the live state. A root without one starts from nothing,
// but a /usr that no state made is not overwritten by accident.
func (t *transaction) resolve(context.Context) error {
	live, err := t.store.Active()
	switch {
	case err == nil:
		t.result.Previous = live
		if t.before, err = t.store.Selected(live); err != nil {
			return fmt.Errorf("read the live state: %w", err)
		}
	case !errors.Is(err, activate.ErrUnsealed):
		return err
	case !t.store.EmptyUsr() && !t.opt.Force:
		return &store.RefusedError{What: "/usr holds files that no state of moss made", Advice: "start from a root without /usr, or use --force to set it aside"}
	}
	req := store.Request{Remove: t.change.Remove, Force: t.opt.Force}
	for _, one := range t.added {
		req.Add = append(req.Add, one.Package)
	}
	if t.after, err = t.before.Resolve(req); err != nil {
		return err
	}
	t.result.Added, t.result.Removed = difference(t.before, t.after)
	return nil
}

// difference names what one choice has and the other has not.
func difference(before, after store.Choice) (added, removed []string) {
	label := func(p state.Package) string { return p.Label() }
	old, now := labels(before, label), labels(after, label)
	for _, l := range now {
		if !slices.Contains(old, l) {
			added = append(added, l)
		}
	}
	for _, l := range old {
		if !slices.Contains(now, l) {
			removed = append(removed, l)
		}
	}
	return added, removed
}

func labels(c store.Choice, label func(state.Package) string) []string {
	var all []string
	for _, p := range c.Packages {
		all = append(all, label(p))
	}
	slices.Sort(all)
	return all
}

func (t *transaction) plan(context.Context) (err error) {
	if t.tree, err = t.store.Plan(t.after); err != nil {
		return err
	}
	t.result.Paths = len(t.tree.Entries)
	if t.opt.DryRun {
		return errDone
	}
	return nil
}

func (t *transaction) writeStage(ctx context.Context) (err error) {
	t.stage, err = t.store.Stage(ctx, t.tree)
	return err
}

// check asks whether the staged tree can boot with every kernel it brings. A
// tree without a kernel is no system that boots by itself (a container, an image
// in the making): it gets no entry and is not asked, unless the live one has a
// kernel, which it would lose.
func (t *transaction) check(context.Context) error {
	why, err := t.fault()
	if err != nil {
		return fmt.Errorf("check whether the new state can boot: %w", err)
	}
	if why != "" && t.opt.Force {
		t.opt.Log("warning: this state cannot boot: " + why)
		return nil
	}
	if why != "" {
		return &store.RefusedError{What: "the new state would not boot: " + why, Advice: "install what is missing, or use --force to make the state all the same"}
	}
	return nil
}

// fault is why the staged tree cannot boot, "" if it can.
func (t *transaction) fault() (string, error) {
	kernels, err := kernelVersions(t.stage.Usr())
	if err != nil {
		return "", err
	}
	before, err := kernelVersions(t.store.Trees().Usr())
	if err != nil {
		return "", err
	}
	if len(kernels) == 0 && len(before) > 0 {
		return "there is no kernel in it, and the live state has one", nil
	}
	for _, version := range kernels {
		err := t.store.Trees().Check(t.stage.Usr(), activate.Checks{Init: initOf(t.opt.Root, t.stage.Usr()), Kernel: version})
		var cannot *activate.CannotBoot
		if errors.As(err, &cannot) {
			return cannot.Error(), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

func (t *transaction) seal(context.Context) (err error) {
	t.result.ID, err = t.stage.Seal(state.State{Created: t.opt.Now, Summary: t.summary(),
		Comment: t.opt.Comment, Selections: t.after.Selections()})
	return err
}

// summary tells a person at the boot menu what the state was made for.
func (t *transaction) summary() string {
	var parts []string
	if names := firstWords(t.result.Added); names != "" {
		parts = append(parts, "install "+names)
	}
	if names := firstWords(t.result.Removed); names != "" {
		parts = append(parts, "remove "+names)
	}
	if parts == nil {
		return "no change"
	}
	return strings.Join(parts, ", ")
}

// firstWords shortens a list of labels to three names and a count.
func firstWords(labels []string) string {
	var names []string
	for _, l := range labels {
		name, _, _ := strings.Cut(l, " ")
		names = append(names, name)
	}
	if len(names) > 3 {
		return strings.Join(names[:3], " ") + fmt.Sprintf(" and %d more", len(names)-3)
	}
	return strings.Join(names, " ")
}

func (t *transaction) exchange(context.Context) error {
	if t.opt.NextBoot {
		return nil
	}
	return t.store.Trees().Exchange(t.result.ID)
}

// links comes after the exchange because it goes by what the live tree has.
func (t *transaction) links(context.Context) error {
	if t.opt.NextBoot {
		return nil
	}
	return t.store.Trees().Links()
}
