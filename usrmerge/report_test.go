package usrmerge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
)

func readReport(t *testing.T, root string) Report {
	t.Helper()
	text, err := LastReport(root)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return r
}

// full has a value in every field.
func full() Report {
	number := 0
	return Report{Outcome: OutcomeMerged, Reason: "a \"reason\"", Hint: "h", Time: "2024-02-29T01:02:03Z", Number: &number, Rollout: 12, OptIn: true,
		Missing: []string{"/a"}, Kernel: "6.1", Program: "v1", DurationMS: 5, Bytes: 6,
		Counts:   Counts{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
		Refusals: []Refusal{{"bin", "bin/x", "why", "hint"}}, Orphans: []Orphan{{"lib/x", "var/x", `differs "so"`}}, Notes: []string{"n"}}
}

// TestTheReportIsWhatTheStandardLibraryWouldWrite: key for key.
func TestTheReportIsWhatTheStandardLibraryWouldWrite(t *testing.T) {
	empty := newReport(&Decision{Number: -1}, "", time.Now())
	for name, r := range map[string]Report{"full": full(), "empty": empty} {
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want)+"\n", string(r.JSON())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestOnlyAnotherOutcomeOrReasonIsNew(t *testing.T) {
	root := t.TempDir()
	r := full()
	if reportSays(root, r.Reason, r.Outcome) {
		t.Error("a report that is not there says something")
	}
	if err := r.save(root); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason, outcome string
		want            bool
	}{
		{r.Reason, r.Outcome, true}, {"", r.Outcome, true}, {"a", r.Outcome, false}, {r.Reason + " ", r.Outcome, false}, {r.Reason, OutcomeFailed, false}, {"", "merge", false},
	} {
		if got := reportSays(root, c.reason, c.outcome); got != c.want {
			t.Errorf("reason %q, outcome %q: got %v, want %v", c.reason, c.outcome, got, c.want)
		}
	}
	testutil.Tree{ReportFile: `{"outcome":"merged"`}.Create(t, root)
	if reportSays(root, "", OutcomeMerged) {
		t.Error("half a report is taken for a whole one")
	}
}

func TestAReportNamesAThousandOrphansAndCountsAll(t *testing.T) {
	p := &Plan{}
	for i := range 1500 {
		p.Orphans = append(p.Orphans, Orphan{Path: fmt.Sprint("lib/", i)})
	}
	r := newReport(&Decision{}, "", time.Now())
	r.add(&Result{Plan: p})
	if len(r.Orphans) != 1000 || r.Counts.Orphans != 1500 {
		t.Errorf("%d named, %d counted", len(r.Orphans), r.Counts.Orphans)
	}
}

func TestMarkers(t *testing.T) {
	root := t.TempDir()
	for i, want := range []bool{true, false} {
		if changed, err := SetMarker(root, "/var/x/marker", "text"); changed != want || err != nil {
			t.Errorf("made %d: changed %v, %v", i, changed, err)
		}
	}
	if got := testutil.Read(t, filepath.Join(root, "var/x/marker")); got != "text\n" {
		t.Errorf("got %q", got)
	}
	for i, want := range []bool{true, false} {
		if changed, err := ClearMarker(root, "/var/x/marker"); changed != want || err != nil {
			t.Errorf("cleared %d: changed %v, %v", i, changed, err)
		}
	}
	if changed, err := ClearMarker(root, "/none/marker"); changed || err != nil {
		t.Errorf("changed %v, %v", changed, err)
	}
	testutil.Tree{"file": "x"}.Create(t, root)
	if _, err := SetMarker(root, "/file/marker", ""); err == nil || !strings.Contains(err.Error(), "write marker /file/marker") {
		t.Errorf("below a file: %v", err)
	}
}
