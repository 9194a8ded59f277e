package early

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bootJSON is boot.json as its readers decode it.
type bootJSON struct {
	Wanted    *uint64 `json:"wanted"`
	Activated *uint64 `json:"activated"`
	Fallback  bool    `json:"fallback"`
	Step      int     `json:"step"`
	Reason    string  `json:"reason"`
	Failed    []struct {
		State  uint64 `json:"state"`
		Reason string `json:"reason"`
	} `json:"failed"`
	Kernel     string         `json:"kernel"`
	UsrMerge   map[string]any `json:"usrmerge"`
	StartMS    int64          `json:"start_ms"`
	EndMS      int64          `json:"end_ms"`
	FallbackMS int64          `json:"fallback_ms"`
	Steps      []struct {
		Name string `json:"name"`
		MS   int64  `json:"ms"`
	} `json:"steps"`
}

func decode(t *testing.T, data []byte) bootJSON {
	t.Helper()
	var got bootJSON
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return got
}

func full() Report {
	return Report{
		Outcome: Outcome{
			Wanted: 3, Activated: 2, Fallback: true, Reason: "no \"libc\"\n\x1b\\ \xff é 😀", FallbackTook: 41,
			Failed: []Failure{{3, "a"}, {1<<64 - 1, "b"}},
		},
		Kernel: "6.1.0", Start: 1234, End: 2085, Steps: []Timing{{"mounts", 3}, {"activate", 50}},
	}
}

func TestReportDecodes(t *testing.T) {
	r := full()
	got := decode(t, r.JSON())
	if *got.Wanted != 3 || *got.Activated != 2 || !got.Fallback || got.Kernel != "6.1.0" || got.UsrMerge == nil {
		t.Errorf("got %+v", got)
	}
	if want := "no \"libc\"\n\x1b\\ \ufffd é 😀"; got.Reason != want {
		t.Errorf("got reason %q, want %q", got.Reason, want)
	}
	if len(got.Failed) != 2 || got.Failed[1].State != 1<<64-1 || got.Failed[0].Reason != "a" {
		t.Errorf("got failed %+v", got.Failed)
	}
	if got.StartMS != 1234 || got.EndMS != 2085 || got.FallbackMS != 41 || len(got.Steps) != 2 || got.Steps[1].Name != "activate" || got.Steps[1].MS != 50 {
		t.Errorf("got times %+v", got)
	}
	empty := decode(t, (&Report{}).JSON())
	if empty.Wanted != nil || empty.Activated != nil || empty.Failed == nil || empty.Steps == nil {
		t.Errorf("got %+v, want null for no state and empty lists", empty)
	}
}

func TestReportLine(t *testing.T) {
	r := full()
	r.Reason = "no libc"
	for want, change := range map[string]func(){
		"state 2 activated (wanted 3: no libc), 0.85 s": func() {},
		"state 2 activated, 0.85 s":                     func() { r.Fallback = false },
		"nobody asked (2), 12.00 s":                     func() { r.Wanted, r.Fallback, r.Reason, r.Start, r.End = 0, false, "nobody asked", 0, 12004 },
	} {
		r = full()
		r.Reason = "no libc"
		change()
		if got := r.line(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWriteReport(t *testing.T) {
	b := machine(t, "")
	b.report = full()
	b.report.Start, b.report.Reason = uptime(), "no libc"
	if err := b.writeReport(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(b.Top, "run/moss/boot.json"))
	if err != nil || decode(t, data).EndMS < b.report.Start {
		t.Errorf("got %s, %v", data, err)
	}
	if got := screen(t, b); !strings.Contains(got, "moss-init: state 2 activated (wanted 3: no libc), 0.0") {
		t.Errorf("got %q on the console", got)
	}
}

func FuzzReport(f *testing.F) {
	f.Add("reason", "kernel", uint64(1), int64(2))
	f.Add("\x00\"\\\xff\u2028", "\n", uint64(0), int64(-1))
	f.Fuzz(func(t *testing.T, reason, kernel string, id uint64, ms int64) {
		r := full()
		r.Reason, r.Kernel, r.Start = reason, kernel, ms
		got := decode(t, r.JSON())
		if diff := cmp.Diff([]string{strings.ToValidUTF8(reason, "\ufffd"), strings.ToValidUTF8(kernel, "\ufffd")}, []string{got.Reason, got.Kernel}); diff != "" && !strings.ContainsRune(reason+kernel, '\ufffd') && validRuns(reason+kernel) {
			t.Errorf("-want +got\n%s", diff)
		}
		if got.StartMS != ms {
			t.Errorf("got %d, want %d", got.StartMS, ms)
		}
	})
}

// validRuns tells that a text is UTF-8: of one that is not, every bad byte
// becomes a character, while ToValidUTF8 makes one of a run.
func validRuns(text string) bool { return strings.ToValidUTF8(text, "") == text }
