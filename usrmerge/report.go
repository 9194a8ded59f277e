package usrmerge

import (
	"bytes"
	"cmp"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/jsonout"
)

// ReportFile is what a distribution can collect from a machine, below the root.
const ReportFile = Folder + "/report.json"

// maxListed is how many orphans and refusals a report names; Counts has all.
const maxListed = 1000

// Report is what the last look at the gate, or the last merge, came to. The JSON
// keys are stable.
type Report struct {
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
	Hint    string `json:"hint"`
	// Time is RFC 3339, of this machine's clock, which in early boot may be wrong.
	Time string `json:"time"`
	// Number is nil when it was not asked for.
	Number     *int      `json:"number"`
	Rollout    int       `json:"rollout"`
	OptIn      bool      `json:"opt_in"`
	Missing    []string  `json:"missing"`
	Kernel     string    `json:"kernel"`
	Program    string    `json:"program"` // that merged, with its version
	DurationMS int64     `json:"duration_ms"`
	Bytes      int64     `json:"bytes"` // copied
	Counts     Counts    `json:"counts"`
	Refusals   []Refusal `json:"refusals"`
	Orphans    []Orphan  `json:"orphans"` // the first 1000
	Notes      []string  `json:"notes"`
}

// Counts are numbers of entries; a folder that went over whole is one.
type Counts struct {
	Linked      int `json:"linked"`
	Copied      int `json:"copied"`
	Carried     int `json:"carried"`
	Folders     int `json:"folders"` // made
	Folded      int `json:"folded"`  // equal on both sides
	Relinked    int `json:"relinked"`
	Regenerated int `json:"regenerated"`
	Orphans     int `json:"orphans"`
	Differs     int `json:"differs"`
	Refusals    int `json:"refusals"`
	Removed     int `json:"removed"` // from the old folders
}

// newReport is what a decision alone makes of one.
func newReport(d *Decision, program string, begun time.Time) Report {
	r := Report{Outcome: d.Outcome, Reason: d.Reason, Hint: d.Hint, Time: begun.UTC().Format(time.RFC3339), Rollout: d.Rollout,
		OptIn: d.OptIn, Missing: append([]string{}, d.Missing...), Kernel: kernelRelease(), Program: cmp.Or(program, "moss-init"),
		Refusals: []Refusal{}, Orphans: []Orphan{}, Notes: []string{}}
	if d.Number >= 0 {
		number := d.Number
		r.Number = &number
	}
	return r
}

// add takes in what a merge did.
func (r *Report) add(done *Result) {
	if done == nil {
		return
	}
	r.Notes, r.Counts.Removed = append(r.Notes, done.Notes...), done.Removed
	p := done.Plan
	if p == nil {
		return
	}
	for _, op := range p.Moves {
		switch op.How {
		case HowCopy:
			r.Counts.Copied++
		case HowCarry:
			r.Counts.Carried++
		case HowFolder:
			r.Counts.Folders++
		default:
			r.Counts.Linked++
		}
	}
	r.Counts.Folded, r.Counts.Relinked, r.Counts.Regenerated = len(p.Folds), len(p.Relinks), len(p.Regenerated)
	r.Counts.Orphans, r.Counts.Differs, r.Counts.Refusals = len(p.Orphans), len(p.Differs), len(p.Refusals)
	r.Bytes = p.Bytes
	r.Refusals = append(r.Refusals, p.Refusals[:min(len(p.Refusals), maxListed)]...)
	r.Orphans = append(r.Orphans, p.Orphans[:min(len(p.Orphans), maxListed)]...)
}

// WriteJSON writes the report as one object. Outcome and reason come first: by
// them alone known tells whether a report says something new.
func (r *Report) WriteJSON(w *jsonout.Writer) {
	w.Open('{')
	w.Key("outcome").Text(r.Outcome)
	w.Key("reason").Text(r.Reason)
	w.Key("hint").Text(r.Hint)
	w.Key("time").Text(r.Time)
	if w.Key("number"); r.Number == nil {
		w.Null()
	} else {
		w.Number(int64(*r.Number))
	}
	w.Key("rollout").Number(int64(r.Rollout))
	w.Key("opt_in").Bool(r.OptIn)
	w.Key("missing").Texts(r.Missing)
	w.Key("kernel").Text(r.Kernel)
	w.Key("program").Text(r.Program)
	w.Key("duration_ms").Number(r.DurationMS)
	w.Key("bytes").Number(r.Bytes)
	r.Counts.writeJSON(w.Key("counts"))
	w.Key("refusals").Open('[')
	for _, one := range r.Refusals {
		writeTexts(w, "dir", one.Dir, "path", one.Path, "why", one.Why, "hint", one.Hint)
	}
	w.Close(']')
	w.Key("orphans").Open('[')
	for _, one := range r.Orphans {
		writeTexts(w, "path", one.Path, "to", one.To, "why", one.Why)
	}
	w.Close(']')
	w.Key("notes").Texts(r.Notes)
	w.Close('}')
}

func (c Counts) writeJSON(w *jsonout.Writer) {
	w.Open('{')
	w.Key("linked").Number(int64(c.Linked))
	w.Key("copied").Number(int64(c.Copied))
	w.Key("carried").Number(int64(c.Carried))
	w.Key("folders").Number(int64(c.Folders))
	w.Key("folded").Number(int64(c.Folded))
	w.Key("relinked").Number(int64(c.Relinked))
	w.Key("regenerated").Number(int64(c.Regenerated))
	w.Key("orphans").Number(int64(c.Orphans))
	w.Key("differs").Number(int64(c.Differs))
	w.Key("refusals").Number(int64(c.Refusals))
	w.Key("removed").Number(int64(c.Removed))
	w.Close('}')
}

// writeTexts writes an object of texts: key, value, key, value.
func writeTexts(w *jsonout.Writer, pairs ...string) {
	w.Open('{')
	for i := 0; i+1 < len(pairs); i += 2 {
		w.Key(pairs[i]).Text(pairs[i+1])
	}
	w.Close('}')
}

// JSON is the report's file.
func (r *Report) JSON() []byte {
	var w jsonout.Writer
	r.WriteJSON(&w)
	return append(w.Bytes(), '\n')
}

// maxReport is above what a thousand orphans with the longest names take.
const maxReport = 16 << 20

// reportSays tells whether the last report of the root has one of these outcomes and,
// unless it is "", this reason.
func reportSays(root, reason string, outcomes ...string) bool {
	last, err := readSmall(root, ReportFile, maxReport)
	if err != nil {
		return false
	}
	for _, outcome := range outcomes {
		var w jsonout.Writer
		w.Open('{')
		w.Key("outcome").Text(outcome)
		w.Key("reason")
		if reason != "" {
			w.Text(reason)
		}
		if bytes.HasPrefix(last, w.Bytes()) {
			return true
		}
	}
	return false
}

// save writes the report's file.
func (r *Report) save(root string) error {
	if err := writeDurably(root, ReportFile, r.JSON(), 0o644); err != nil {
		return fmt.Errorf("write report /%s: %w", ReportFile, err)
	}
	return nil
}

func kernelRelease() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}
