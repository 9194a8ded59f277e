package usrmerge

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
)

// The number of this id is 0x35, 53.
const number53 = "0123456789abcdef0123456789abcd35\n"

// unmerged is a system in the old shape, in the middle of a rollout that has come
// to it; more is laid over it.
func unmerged(t *testing.T, more testutil.Tree) string {
	t.Helper()
	root := t.TempDir()
	testutil.Tree{
		"bin/tool": "0755:tool", "usr/bin/": "", "usr/share/": "",
		"etc/machine-id":       number53,
		VendorConfig:           "# stage 2\nrollout=128\n",
		Folder + "/ready":      "",
		"var/lib/other/thing":  "",
		"etc/moss/unconcerned": "",
	}.Create(t, root)
	more.Create(t, root)
	if _, err := os.Lstat(filepath.Join(root, "lib")); err != nil {
		testutil.Tree{"lib": "-> usr/lib"}.Create(t, root)
	}
	return root
}

// mergedRoot has nothing to merge.
func mergedRoot(t *testing.T, more testutil.Tree) string {
	t.Helper()
	root := unmerged(t, more)
	remove(t, root, "bin")
	remove(t, root, "lib")
	testutil.Tree{"bin": "-> usr/bin", "lib": "-> usr/lib", "usr/lib/": ""}.Create(t, root)
	return root
}

func remove(t *testing.T, root, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
		t.Fatal(err)
	}
}

func decide(t *testing.T, root, override string) Decision {
	t.Helper()
	d, err := Decide(root, override)
	if err != nil {
		t.Fatal(err)
	}
	if d.Reason == "" || strings.Contains(d.Reason, "\n") {
		t.Errorf("reason %q: want one line", d.Reason)
	}
	return d
}

// wants checks a decision: its outcome, whether it merges, and words of its reason.
func (d Decision) wants(t *testing.T, outcome string, words ...string) {
	t.Helper()
	if d.Outcome != outcome || d.Merge != (outcome == OutcomeOpen) {
		t.Errorf("outcome %s, merge %v (%s), want %s", d.Outcome, d.Merge, d.Reason, outcome)
	}
	for _, word := range words {
		if !strings.Contains(d.Reason, word) {
			t.Errorf("reason %q says nothing of %q", d.Reason, word)
		}
	}
}

func TestReadyAndInsideTheRolloutMerges(t *testing.T) {
	d := decide(t, unmerged(t, nil), "")
	d.wants(t, OutcomeOpen, "rollout=128 of /usr/lib/moss/usr-merge.conf:2", "53")
	if d.Number != 53 || d.Rollout != 128 || !d.Ready || d.Merged || d.Complete {
		t.Errorf("got %+v", d)
	}
}

func TestNotReady(t *testing.T) {
	root := unmerged(t, nil)
	remove(t, root, Folder+"/ready")
	d := decide(t, root, "")
	d.wants(t, OutcomeNotReady, "/var/lib/moss/usr-merge/ready")
	if d.Ready || !slices.Equal(d.Missing, []string{"/var/lib/moss/usr-merge/ready"}) {
		t.Errorf("got %+v", d)
	}
}

func TestEveryReadyMarkerIsNeeded(t *testing.T) {
	config := testutil.Tree{AdminConfig: "ready=/var/a\nready=/var/b\n", "var/a": ""}
	root := unmerged(t, config)
	decide(t, root, "").wants(t, OutcomeNotReady, "/var/b missing")
	testutil.Tree{"var/b/": ""}.Create(t, root)
	decide(t, root, "").wants(t, OutcomeOpen)
}

func TestSolusPathsByConfiguration(t *testing.T) {
	root := unmerged(t, testutil.Tree{VendorConfig: "rollout=256\nready=/var/solus/usr-merge/eopkg-ready\n" +
		"complete=/var/solus/usr-merge/merge-complete\norphans=/var/solus/usr-merge/orphaned-files\n"})
	decide(t, root, "").wants(t, OutcomeNotReady, "/var/solus/usr-merge/eopkg-ready")
	testutil.Tree{"var/solus/usr-merge/eopkg-ready": ""}.Create(t, root)
	d := decide(t, root, "")
	d.wants(t, OutcomeOpen)
	if o := d.config.Options(root, Options{}); o.Orphans != "var/solus/usr-merge/orphaned-files" || d.config.Complete != "/var/solus/usr-merge/merge-complete" {
		t.Errorf("got %+v, %+v", o, d.config)
	}
}

func TestReadyButOutsideTheRollout(t *testing.T) {
	d := decide(t, unmerged(t, testutil.Tree{VendorConfig: "rollout=53\n"}), "")
	d.wants(t, OutcomeOutside, "rollout=53", "53")
	if d.Number != 53 {
		t.Errorf("number %d", d.Number)
	}
	decide(t, unmerged(t, testutil.Tree{VendorConfig: "rollout=54\n"}), "").wants(t, OutcomeOpen)
}

func TestOptedIn(t *testing.T) {
	for name, config := range map[string]testutil.Tree{
		"over the vendor's stop": {VendorConfig: "rollout=0\n", AdminConfig: "opt-in=yes\n"},
		"over its own threshold": {AdminConfig: "rollout=1\nopt-in=yes\n"},
		"without a machine id":   {AdminConfig: "opt-in = yes\n", "etc/machine-id": ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := decide(t, unmerged(t, config), "")
			d.wants(t, OutcomeOpen, "/etc/moss/usr-merge.conf:")
			if !d.OptIn {
				t.Error("it does not say that it is opted in")
			}
		})
	}
	root := unmerged(t, testutil.Tree{AdminConfig: "opt-in=yes\n"})
	remove(t, root, Folder+"/ready")
	decide(t, root, "").wants(t, OutcomeNotReady)
	decide(t, unmerged(t, testutil.Tree{VendorConfig: "rollout=0\n", AdminConfig: "opt-in=no\n"}), "").wants(t, OutcomeOutside)
}

func TestOptInCountsOnlyInEtc(t *testing.T) {
	d := decide(t, unmerged(t, testutil.Tree{VendorConfig: "rollout=0\nopt-in=yes\n"}), "")
	d.wants(t, OutcomeRefused, "/usr/lib/moss/usr-merge.conf:2", "opt-in")
}

func TestMachineIDWithoutWhichNothingIsMerged(t *testing.T) {
	for name, text := range map[string]string{
		"missing": "", "empty": "", "one line end": "\n", "malformed": "0123456789abcdef0123456789abcdeg\n",
		"short": "0123456789abcdef\n", "long": number53[:32] + "0\n", "two lines": number53 + "x\n",
		"all zero": strings.Repeat("0", 32) + "\n", "uninitialized": "uninitialized\n",
		"a UUID with dashes": "01234567-89ab-cdef-0123-456789abcd35\n", "a blank before": " " + number53[1:],
		"a control character": strings.Replace(number53, "0", "\x10", 1),
	} {
		t.Run(name, func(t *testing.T) {
			root := unmerged(t, testutil.Tree{"etc/machine-id": text})
			if name == "missing" {
				remove(t, root, "etc/machine-id")
			}
			d := decide(t, root, "")
			d.wants(t, OutcomeRefused, "/etc/machine-id")
			if !strings.Contains(d.Hint, "systemd-machine-id-setup") {
				t.Errorf("hint %q", d.Hint)
			}
			testutil.Tree{VendorConfig: "rollout=256\n"}.Create(t, root)
			decide(t, root, "").wants(t, OutcomeOpen)
			testutil.Tree{VendorConfig: "rollout=0\n"}.Create(t, root)
			decide(t, root, "").wants(t, OutcomeOutside)
		})
	}
}

func TestThresholds(t *testing.T) {
	id := func(last string) string { return number53[:30] + last + "\n" }
	for _, c := range []struct{ rollout, id, outcome string }{
		{"0", id("00"), OutcomeOutside}, {"0", id("ff"), OutcomeOutside},
		{"1", id("00"), OutcomeOpen}, {"1", id("01"), OutcomeOutside}, {"1", id("FF"), OutcomeOutside},
		{"255", id("fe"), OutcomeOpen}, {"255", id("ff"), OutcomeOutside}, {"255", id("FE"), OutcomeOpen},
		{"256", id("ff"), OutcomeOpen}, {"256", id("00"), OutcomeOpen},
	} {
		d := decide(t, unmerged(t, testutil.Tree{VendorConfig: "rollout=" + c.rollout + "\n", "etc/machine-id": c.id}), "")
		if d.Outcome != c.outcome {
			t.Errorf("rollout=%s with %s: %s (%s), want %s", c.rollout, c.id[30:32], d.Outcome, d.Reason, c.outcome)
		}
	}
}

func TestGarbageAsThreshold(t *testing.T) {
	for _, garbage := range []string{"", "-1", "257", "+8", "08", "0x10", "10%", "ten", "1 2", "1e2", "99999999999999999999", "256 # all"} {
		d := decide(t, unmerged(t, testutil.Tree{AdminConfig: "# mine\nrollout=" + garbage + "\n"}), "")
		d.wants(t, OutcomeRefused, "/etc/moss/usr-merge.conf:2", "rollout")
		if !strings.Contains(d.Hint, "/etc/moss/usr-merge.conf") {
			t.Errorf("%q: hint %q", garbage, d.Hint)
		}
		if d.Rollout != 128 {
			t.Errorf("%q: half of the file counts: threshold %d", garbage, d.Rollout)
		}
	}
}

func TestWithoutConfigurationNobodyMerges(t *testing.T) {
	root := unmerged(t, nil)
	remove(t, root, VendorConfig)
	decide(t, root, "").wants(t, OutcomeOutside, "no configuration")
}

func TestKernelParameter(t *testing.T) {
	out := testutil.Tree{VendorConfig: "rollout=0\n", "etc/machine-id": "uninitialized\n"}
	decide(t, unmerged(t, out), On).wants(t, OutcomeOpen, "moss.usrmerge=on")
	decide(t, unmerged(t, testutil.Tree{AdminConfig: "opt-in=yes\n"}), Off).wants(t, OutcomeOff, "moss.usrmerge=off")
	decide(t, unmerged(t, nil), "maybe").wants(t, OutcomeRefused, "moss.usrmerge=maybe")
	decide(t, unmerged(t, testutil.Tree{AdminConfig: "rollout\n"}), On).wants(t, OutcomeRefused, "usr-merge.conf:1")
	unready := unmerged(t, nil)
	remove(t, unready, Folder+"/ready")
	decide(t, unready, On).wants(t, OutcomeNotReady)
}

func TestMergedAndMarkedIsAlready(t *testing.T) {
	d := decide(t, mergedRoot(t, testutil.Tree{Folder + "/complete": "", VendorConfig: "rollout=0\n"}), "")
	d.wants(t, OutcomeAlready, "already merged")
	if !d.Merged || !d.Complete {
		t.Errorf("got %+v", d)
	}
}

func TestMergedButNoMarker(t *testing.T) {
	d := decide(t, mergedRoot(t, nil), "")
	d.wants(t, OutcomeAlready, "complete marker is missing")
	if !d.Merged || d.Complete {
		t.Errorf("got %+v", d)
	}
}

func TestCompleteMarkerButSystemUnmergedAgain(t *testing.T) {
	root := unmerged(t, testutil.Tree{Folder + "/complete": "", VendorConfig: "rollout=0\n"})
	decide(t, root, "").wants(t, OutcomeOpen, "merged before")
	decide(t, root, Off).wants(t, OutcomeOff)
	remove(t, root, Folder+"/ready")
	decide(t, root, "").wants(t, OutcomeNotReady)
}

// TestLinksOfTheRootStayInIt: in early boot the root lies at /sysroot, and an
// absolute link in it must not be followed into the initramfs.
func TestLinksOfTheRootStayInIt(t *testing.T) {
	root := unmerged(t, nil)
	remove(t, root, Folder+"/ready")
	elsewhere := t.TempDir()
	testutil.Tree{"ready": ""}.Create(t, elsewhere)
	testutil.Tree{Folder + "/ready": "-> " + elsewhere + "/ready"}.Create(t, root)
	decide(t, root, "").wants(t, OutcomeNotReady)
	testutil.Tree{"ready": ""}.Create(t, filepath.Join(root, elsewhere))
	decide(t, root, "").wants(t, OutcomeOpen)

	remove(t, root, "var/lib")
	testutil.Tree{"var/lib": "-> /../../srv/./lib/../lib", "srv/lib/moss/usr-merge/ready": ""}.Create(t, root)
	decide(t, root, "").wants(t, OutcomeOpen)
}

func TestMarkerThatIsALoopClosesTheGate(t *testing.T) {
	root := unmerged(t, nil)
	remove(t, root, Folder+"/ready")
	testutil.Tree{Folder + "/ready": "-> ready"}.Create(t, root)
	decide(t, root, "").wants(t, OutcomeRefused, "too many symlinks")
}
