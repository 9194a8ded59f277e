package system

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"

	"moss/store"
	"moss/usrmerge"
)

// RunUsrMerge merges a root when its gate is open, or with opt.Force whatever
// rollout, markers and machine id say. No transaction runs at the same time. A
// gate that is closed is no error; what must be mended first is a refusal.
func RunUsrMerge(ctx context.Context, opt Options) (usrmerge.Outcome, error) {
	opt, err := opt.absolute()
	if err == nil {
		err = opt.mayWrite("merge")
	}
	if err != nil {
		return usrmerge.Outcome{}, err
	}
	if d, err := usrmerge.Decide(opt.Root, usrMergeOverride(opt.Root)); err == nil && d.Merged && d.Complete {
		return migrateUsr(ctx, opt) // no lock for nothing: it is asked at every boot
	}
	unlock, err := lockForUsrMerge(ctx, opt)
	if err != nil {
		return usrmerge.Outcome{}, err
	}
	release := inhibit(ctx, opt, "the top folders move into /usr")
	out, err := migrateUsr(ctx, opt)
	release()
	return out, errors.Join(err, unlock())
}

// mayWrite refuses what would end with a file that cannot be written, or in a root
// that is only misspelt and would be made.
func (o Options) mayWrite(do string) error {
	if os.Geteuid() != 0 {
		return &store.RefusedError{What: "cannot " + do + ": only root can", Advice: "run it as root: sudo " + o.Command}
	}
	if info, err := os.Stat(o.Root); err != nil || !info.IsDir() {
		return &store.RefusedError{What: "cannot " + do + ": " + o.Root + " is no directory", Advice: "name a root with -D, or leave it away"}
	}
	return nil
}

// lockForUsrMerge keeps transactions out. A root without a store has none.
func lockForUsrMerge(ctx context.Context, opt Options) (unlock func() error, err error) {
	if _, err := os.Lstat(filepath.Join(opt.Root, store.Home, "db/moss.sqlite")); err != nil {
		return func() error { return nil }, nil
	}
	s, err := openStore(ctx, opt)
	if err != nil {
		return nil, err
	}
	return s.Close, nil
}

func migrateUsr(ctx context.Context, opt Options) (usrmerge.Outcome, error) {
	tell, done := usrMergeProgress(opt)
	o := usrmerge.Options{Depmod: depmod(opt.Root), Progress: tell, Program: mossVersion()}
	migrate := usrmerge.MigrateIfOpen
	if opt.Force {
		migrate = usrmerge.MigrateAnyway
	}
	out, err := migrate(ctx, opt.Root, usrMergeOverride(opt.Root), o)
	done(err)
	for _, note := range out.Notes {
		opt.Log("warning: " + note)
	}
	if err == nil && out.Report.Outcome == usrmerge.OutcomeRefused {
		err = &store.RefusedError{What: "not merged: " + out.Report.Reason, Advice: out.Report.Hint}
	}
	return out, err
}

// usrMergeProgress makes a task of it, and another when the work is counted anew.
func usrMergeProgress(opt Options) (tell func(usrmerge.Progress), done func(error)) {
	var (
		task  Task = silent{}
		last  usrmerge.Progress
		begun bool
	)
	tell = func(p usrmerge.Progress) {
		if p.Phase != last.Phase {
			opt.Log("step " + p.Phase)
		}
		if !begun || p.Total != last.Total || p.Done < last.Done {
			task.Done(nil)
			task, begun, last = opt.begin("merge /usr", int64(p.Total), "files"), true, usrmerge.Progress{}
		}
		task.Add(int64(p.Done - last.Done))
		last = p
	}
	return tell, func(err error) { task.Done(err) }
}

// mossVersion is this program with the version that the go command wrote into it.
func mossVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return "moss " + info.Main.Version
	}
	return "moss"
}
