package usrmerge_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/usrmerge"
)

// during merges a root and does something, once, as a phase begins.
func during(t *testing.T, dir, phase string, do func() error) (*usrmerge.Result, error) {
	t.Helper()
	done := false
	result, err := usrmerge.Run(t.Context(), usrmerge.Options{Root: dir, Progress: func(p usrmerge.Progress) {
		if p.Phase == phase && !done {
			done = true
			if err := do(); err != nil {
				t.Errorf("at %s: %v", phase, err)
			}
		}
	}})
	if !done {
		t.Errorf("no phase %s", phase)
	}
	return result, err
}

// replaceFile writes a file as a package manager does: beside it, then renamed.
func replaceFile(path, content string) error {
	return errors.Join(os.WriteFile(path+".new", []byte(content), 0o644), os.Rename(path+".new", path))
}

// TestWrittenDuringTheMerge: what a running system writes into the old places before
// they are exchanged comes over as well.
func TestWrittenDuringTheMerge(t *testing.T) {
	const tree = `bin/a A; bin/d/b B; bin/l -> a; lib/only/c C; usr/bin/o O; usr/lib/o O`
	for _, phase := range []string{"folders", "link", "relink", "carry", "orphans", "sync", "verify"} {
		t.Run(phase, func(t *testing.T) {
			dir := inMemory(t)
			plant(t, dir, tree)
			result, err := during(t, dir, phase, func() error {
				at := func(path string) string { return filepath.Join(dir, path) }
				return errors.Join(replaceFile(at("bin/a"), "A2"), os.WriteFile(at("bin/late"), []byte("L"), 0o644), os.WriteFile(at("lib/only/late"), []byte("L"), 0o644),
					relink("late", at("bin/l")), os.Remove(at("bin/d/b")))
			})
			if err != nil || !result.Merged {
				t.Fatalf("got %+v, %v", result, err)
			}
			wantEntries(t, dir, `bin -> usr/bin; usr/bin/a A2; usr/bin/late L; usr/lib/only/late L; usr/bin/l -> late; usr/bin/d/b -; usr/bin/o O; usr/lib/only/c C; ~ -`)
			wantNothingLeftToDo(t, dir)
		})
	}
}

// TestStragglers: a process that holds the old folder open may write into it when it
// has no name any more. That is not lost either.
func TestStragglers(t *testing.T) {
	dir := inMemory(t)
	plant(t, dir, `bin/a A; bin/b B; usr/bin/o O`)
	old, err := unix.Open(filepath.Join(dir, "bin"), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(old)
	late := func(name, content string) error {
		fd, err := unix.Openat(old, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, 0o644)
		if err == nil {
			_, err = unix.Write(fd, []byte(content))
			_ = unix.Close(fd)
		}
		return err
	}
	result, err := during(t, dir, "remove", func() error {
		return errors.Join(late("new", "N"), unix.Unlinkat(old, "a", 0), late("a", "A2"))
	})
	if err != nil || !result.Merged {
		t.Fatalf("got %+v, %v", result, err)
	}
	wantEntries(t, dir, `usr/bin/new N; usr/bin/a A; ~/bin/a A2; usr/bin/b B`)
	wantNothingLeftToDo(t, dir)
}

// stopAt runs a merge that ends as a phase begins.
func stopAt(t *testing.T, dir, phase string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	_, err := usrmerge.Run(ctx, usrmerge.Options{Root: dir, Progress: func(p usrmerge.Progress) {
		if p.Phase == phase {
			stop()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want it stopped at %s", err, phase)
	}
}

// TestUpgradedBetweenTwoRuns: links that a run left behind are no conflict when a
// package is upgraded before the next run: its file wins, and what it dropped is gone.
func TestUpgradedBetweenTwoRuns(t *testing.T) {
	for _, phase := range []string{"relink", "orphans", "verify", "exchange"} {
		t.Run(phase, func(t *testing.T) { upgraded(t, inMemory(t), phase) })
	}
}

// TestUpgradedBetweenTwoCopies: the same with /usr on another device.
func TestUpgradedBetweenTwoCopies(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	for _, phase := range []string{"relink", "orphans", "verify", "exchange"} {
		t.Run(phase, func(t *testing.T) { upgraded(t, smallUsr(t, "size=64m"), phase) })
	}
}

func upgraded(t *testing.T, dir, phase string) {
	t.Helper()
	plant(t, dir, `bin/a old; bin/drop D; bin/keep K; bin/l -> ../etc/x; bin/m -> ../etc/x; etc/x X; lib/d/b old; lib/d/drop D; usr/bin/o O; usr/lib/d/o O`)
	stopAt(t, dir, phase)
	at := func(path string) string { return filepath.Join(dir, path) }
	err := errors.Join(replaceFile(at("bin/a"), "new"), replaceFile(at("lib/d/b"), "new"), os.Remove(at("bin/drop")), os.Remove(at("lib/d/drop")),
		relink("../etc/y", at("bin/l")), os.Remove(at("bin/m")), os.WriteFile(at("etc/y"), []byte("Y"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	if result := merge(t, dir); !result.Merged {
		t.Fatalf("got %+v", result.Plan)
	}
	wantEntries(t, dir, `usr/bin/a new; usr/lib/d/b new; usr/bin/drop -; usr/lib/d/drop -; usr/bin/keep K; usr/bin/l -> ../../etc/y; usr/bin/m -; usr/bin/o O; ~ -`)
	wantNothingLeftToDo(t, dir)
}

// TestInstalledIntoUsrBetweenTwoRuns: a package that was upgraded to the new place
// meanwhile is no link of ours: /usr keeps it, the old one is an orphan.
func TestInstalledIntoUsrBetweenTwoRuns(t *testing.T) {
	dir := inMemory(t)
	plant(t, dir, `bin/a old; bin/b B; usr/bin/o O`)
	stopAt(t, dir, "verify")
	if err := replaceFile(filepath.Join(dir, "usr/bin/a"), "new"); err != nil {
		t.Fatal(err)
	}
	if result := merge(t, dir); !result.Merged {
		t.Fatalf("got %+v", result.Plan)
	}
	wantEntries(t, dir, `usr/bin/a new; usr/bin/b B; ~/bin/a old`)
	wantNothingLeftToDo(t, dir)
}
