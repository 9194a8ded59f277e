package system

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"moss/store"
	"moss/store/activate"
	"moss/store/fetch"
	"moss/store/state"
	"moss/store/tree"
)

// download fetches what is not in the cache. Each file gets its name only when
// size and hash hold, so what has its name needs no second look here; unpacking
// hashes it once more all the same.
func (t *transaction) download(ctx context.Context) error {
	if t.opt.Agree != nil && !t.opt.DryRun {
		if yes, err := t.opt.Agree(t.result); err != nil {
			return err
		} else if !yes {
			return Declined()
		}
	}
	// What is there already is proved once more and only fetched if it is damaged.
	var files []fetch.File
	for _, one := range t.fetch {
		t.files = append(t.files, store.File{Path: one.Path, ID: one.id, Repo: one.repo})
		files = append(files, one.File)
	}
	if err := t.store.CheckSpace(store.Need{Total: uint64(t.result.Download), Nodes: uint64(len(files))}); err != nil {
		return err
	}
	if err := fetch.Files(ctx, files, t.opt.fetching()); err != nil {
		return fmt.Errorf("download packages: %w", err)
	}
	return t.prepare(ctx)
}

// prepare opens the downloads beside the local stones, which are open already.
func (t *transaction) prepare(ctx context.Context) error {
	fetched, err := store.Prepare(ctx, t.files[len(t.fresh):])
	t.fresh = append(t.fresh, fetched...)
	if err != nil {
		return err
	}
	fresh := map[string]*store.Prepared{}
	for _, one := range t.fresh {
		fresh[one.ID] = one
	}
	for _, p := range t.wanted.Packages {
		chosen := store.Chosen{Explicit: p.Explicit}
		if one, ok := fresh[p.ID]; ok {
			chosen.Package = one.Package
		} else if chosen.Package, err = t.store.Package(p.ID); err != nil {
			return err
		}
		if err := described(p.Repo, p.Meta, &chosen.Meta); err != nil {
			return err
		}
		t.after.Packages = append(t.after.Packages, chosen)
	}
	return nil
}

func (t *transaction) plan(context.Context) (err error) {
	if t.tree, err = t.store.Plan(t.after, t.fresh); err != nil {
		return err
	}
	t.result.Paths = len(t.tree.Entries)
	before := t.previous
	if before == nil {
		before = &tree.Tree{}
	}
	d := tree.Compare(before, t.tree)
	t.result.Changes = Counts{len(d.Added), len(d.Removed), len(d.Changed)}
	t.result.Reboot = rebootReasons(before, t.tree)
	return nil
}

func (t *transaction) space(context.Context) (err error) {
	if t.need, err = t.store.Needs(t.tree, t.fresh); err != nil {
		return err
	}
	t.result.Files, t.result.Bytes, t.result.Space = t.need.Files, t.need.Bytes, t.need.Total
	return t.store.CheckSpace(t.need)
}

func (t *transaction) unpack(ctx context.Context) error {
	var task Task = silent{}
	if len(t.fresh) > 0 {
		task = t.opt.begin("unpack", t.need.Bytes, "bytes")
	}
	_, err := t.store.Unpack(ctx, t.fresh, func(p *store.Prepared) { task.Add(p.Content) })
	task.Done(err)
	return err
}

func (t *transaction) writeStage(ctx context.Context) (err error) {
	task := t.opt.begin("stage", int64(len(t.tree.Entries)), "files")
	t.stage, err = t.store.Stage(ctx, t.tree, task.Add)
	task.Done(err)
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
	t.why = why
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
	if kernels, err := kernelVersions(t.stage.Usr()); err != nil {
		return err
	} else if len(kernels) == 0 && t.why == "" {
		t.why = noKernel
	}
	t.result.ID, err = t.stage.Seal(state.State{Created: t.opt.Now, Summary: t.summary(),
		Comment: t.opt.Comment, Selections: t.after.Selections(), Fault: t.why})
	return err
}

// noKernel is why a tree that is no system by itself is not bootable.
const noKernel = "there is no kernel in it"

// summary tells a person at the boot menu what the state was made for.
func (t *transaction) summary() string {
	var parts []string
	for _, did := range []struct {
		verb  string
		names []string
	}{{"install ", t.result.Added}, {"remove ", t.result.Removed}, {"update ", t.result.Changed}, {"keep ", t.kept}} {
		if names := firstWords(did.names); names != "" {
			parts = append(parts, did.verb+names)
		}
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
	if err := markPending(t.opt.Root, t.result.ID); err != nil || t.opt.NextBoot {
		return err
	}
	return exchange(t.store, t.opt, t.result.ID)
}

// links comes after the exchange because it goes by what the live tree has.
func (t *transaction) links(context.Context) error {
	if t.opt.NextBoot {
		return nil
	}
	return t.store.Trees().Links()
}
