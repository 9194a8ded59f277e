//go:build faultinject

package repo_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"moss/store/repo"
)

// TestMain updates instead of testing when it is told to: the crash tests need
// a process that can die.
func TestMain(m *testing.M) {
	root := os.Getenv("MOSS_TEST_ROOT")
	if root == "" {
		os.Exit(m.Run())
	}
	opt := impatient()
	opt.Merged = func() error { return nil }
	if _, err := repo.Update(context.Background(), root, nil, opt); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// TestEveryCutLeavesTheOldIndex: at each point, in each way, the old index stays
// in use, and the next update is as good as any.
func TestEveryCutLeavesTheOldIndex(t *testing.T) {
	for _, point := range []string{"repo/fetched", "repo/store"} {
		for _, kind := range []string{"error", "panic", "kill"} {
			t.Run(point+"/"+kind, func(t *testing.T) {
				w := newWorld(t)
				w.publish(w.publisher, time.Now().Add(-time.Hour), meta("old"))
				w.mustUpdate(t)
				w.publish(w.publisher, time.Now(), meta("new"))
				child := exec.Command(os.Args[0])
				child.Env = append(os.Environ(), "MOSS_TEST_ROOT="+w.root, "MOSS_FAULT="+point+":"+kind)
				if out, err := child.CombinedOutput(); err == nil {
					t.Fatalf("the point is not passed: %s", out)
				}
				if got := names(t, w.root); got != "old" {
					t.Errorf("after the cut: got %q, want old", got)
				}
				w.mustUpdate(t)
				if got := names(t, w.root); got != "new" {
					t.Errorf("after the next update: got %q, want new", got)
				}
				if left, _ := filepath.Glob(filepath.Join(w.root, ".moss/repo/.new-*")); len(left) != 0 {
					t.Errorf("left over: %v", left)
				}
			})
		}
	}
}

// TestACutBeforeTheSwitchLeavesTheOldOne: its index is there, and so are the new
// one's; the next update decides.
func TestACutBeforeTheSwitchLeavesTheOldOne(t *testing.T) {
	for _, kind := range []string{"error", "panic", "kill", "ENOSPC"} {
		t.Run(kind, func(t *testing.T) {
			e := newEpochs(t)
			e.update(t)
			e.split = nil
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), "MOSS_TEST_ROOT="+e.root, "MOSS_FAULT="+"repo/succeed:"+kind)
			if out, err := child.CombinedOutput(); err == nil {
				t.Fatalf("the point is not passed: %s", out)
			}
			e.expect(t, "old", "new: waiting, old: in use")
			if got := e.update(t); got != "new<old" {
				t.Errorf("got %q", got)
			}
			e.expect(t, "new", "new: in use, old: succeeded")
		})
	}
}
