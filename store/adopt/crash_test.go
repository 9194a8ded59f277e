//go:build faultinject

package adopt_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/store"
	"moss/store/adopt"
	"moss/store/adopt/adopttest"
	"moss/store/state"
)

// TestMain adopts a root instead of running the tests when it is told to: the
// crash tests need a process that can die.
func TestMain(m *testing.M) {
	if root := os.Getenv("MOSS_TEST_ROOT"); root != "" {
		if err := adoptOnce(root); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func adoptOnce(root string) error {
	ctx := context.Background()
	s, _, err := store.Open(ctx, root, store.Access{Command: "test"})
	if err != nil {
		return err
	}
	source, err := adopt.Open(root)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	plan, err := source.Plan(ctx, adopt.Options{Write: true, Bootable: func(string) string { return "" }, Log: func(string) {}})
	if err == nil {
		err = errors.Join(plan.Apply(ctx, then()), plan.Close())
	}
	return errors.Join(err, source.Close(), s.Close())
}

// TestEveryCutCanBeRunAgain: after a cut anywhere AerynOS' side is as it was, the
// store knows of no state, and the next run ends as one that was never cut.
func TestEveryCutCanBeRunAgain(t *testing.T) {
	for _, point := range []string{"adopt/staging", "adopt/assets", "adopt/manifests", "adopt/record"} {
		for _, kind := range []string{"error", "panic", "kill"} {
			t.Run(kind+"/"+point, func(t *testing.T) {
				t.Parallel()
				cut(t, point, kind)
			})
		}
	}
}

func cut(t *testing.T, point, kind string) {
	i := system(t)
	if err := errors.Join(os.Mkdir(i.Path("root/staging"), 0o755), os.Rename(i.Path("root/2/usr"), i.Path("root/staging/usr")), os.Remove(i.Path("root/2"))); err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(i.Tree(adopttest.Archived, 1), "share/base/text"), "damaged")
	before := snapshot(t, i.Root)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "MOSS_TEST_ROOT="+i.Root, "MOSS_FAULT="+point+":"+kind)
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Fatalf("nothing happened at %s: the point is not passed: %s", point, out)
	}
	untouched(t, before, snapshot(t, i.Root))
	s := open(t, i.Root)
	if rows, err := s.States(); err != nil || len(rows) != 0 {
		t.Errorf("after the cut the store knows %d states, %v", len(rows), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	plan, s := take(t, i.Root)
	if d := cmp.Diff([]state.ID{1, 2, 5}, ids(plan)); d != "" {
		t.Error(d)
	}
	sameAsDisk(t, s, 2)
	sameAsDisk(t, s, 5)
	untouched(t, before, snapshot(t, i.Root))
	if left, _ := filepath.Glob(i.Path("root/.*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if left, _ := filepath.Glob(i.Path("manifests/.*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
