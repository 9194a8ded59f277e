package usrmerge

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

// stopAt runs a merge that ends when a phase begins.
func stopAt(t *testing.T, root, phase string, dirs ...string) {
	t.Helper()
	ctx, stop := context.WithCancelCause(t.Context())
	_, err := Run(ctx, Options{Root: root, Dirs: dirs, Progress: func(p Progress) {
		// Not in a pass that has nothing to do.
		if _, err := os.Lstat(filepath.Join(root, journalName)); p.Phase == phase && (err == nil || phase == "link") {
			stop(errors.New("stopped"))
		}
	}})
	if err == nil {
		t.Fatalf("it was not stopped at %s", phase)
	}
}

// upgrade is what a package manager does: a new file, renamed into place.
func upgrade(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func wantMerged(t *testing.T, root, name, content string, dirs ...string) {
	t.Helper()
	r, err := Run(t.Context(), Options{Root: root, Dirs: dirs})
	if err != nil || !r.Merged {
		t.Fatalf("got %+v, %v, want it merged", r, err)
	}
	if got := testutil.Read(t, filepath.Join(root, name)); got != content {
		t.Errorf("/%s is %q, want %q", name, got, content)
	}
	if _, err := os.Lstat(filepath.Join(root, DefaultOrphans)); err == nil {
		t.Error("there are orphans, and nothing was in conflict")
	}
}

// Two runs are cut: the second one right after it wrote down what it would put in
// the place of the link that the first one made.
func TestUpgradedAndCutTwice(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"bin/ls": "old", "usr/bin/": ""}.Create(t, root)
	stopAt(t, root, "relink")
	upgrade(t, filepath.Join(root, "bin/ls"), "newer")
	stopAt(t, root, "link")
	wantMerged(t, root, "usr/bin/ls", "newer")
}

// The journal of the later pass outlives an earlier one that has nothing to do.
func TestUpgradedBeforeUsrSbinGoesOn(t *testing.T) {
	root, dirs := t.TempDir(), []string{"bin", "sbin", "lib", "lib32", "lib64", "usr/sbin"}
	testutil.Tree{"bin": "-> usr/bin", "usr/bin/": "", "usr/sbin/x": "old"}.Create(t, root)
	stopAt(t, root, "relink", dirs...)
	upgrade(t, filepath.Join(root, "usr/sbin/x"), "newer")
	wantMerged(t, root, "usr/bin/x", "newer", dirs...)
}

// A package that moves its symlink into /usr between two runs has the text that
// ours had: it is the package's all the same.
func TestSymlinkOfAPackageIsNotOurs(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"lib/a/l": "-> ../../etc/x", "lib/a/f": "f", "usr/lib/": "", "etc/x": "x"}.Create(t, root)
	long := []unix.Timespec{unix.NsecToTimespec(0), unix.NsecToTimespec(int64(time.Hour))}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, filepath.Join(root, "lib/a/l"), long, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		t.Fatal(err)
	}
	stopAt(t, root, "carry")
	for _, name := range []string{"lib/a/l", "usr/lib/a/l"} {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	testutil.Tree{"usr/lib/a/l": "-> ../../../etc/x"}.Create(t, root)
	wantMerged(t, root, "lib/a/l", "x")
}

// A folder that goes away with its package takes our links to it along.
func TestFolderThatGoesLeavesNoLinks(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"bin/a": "a", "usr/bin/": "", "lib32/x": "x", "usr/lib32/": ""}.Create(t, root)
	stopAt(t, root, "relink")
	if err := os.RemoveAll(filepath.Join(root, "lib32")); err != nil {
		t.Fatal(err)
	}
	wantMerged(t, root, "usr/bin/a", "a")
	if _, err := os.Lstat(filepath.Join(root, "usr/lib32/x")); err == nil {
		t.Error("a link to a file that its package has removed is left")
	}
}

// Two merges at once would each take what the other has made for leftovers.
func TestOneMergeAtATime(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"bin/a": "a", "usr/bin/": ""}.Create(t, root)
	asked := false
	r, err := Run(t.Context(), Options{Root: root, Progress: func(p Progress) {
		if asked {
			return
		}
		asked = true
		_, err := Run(t.Context(), Options{Root: root})
		if _, ok := errors.AsType[*UnderWayError](err); !ok {
			t.Errorf("a second one at phase %s: got %v, want an error that says so", p.Phase, err)
		}
	}})
	if err != nil || !r.Merged || !asked {
		t.Errorf("got %+v, %v, asked %v", r, err, asked)
	}
}

func TestMarkerSpeaksOfASystem(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, root string){
		"/bin is missing": func(t *testing.T, root string) { remove(t, root, "bin") },
		"/usr/bin is missing": func(t *testing.T, root string) {
			remove(t, root, "usr/bin")
			remove(t, root, "bin")
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := mergedRoot(t, nil)
			spoil(t, root)
			out, err := MigrateIfOpen(t.Context(), root, "", Options{})
			if err == nil || out.Marked || out.Report.Outcome != OutcomeFailed {
				t.Errorf("got %+v, %v, want no marker", out, err)
			}
		})
	}
}

// The marker lets a machine past the rollout for the folders of which it speaks,
// and for no others that come into the configuration later.
func TestNewFoldersAskTheRollout(t *testing.T) {
	root := mergedRoot(t, testutil.Tree{"usr/sbin/x": "x", Folder + "/complete": ""})
	testutil.Tree{VendorConfig: "rollout=0\ndirs=bin sbin lib lib32 lib64 usr/sbin\n"}.Create(t, root)
	decide(t, root, "").wants(t, OutcomeOutside)
}

// A mistake in the configuration is no trouble of a machine that is merged.
func TestMistakeAfterTheMerge(t *testing.T) {
	root := mergedRoot(t, testutil.Tree{Folder + "/complete": ""})
	testutil.Tree{VendorConfig: "rollout=300\n"}.Create(t, root)
	out, err := MigrateIfOpen(t.Context(), root, "", Options{})
	if err != nil || out.Reported || out.Marked {
		t.Errorf("got %+v, %v, want nothing written", out, err)
	}
	decide(t, root, "").wants(t, OutcomeAlready, "rollout")
}
