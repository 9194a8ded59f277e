package system

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"moss/internal/fault"
	"moss/store"
	"moss/store/state"
	"moss/store/tree"
	"moss/store/trigger"
)

// TriggerInfo is a trigger that has something to do in the live state.
type TriggerInfo struct {
	Scope       trigger.Scope     `json:"scope"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	File        string            `json:"file"`
	Pure        bool              `json:"pure"`
	Inhibited   string            `json:"inhibited"` // why it does not run, "" if it does
	Commands    []trigger.Command `json:"commands"`
}

// Triggers lists what would run for the live state of a root, in order. It
// takes no lock.
func Triggers(opt Options) ([]TriggerInfo, error) {
	all := []TriggerInfo{}
	for _, scope := range []trigger.Scope{trigger.Transaction, trigger.System} {
		jobs, err := planTriggers(opt.Root, scope)
		if err != nil {
			return nil, err
		}
		for _, job := range jobs {
			all = append(all, TriggerInfo{scope, job.Name, strings.TrimSpace(job.Description), job.File, job.Pure, job.Inhibited, job.Commands})
		}
	}
	return all, nil
}

// planTriggers matches the triggers of the live tree against its manifest, less
// what triggers themselves made: that is not there yet when they are matched.
func planTriggers(root string, scope trigger.Scope) ([]trigger.Job, error) {
	live, err := Active(root)
	if err != nil {
		return nil, err
	}
	all, err := trigger.Load(filepath.Join(root, "usr"), scope)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	manifest, err := liveManifest(root, live)
	if err != nil {
		return nil, err
	}
	world := trigger.World{Environment: trigger.Environment(root), Exists: func(name string) bool { return existsBelow(root, name) }}
	return trigger.Make(scope, all, packaged(manifest), world)
}

func liveManifest(root string, live state.ID) (*tree.Tree, error) {
	s, err := store.View(root)
	if err != nil {
		return nil, err
	}
	t, err := s.Manifest(live)
	if err != nil {
		err = fmt.Errorf("read manifest of state %d: %w", live, err)
	}
	return t, errors.Join(err, s.Close())
}

func packaged(all *tree.Tree) *tree.Tree {
	t := &tree.Tree{Packages: all.Packages}
	for _, e := range all.Entries {
		if e.Owner == tree.Implied || !strings.HasPrefix(all.Packages[e.Owner], store.TriggerOwner) {
			t.Entries = append(t.Entries, e)
		}
	}
	return t
}

func existsBelow(root, name string) bool {
	in, err := os.OpenRoot(root)
	if err != nil {
		return false
	}
	defer in.Close()
	_, err = in.Lstat(strings.TrimPrefix(name, "/"))
	return err == nil
}

// TriggerResult says what running the system triggers did.
type TriggerResult struct {
	State state.ID           `json:"state"`
	Runs  []store.TriggerRun `json:"runs"`
}

// RunTriggers runs the system triggers of the live state; with onlyPending, only
// if they have not all succeeded for it yet. A failure is a LateError, and
// leaves them pending.
func RunTriggers(ctx context.Context, opt Options, onlyPending bool) (TriggerResult, error) {
	result := TriggerResult{Runs: []store.TriggerRun{}}
	live, err := Active(opt.Root)
	if err != nil || onlyPending && !isPending(opt.Root, live) {
		result.State = live
		return result, err
	}
	if !ownRoot(opt.Root) {
		return result, &store.RefusedError{What: "run the system triggers of " + opt.Root + ": they are for a running system",
			Advice: "they run by themselves at its first boot; or chroot into it and run: moss trigger run"}
	}
	s, err := openStore(ctx, opt)
	if err != nil {
		return result, err
	}
	result, err = runSystem(ctx, opt)
	return result, errors.Join(err, s.Close())
}

// ownRoot says whether root is the system that this process runs on, whose
// programs see the same files under the same names.
func ownRoot(root string) bool {
	a, errA := os.Stat("/")
	b, errB := os.Stat(root)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// runPending is the end of a change: the caller holds the lock. The triggers of
// another root than the running system's are left to its first boot, because
// they are about what runs (services, caches by absolute path, users).
func runPending(ctx context.Context, opt Options) error {
	live, err := Active(opt.Root)
	if err != nil || !isPending(opt.Root, live) {
		return err
	}
	if !ownRoot(opt.Root) {
		opt.Log("the system triggers of " + opt.Root + " are left to its first boot")
		return nil
	}
	_, err = runSystem(ctx, opt)
	return err
}

// runSystem runs all of them, whatever some do, and takes the mark away only if
// all succeeded: what failed is tried again at the next boot.
func runSystem(ctx context.Context, opt Options) (TriggerResult, error) {
	result := TriggerResult{Runs: []store.TriggerRun{}}
	var err error
	if result.State, err = Active(opt.Root); err != nil {
		return result, err
	}
	jobs, err := planTriggers(opt.Root, trigger.System)
	if err != nil {
		return result, &LateError{result.State, err}
	}
	var errs []error
	for _, job := range jobs {
		one, err := runSystemJob(ctx, opt, job)
		if err == nil {
			result.Runs = append(result.Runs, one)
			opt.Log("trigger " + one.String())
			continue
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(errs) > 0 {
		return result, &LateError{result.State, failures(errs)}
	}
	if err := clearPending(opt.Root, result.State); err != nil {
		return result, &LateError{result.State, err}
	}
	return result, nil
}

// failures are those of several triggers, each with what it printed.
type failures []error

func (f failures) Error() string   { return errors.Join(f...).Error() }
func (f failures) Unwrap() []error { return f }

// Lines are what the triggers printed, which one said what if there are several.
func (f failures) Lines() (all []string) {
	for _, err := range f {
		one, ok := errors.AsType[*trigger.Error](err)
		if !ok {
			continue
		}
		for _, line := range one.Lines() {
			if len(f) > 1 {
				line = one.Trigger + ": " + line
			}
			all = append(all, line)
		}
	}
	return all
}

func runSystemJob(ctx context.Context, opt Options, job trigger.Job) (store.TriggerRun, error) {
	if job.Inhibited != "" {
		return store.TriggerRun{Name: job.Name, Did: store.TriggerInhibited, Why: job.Inhibited}, nil
	}
	if err := fault.Point("trigger/system"); err != nil {
		return store.TriggerRun{}, err
	}
	begun, out := time.Now(), &trigger.Output{}
	err := job.RunLive(ctx, trigger.DefaultLimit, out)
	// Of one that failed the error tells.
	for _, line := range trigger.Lines(out.String()) {
		opt.Log("trigger " + job.Name + ": " + line)
	}
	return store.TriggerRun{Name: job.Name, Did: store.TriggerRan, MS: time.Since(begun).Milliseconds()}, err
}
