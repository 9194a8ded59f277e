package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"moss/internal/cmdline"
	"moss/store/activate"
)

// bootReport is where early boot leaves its report.
const bootReport = "/run/moss/boot.json"

// thisBoot of another root than the running system's is nothing.
func (r *statusReader) thisBoot() error {
	line, err := running(r.opt.Root)
	if err != nil || line == "" {
		return err
	}
	report, err := os.ReadFile(bootReport)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.st.Boot, err = thisBoot(line, report)
	r.st.Boot.Kernel = runningKernel()
	r.facts.Told, r.facts.FellBack = r.st.Boot.Wanted, r.st.Boot.fellBack()
	return err
}

func (b ThisBoot) fellBack() string {
	if b.Fallback && b.Reason == "" {
		return "for a reason that early boot did not give"
	}
	if !b.Fallback {
		return ""
	}
	return oneLine(b.Reason)
}

// thisBoot puts together what the kernel was told and what early boot reports,
// nil without a report.
func thisBoot(line string, report []byte) (ThisBoot, error) {
	b := ThisBoot{Failed: []Bad{}}
	word, _ := cmdline.Parse(line).Last(stateWord)
	if id, err := activate.ParseID(word); err == nil {
		b.Wanted = uint64(id)
	}
	if report == nil {
		return b, nil
	}
	var said struct {
		Wanted, Activated uint64 // null is 0
		Fallback          bool
		Step              int
		Reason            string
		Failed            []Bad
		Start             int64 `json:"start_ms"`
		End               int64 `json:"end_ms"`
	}
	if err := json.Unmarshal(report, &said); err != nil {
		return b, fmt.Errorf("%s: %w", bootReport, err)
	}
	if said.Wanted != 0 {
		b.Wanted = said.Wanted
	}
	b.Activated, b.Fallback, b.Step, b.Reason = said.Activated, said.Fallback, said.Step, said.Reason
	b.Failed = append(b.Failed, said.Failed...)
	b.EarlyMS = max(0, said.End-said.Start)
	return b, nil
}

// failed lists the states that are held to be bad, less what the running machine
// disproves.
func (r *statusReader) failed() error {
	r.facts.Failed = map[uint64]string{}
	names, err := os.ReadDir(failedDir(r.opt.Root))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		id, err := activate.ParseID(name.Name())
		if err != nil {
			continue // a temporary file
		}
		why := refusal(r.opt.Root, id, activate.ID(r.st.Booted))
		if why == "" {
			continue
		}
		one := FailedState{State: uint64(id), Reason: why}
		one.Kernel, _ = recorded(r.opt.Root, id, "kernel")
		one.Time, _ = recorded(r.opt.Root, id, "time")
		r.st.Failed = append(r.st.Failed, one)
		r.facts.Failed[one.State] = why
	}
	slices.SortFunc(r.st.Failed, func(a, b FailedState) int { return int(a.State) - int(b.State) })
	return err
}
