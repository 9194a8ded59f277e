package usrmerge

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

func migrateIfOpen(t *testing.T, root, override string) Outcome {
	t.Helper()
	out, err := MigrateIfOpen(t.Context(), root, override, Options{})
	if err != nil {
		t.Fatalf("%v (%+v)", err, out.Report)
	}
	return out
}

func isThere(t *testing.T, root, name string) bool {
	t.Helper()
	there, err := Present(root, name)
	if err != nil {
		t.Fatal(err)
	}
	return there
}

// stamps are name, inode and time of all that the gate writes: what is written
// again has others.
func stamps(t *testing.T, root string) string {
	t.Helper()
	var all strings.Builder
	files, err := filepath.Glob(filepath.Join(root, Folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&all, path, st.Ino, st.Mtim, st.Ctim)
	}
	return all.String()
}

func TestAnOpenGateMerges(t *testing.T) {
	root := unmerged(t, testutil.Tree{"lib/differs": "old", "usr/lib/differs": "new"})
	out := migrateIfOpen(t, root, "")
	if out.Report.Outcome != OutcomeMerged || !out.Reported || !out.Marked || out.Result == nil {
		t.Fatalf("got %+v", out)
	}
	if got, _ := os.Readlink(filepath.Join(root, "bin")); got != "usr/bin" || testutil.Read(t, filepath.Join(root, "usr/bin/tool")) != "tool" {
		t.Errorf("/bin is %q", got)
	}
	if got := testutil.Read(t, filepath.Join(root, DefaultOrphans, "lib/differs")); got != "old" {
		t.Errorf("the orphan says %q", got)
	}
	r := readReport(t, root)
	if r.Outcome != OutcomeMerged || r.Number == nil || *r.Number != 53 || r.Rollout != 128 || r.Counts.Orphans != 1 || len(r.Orphans) != 1 || r.Kernel == "" || r.Time == "" {
		t.Errorf("report %+v", r)
	}
	decide(t, root, "").wants(t, OutcomeAlready)
}

func TestNothingToDoWritesNothing(t *testing.T) {
	root := unmerged(t, nil)
	migrateIfOpen(t, root, "")
	before := stamps(t, root)
	for _, override := range []string{"", On, Off} {
		if out := migrateIfOpen(t, root, override); out.Reported || out.Marked || out.Result != nil {
			t.Errorf("%q: got %+v", override, out)
		}
	}
	if after := stamps(t, root); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
}

func TestAClosedGateChangesNothingAndReportsOnce(t *testing.T) {
	for outcome, more := range map[string]testutil.Tree{
		OutcomeNotReady: {AdminConfig: "ready=/var/absent\n"},
		OutcomeOutside:  {AdminConfig: "rollout=0\n"},
		OutcomeRefused:  {AdminConfig: "rollout=0x0\n"},
	} {
		t.Run(outcome, func(t *testing.T) {
			root := unmerged(t, more)
			before := testutil.List(t, filepath.Join(root, "bin"))
			first := migrateIfOpen(t, root, "")
			if first.Report.Outcome != outcome || !first.Reported || first.Marked {
				t.Fatalf("got %+v", first)
			}
			if r := readReport(t, root); r.Outcome != outcome || r.Reason != first.Decision.Reason {
				t.Errorf("report %+v", r)
			}
			written := stamps(t, root)
			if second := migrateIfOpen(t, root, ""); second.Reported || stamps(t, root) != written {
				t.Errorf("it reported the same again: %+v", second)
			}
			third := migrateIfOpen(t, root, Off)
			if mistaken := outcome == OutcomeRefused; third.Reported == mistaken || (readReport(t, root).Outcome == OutcomeOff) == mistaken {
				t.Errorf("it did not report another reason: %+v", third)
			}
			if after := testutil.List(t, filepath.Join(root, "bin")); strings.Join(after, "\n") != strings.Join(before, "\n") || isThere(t, root, "/"+Folder+"/complete") {
				t.Errorf("it changed the system: %v, was %v", after, before)
			}
		})
	}
}

// TestNoMarkerWhileAFolderIsRefused: Solus' script wrote it all the same.
func TestNoMarkerWhileAFolderIsRefused(t *testing.T) {
	root := unmerged(t, testutil.Tree{"bin/both/": "", "usr/bin/both": "a file", "lib/x": "x", "usr/lib/": ""})
	out := migrateIfOpen(t, root, "")
	if out.Report.Outcome != OutcomeRefused || len(out.Report.Refusals) == 0 || out.Marked || isThere(t, root, "/"+Folder+"/complete") {
		t.Fatalf("got %+v", out)
	}
	if !strings.HasPrefix(out.Report.Reason, "/bin") {
		t.Errorf("reason %q", out.Report.Reason)
	}
	remove(t, root, "usr/bin/both")
	if out := migrateIfOpen(t, root, ""); !out.Marked || out.Report.Outcome != OutcomeMerged {
		t.Errorf("mended, it says %+v", out.Report)
	}
}

func TestMergedButNoMarkerIsCheckedAndMarked(t *testing.T) {
	root := mergedRoot(t, testutil.Tree{VendorConfig: "rollout=0\n"})
	remove(t, root, Folder+"/ready")
	out := migrateIfOpen(t, root, "")
	if !out.Marked || !out.Reported || out.Report.Outcome != OutcomeAlready || strings.Contains(out.Report.Reason, "missing") || !isThere(t, root, "/"+Folder+"/complete") {
		t.Errorf("got %+v", out)
	}
}

func TestMergedButBrokenIsNotMarked(t *testing.T) {
	root := mergedRoot(t, testutil.Tree{"usr/bin/sh": "0755:#!/usr/bin/absent\n"})
	out, err := MigrateIfOpen(t.Context(), root, "", Options{})
	if err == nil || out.Marked || out.Report.Outcome != OutcomeFailed || isThere(t, root, "/"+Folder+"/complete") {
		t.Errorf("got %v, %+v", err, out)
	}
	remove(t, root, "usr/bin/sh")
	if out := migrateIfOpen(t, root, ""); !out.Marked {
		t.Errorf("mended, it says %+v", out)
	}
}

func TestALaterLookKeepsTheReportOfTheMerge(t *testing.T) {
	root := unmerged(t, nil)
	migrateIfOpen(t, root, "")
	remove(t, root, Folder+"/complete")
	if out := migrateIfOpen(t, root, ""); !out.Marked || out.Reported || readReport(t, root).Outcome != OutcomeMerged {
		t.Errorf("got %+v", out)
	}
}

func TestUnmergedAgainIsMergedAgain(t *testing.T) {
	root := unmerged(t, nil)
	migrateIfOpen(t, root, "")
	remove(t, root, "bin")
	testutil.Tree{"bin/newer": "newer", VendorConfig: "rollout=0\n"}.Create(t, root)
	out := migrateIfOpen(t, root, "")
	if out.Report.Outcome != OutcomeMerged || !out.Reported || !strings.Contains(readReport(t, root).Reason, "merged before") {
		t.Errorf("got %+v", out)
	}
	for _, name := range []string{"/usr/bin/newer", "/usr/bin/tool", "/bin/tool"} {
		if !isThere(t, root, name) {
			t.Errorf("%s is not there", name)
		}
	}
}

func TestForcedPastRolloutAndReady(t *testing.T) {
	for name, more := range map[string]testutil.Tree{
		"not ready": {AdminConfig: "ready=/var/absent\n"}, "outside": {AdminConfig: "rollout=0\n"}, "no number": {"etc/machine-id": "uninitialized\n"},
	} {
		t.Run(name, func(t *testing.T) {
			root := unmerged(t, more)
			out, err := MigrateAnyway(t.Context(), root, Off, Options{})
			if err != nil || out.Report.Outcome != OutcomeMerged || !strings.Contains(out.Report.Reason, "forced") {
				t.Errorf("got %v, %+v", err, out.Report)
			}
		})
	}
	for name, more := range map[string]testutil.Tree{"configuration": {AdminConfig: "rollout\n"}, "plan": {"bin/both/": "", "usr/bin/both": ""}} {
		t.Run("not past "+name, func(t *testing.T) {
			root := unmerged(t, more)
			out, err := MigrateAnyway(t.Context(), root, "", Options{})
			if err != nil || out.Report.Outcome != OutcomeRefused || !isThere(t, root, "/bin/tool") || out.Marked {
				t.Errorf("got %v, %+v", err, out.Report)
			}
		})
	}
}

func TestAMergeThatIsStoppedIsReportedAndGoesOn(t *testing.T) {
	root := unmerged(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	out, err := MigrateIfOpen(ctx, root, "", Options{})
	if err == nil || out.Report.Outcome != OutcomeFailed || out.Marked || readReport(t, root).Outcome != OutcomeFailed {
		t.Errorf("got %v, %+v", err, out.Report)
	}
	if out := migrateIfOpen(t, root, ""); out.Report.Outcome != OutcomeMerged {
		t.Errorf("the next run says %+v", out.Report)
	}
}

func TestConfiguredPlacesAreUsed(t *testing.T) {
	root := unmerged(t, testutil.Tree{"lib/differs": "old", "usr/lib/differs": "new", "srv/go": "",
		AdminConfig: "ready=/srv/go\ncomplete=/srv/done\norphans=/srv/lost\n"})
	if out := migrateIfOpen(t, root, ""); !out.Marked {
		t.Fatalf("got %+v", out)
	}
	if !isThere(t, root, "/srv/done") || testutil.Read(t, filepath.Join(root, "srv/lost/lib/differs")) != "old" {
		t.Error("the marker or the orphan is elsewhere")
	}
}

// TestAnUnwritableRootIsNoError: that it could not be reported is noted.
func TestAnUnwritableRootIsNoError(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	for _, rollout := range []string{"0", "256"} {
		root := unmerged(t, testutil.Tree{VendorConfig: "rollout=" + rollout + "\n"})
		mountAt(t, root, root, "", unix.MS_BIND)
		mountAt(t, "", root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY)
		out := migrateIfOpen(t, root, "")
		if out.Reported || len(out.Notes) != 1 || out.Report.Outcome != map[string]string{"0": OutcomeOutside, "256": OutcomeRefused}[rollout] {
			t.Errorf("rollout=%s: got %+v", rollout, out)
		}
	}
}

func BenchmarkNothingToDo(b *testing.B) {
	root := b.TempDir()
	testutil.Tree{"usr/bin/": "", "usr/lib/": "", "bin": "-> usr/bin", "lib": "-> usr/lib", VendorConfig: "rollout=256\n",
		Folder + "/ready": "", Folder + "/complete": ""}.Create(b, root)
	for b.Loop() {
		if out, err := MigrateIfOpen(b.Context(), root, "", Options{}); err != nil || out.Decision.Outcome != OutcomeAlready {
			b.Fatal(err, out)
		}
	}
}
