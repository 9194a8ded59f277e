package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/activate"
	"moss/store/asset"
	"moss/store/tree"
	"moss/store/trigger"
)

// TriggerOptions say how the triggers of a stage run.
type TriggerOptions struct {
	Root     string        // whose /etc and root links they see; "" is the store's root
	Previous *tree.Tree    // manifest of the state before, for pure triggers; may be nil
	Limit    time.Duration // for one trigger; 0 is trigger.DefaultLimit
	Log      func(string)  // may be nil
}

// TriggerReport says what the triggers of a stage did.
type TriggerReport struct {
	Runs  []TriggerRun `json:"runs"`  // in their order
	Paths int          `json:"paths"` // added, changed or removed by them
	Files int          `json:"files"` // contents new to the store
	Bytes int64        `json:"bytes"` // their size
}

// TriggerRun is one trigger that matched.
type TriggerRun struct {
	Name string `json:"name"`
	Did  string `json:"did"` // TriggerRan, TriggerCarried or TriggerInhibited
	Why  string `json:"why"` // of an inhibited one
	MS   int64  `json:"ms"`
}

// String is a line for a log.
func (r TriggerRun) String() string {
	switch r.Did {
	case TriggerRan:
		return fmt.Sprintf("%s ran: %d ms", r.Name, r.MS)
	case TriggerCarried:
		return r.Name + " has nothing to do: what it looks at is as in the state before, its outputs are carried over"
	}
	return r.Name + " does not run: " + r.Why
}

// What a trigger did.
const (
	TriggerRan       = "ran"
	TriggerCarried   = "carried over"
	TriggerInhibited = "inhibited"
)

// TriggerOwner begins the name of the package that owns a trigger's outputs in
// a manifest: TriggerOwner + the trigger's name. editsMark ends it when the
// trigger did more than add paths; such a run is never carried over, because
// what it took away cannot be seen in a manifest.
const (
	TriggerOwner = "trigger:"
	editsMark    = "+edits"
)

// Tree is what the stage holds, with the outputs of its triggers once they ran.
func (st *Stage) Tree() *tree.Tree { return st.tree }

// RunTriggers runs the transaction triggers that the staged tree brings, each on
// an overlay above it, and takes what they wrote into the stage, the asset store
// and the tree: staged files are links shared with other states, so a trigger
// never gets to write to one. On an error the stage is rubbish. It is called at
// most once, before Seal.
func (st *Stage) RunTriggers(ctx context.Context, opt TriggerOptions) (TriggerReport, error) {
	if opt.Root == "" {
		opt.Root = st.store.root
	}
	if opt.Log == nil {
		opt.Log = func(string) {}
	}
	r := &triggerRun{st: st, opt: opt}
	r.report.Runs = []TriggerRun{}
	jobs, err := st.plan(opt)
	if err != nil || len(jobs) == 0 {
		return r.report, refuseFile(err)
	}
	if r.batch, err = st.store.assets.NewBatch(); err != nil {
		return r.report, fmt.Errorf("run triggers: %w", err)
	}
	for _, job := range jobs {
		if err := r.one(ctx, job); err != nil {
			return r.report, errors.Join(refuseFile(err), r.batch.Drop())
		}
	}
	return r.report, r.publish()
}

// refuseFile turns faults of a package or of the machine into refusals.
func refuseFile(err error) error {
	var (
		file    *trigger.FileError
		cycle   *trigger.CycleError
		sandbox *trigger.SandboxError
	)
	switch {
	case errors.As(err, &file):
		return &RefusedError{err.Error(), file.Hint()}
	case errors.As(err, &cycle):
		return &RefusedError{err.Error(), cycle.Hint()}
	case errors.As(err, &sandbox):
		return &RefusedError{err.Error(), sandbox.Hint()}
	}
	return err
}

// plan reads the triggers of the stage and decides what is to be done.
func (st *Stage) plan(opt TriggerOptions) ([]trigger.Job, error) {
	all, err := trigger.Load(st.Usr(), trigger.Transaction)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	world := trigger.World{Environment: trigger.Environment(opt.Root), Exists: func(name string) bool {
		return visible(st.Usr(), opt.Root, name)
	}}
	return trigger.Make(trigger.Transaction, all, st.tree, world)
}

// visible says whether a trigger would find name in its sandbox. What follows a
// link out of the two trees that it sees is not there.
func visible(usr, root, name string) bool {
	for prefix, dir := range map[string]string{"/usr/": usr, "/etc/": filepath.Join(root, "etc")} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		in, err := os.OpenRoot(dir)
		if err != nil {
			return false
		}
		defer in.Close()
		_, err = in.Lstat(rest)
		return err == nil
	}
	return name == "/usr" || name == "/etc"
}

type triggerRun struct {
	st     *Stage
	opt    TriggerOptions
	batch  *asset.Batch
	count  int
	memory bool // overlays cannot be on the stage's file system
	report TriggerReport
}

func (r *triggerRun) one(ctx context.Context, job trigger.Job) error {
	if job.Inhibited != "" {
		r.did(TriggerRun{Name: job.Name, Did: TriggerInhibited, Why: job.Inhibited})
		return nil
	}
	if carried, err := r.carry(job); err != nil || carried {
		return err
	}
	if err := errors.Join(ctx.Err(), fault.Point("trigger/run")); err != nil {
		return err
	}
	begun := time.Now()
	if err := r.sandboxed(ctx, job); err != nil {
		return err
	}
	r.did(TriggerRun{Name: job.Name, Did: TriggerRan, MS: time.Since(begun).Milliseconds()})
	return nil
}

func (r *triggerRun) did(one TriggerRun) { r.report.Runs = append(r.report.Runs, one) }

// sandboxed runs one trigger and merges what it wrote.
func (r *triggerRun) sandboxed(ctx context.Context, job trigger.Job) (err error) {
	out := &trigger.Output{}
	written, work, err := r.start(ctx, job, out)
	if r.memory = r.memory || trigger.NeedsMemory(err); err != nil && trigger.NeedsMemory(err) {
		r.opt.Log("trigger " + job.Name + ": " + err.Error() + "; trying with its writes in memory")
		err = os.RemoveAll(work)
		if err == nil {
			written, work, err = r.start(ctx, job, out)
		}
	}
	for _, line := range trigger.Lines(out.String()) {
		r.opt.Log("trigger " + job.Name + ": " + line)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(work))
	}
	err = fault.Point("trigger/merge")
	if err == nil {
		err = r.merge(job, written)
	}
	return errors.Join(err, written.Close(), os.RemoveAll(work))
}

// start makes a fresh work folder for each run: the kernel may still hold the
// one before for a moment.
func (r *triggerRun) start(ctx context.Context, job trigger.Job, out *trigger.Output) (*trigger.Written, string, error) {
	r.count++
	work := filepath.Join(r.st.dir, fmt.Sprintf(".trigger-%d", r.count))
	if err := os.Mkdir(work, 0o700); err != nil {
		return nil, work, fmt.Errorf("run trigger %s: %w", job.Name, err)
	}
	box := trigger.Sandbox{Usr: r.st.Usr(), Etc: filepath.Join(r.opt.Root, "etc"), Links: r.links(),
		Work: work, Limit: r.opt.Limit, Memory: r.memory}
	written, err := box.Run(ctx, job, out)
	return written, work, err
}

// links are the names at the root by which programs and libraries are found, as
// they will be once the stage is live.
func (r *triggerRun) links() map[string]string {
	return activate.Open(r.opt.Root).RootLinks(r.st.Usr())
}

// publish makes the outputs durable, and only then gives them their names in
// the store. The links in the stage are of the same files.
func (r *triggerRun) publish() error {
	r.report.Files, r.report.Bytes = r.batch.Files, r.batch.Bytes
	if r.batch.Files > 0 {
		if err := atomicfile.SyncFS(r.st.dir); err != nil {
			return errors.Join(fmt.Errorf("make outputs of triggers durable: %w", err), r.batch.Drop())
		}
	}
	err := fault.Point("trigger/done")
	if err == nil {
		err = r.batch.Publish()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("store outputs of triggers: %w", err), r.batch.Drop())
	}
	return nil
}

// merge takes what one trigger wrote into stage, batch and tree.
func (r *triggerRun) merge(job trigger.Job, written *trigger.Written) error {
	changes, err := written.Changes(job.Name)
	if err != nil {
		return err
	}
	e := newEdit(r.st.tree, changes)
	owner := TriggerOwner + job.Name
	if e.more {
		owner += editsMark
	}
	for _, one := range e.contents {
		if err := r.adopt(one); err != nil {
			return fmt.Errorf("keep what trigger %s wrote: %w", job.Name, err)
		}
	}
	return r.apply(e, owner)
}

func (r *triggerRun) adopt(one trigger.Change) error {
	f, err := one.Open()
	if err != nil {
		return err
	}
	return errors.Join(r.batch.Adopt(one.Layout, f), f.Close())
}

func (r *triggerRun) apply(e *edit, owner string) error {
	if err := e.toDisk(r.st.Usr(), r.batch); err != nil {
		return fmt.Errorf("put what %s wrote into the stage: %w", owner, err)
	}
	r.st.tree = e.result(r.st.tree, owner)
	r.report.Paths += len(e.gone) + len(e.set)
	return nil
}

// carry takes over from the previous state what a pure trigger made there, if
// it would make the same again.
func (r *triggerRun) carry(job trigger.Job) (bool, error) {
	owner := TriggerOwner + job.Name
	if !job.Pure || r.opt.Previous == nil || !sameInputs(job, r.st.tree, r.opt.Previous, owner) {
		return false, nil
	}
	e := &edit{set: owned(r.opt.Previous, owner)}
	for _, one := range e.set {
		if fits, err := r.fits(one, e.set); err != nil || !fits {
			return false, err
		}
	}
	if err := r.apply(e, owner); err != nil {
		return false, err
	}
	r.did(TriggerRun{Name: job.Name, Did: TriggerCarried})
	return true, nil
}

// fits says whether an output of the previous state can be put into this tree:
// nothing is in its place, its folder is there and its content too.
func (r *triggerRun) fits(one tree.Entry, with []tree.Entry) (bool, error) {
	if _, taken := lookup(r.st.tree.Entries, one.Path); taken {
		return false, nil
	}
	if above := path.Dir(one.Path); above != "." {
		parent, known := lookup(r.st.tree.Entries, above)
		if !known {
			parent, known = lookup(with, above)
		}
		if !known || !parent.IsDir() {
			return false, nil
		}
	}
	if !one.IsRegular() || one.Size == 0 {
		return true, nil
	}
	from, err := r.batch.Path(one.Layout)
	if err != nil {
		return false, err
	}
	err = unix.Access(from, unix.F_OK)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}
