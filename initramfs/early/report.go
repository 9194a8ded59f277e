package early

import (
	"fmt"
	"os"
	"path/filepath"

	"moss/internal/atomicfile"
	"moss/internal/jsonout"
	"moss/store/activate"
)

// Report is what the running system learns of its early boot: boot.json.
type Report struct {
	Outcome
	// Kernel is the version that runs.
	Kernel string
	// Start and End are when /init began and when the report was written, in
	// milliseconds since the machine was switched on.
	Start, End int64
	// Steps are those taken so far.
	Steps []Timing
	// UsrMerge is empty until that step.
	UsrMerge UsrMerge
}

// Timing is how long a step took, in milliseconds.
type Timing struct {
	Name string
	Took int64
}

// writeReport leaves /run/moss/boot.json, which goes along to the new root, and
// ends with the one line that every boot prints. A report that cannot be
// written is no reason not to boot.
func (b *Boot) writeReport() error {
	b.saveReport()
	if b.report.Fallback {
		b.console.Errorf("%s", b.report.line())
	} else {
		b.console.infof("%s", b.report.line())
	}
	return nil
}

func (b *Boot) saveReport() {
	b.report.End = uptime()
	dir := b.path("run/moss")
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = atomicfile.Write(filepath.Join(dir, "boot.json"), b.report.JSON(), 0o644)
	}
	if err != nil {
		b.console.warnf("write the boot report: %v", err)
	}
}

// leaveReport is writeReport where others go on: it is the end of what moss-init
// does there, so the kernel's settings come back.
func (b *Boot) leaveReport() error {
	defer b.unset()
	return b.writeReport()
}

// line is the outcome for a person.
func (r *Report) line() string {
	took := fmt.Sprintf("%d.%02d s", (r.End-r.Start)/1000, (r.End-r.Start)%1000/10)
	switch {
	case r.Fallback:
		return fmt.Sprintf("state %s activated (wanted %s: %s), %s", r.Activated, name(r.Wanted), r.Reason, took)
	case r.Wanted == 0:
		return fmt.Sprintf("%s (%s), %s", r.Reason, name(r.Activated), took)
	}
	return fmt.Sprintf("state %s activated, %s", r.Activated, took)
}

func name(id activate.ID) string {
	if id == 0 {
		return "no state"
	}
	return id.String()
}

// JSON is boot.json. It is written by hand because encoding/json would add a
// seventh to the size of PID 1. Numbers that are not known are null.
func (r *Report) JSON() []byte {
	var w jsonout.Writer
	w.Open('{')
	writeID(w.Key("wanted"), r.Wanted)
	writeID(w.Key("activated"), r.Activated)
	w.Key("fallback").Bool(r.Fallback)
	w.Key("step").Number(int64(r.Step))
	w.Key("reason").Text(r.Reason)
	w.Key("failed").Open('[')
	for _, f := range r.Failed {
		w.Open('{')
		writeID(w.Key("state"), f.State)
		w.Key("reason").Text(f.Reason)
		w.Close('}')
	}
	w.Close(']')
	w.Key("kernel").Text(r.Kernel)
	w.Key("usrmerge").Open('{')
	if r.UsrMerge.Outcome != "" {
		w.Key("outcome").Text(r.UsrMerge.Outcome)
		w.Key("reason").Text(r.UsrMerge.Reason)
	}
	w.Close('}')
	w.Key("start_ms").Number(r.Start)
	w.Key("end_ms").Number(r.End)
	w.Key("fallback_ms").Number(r.FallbackTook)
	w.Key("steps").Open('[')
	for _, s := range r.Steps {
		w.Open('{')
		w.Key("name").Text(s.Name)
		w.Key("ms").Number(s.Took)
		w.Close('}')
	}
	w.Close(']')
	w.Close('}')
	return append(w.Bytes(), '\n')
}
