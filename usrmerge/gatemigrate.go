package usrmerge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"moss/internal/fault"
)

// Outcome is what asking the gate, and merging when it is open, came to.
type Outcome struct {
	Decision Decision
	// Result is nil when nothing was merged.
	Result *Result
	// Report is what report.json says now, if it says something new.
	Report Report
	// Reported: the file was written; Marked: so was the complete marker.
	Reported, Marked bool
	// Notes are for a log; none of them stands in the way.
	Notes []string
}

// MigrateIfOpen asks the gate of a root and merges when it is open: what early
// boot, the unit and moss usr-merge run do. override is the value of
// moss.usrmerge=. Root, Dirs and Orphans of o are set from root and its
// configuration.
//
// An error means that a merge did not come to its end, or that its report or marker
// could not be written; what refuses it is no error, but Outcome.Report. It
// survives a cut anywhere: the next call goes on. When there is nothing to do
// nothing is written.
func MigrateIfOpen(ctx context.Context, root, override string, o Options) (Outcome, error) {
	return migrate(ctx, root, o, func() (Decision, error) { return Decide(root, override) })
}

// MigrateAnyway is MigrateIfOpen for somebody who decides alone: whatever rollout,
// ready markers and machine id say. What refuses a merge still does.
func MigrateAnyway(ctx context.Context, root, override string, o Options) (Outcome, error) {
	return migrate(ctx, root, o, func() (Decision, error) {
		d, err := Decide(root, override)
		d.force()
		return d, err
	})
}

func (d *Decision) force() {
	_, noNumber := errors.AsType[*MachineError](d.problem)
	if !d.Merged && !d.Merge && (d.problem == nil || noNumber) {
		d.merge("forced; without that: " + d.Reason)
	}
}

func migrate(ctx context.Context, root string, o Options, decide func() (Decision, error)) (Outcome, error) {
	begun := time.Now()
	d, err := decide()
	out := Outcome{Decision: d, Report: newReport(&d, o.Program, begun)}
	switch {
	case err != nil:
		out.Report.failed(err)
	case d.Merge:
		if err = out.merge(ctx, root, o); underWay(err) {
			return out, err // the report is the other's
		}
	case d.Merged && (d.Complete || d.problem != nil):
		return out, nil
	case d.Outcome != OutcomeAlready:
		// The reason is all there is to tell.
	default:
		err = out.mark(root, o)
	}
	out.Report.DurationMS = time.Since(begun).Milliseconds()
	return out, errors.Join(err, out.finish(root, begun))
}

// merge runs the merge and says what it came to.
func (out *Outcome) merge(ctx context.Context, root string, o Options) (err error) {
	out.Result, err = Run(ctx, out.Decision.config.Options(root, o))
	out.Report.add(out.Result)
	switch {
	case err != nil:
		out.Report.failed(err)
	case out.Result.Merged && out.Result.Plan.Merged: // by another one, since the gate was asked
		out.Report.say(OutcomeAlready, "already merged", "")
	case out.Result.Merged:
		if err = promise(out.Decision.config.Options(root, o)); err != nil {
			out.Report.failed(err)
			return err
		}
		out.Report.say(OutcomeMerged, "every folder is merged and checked: "+out.Decision.Reason, "")
	case len(out.Result.Plan.Refusals) == 0:
		err = errors.New("a top folder is a folder again, or something is left over; run it again")
		out.Report.failed(err)
	default:
		out.Report.refused(out.Result.Plan)
	}
	return err
}

func underWay(err error) bool {
	_, ok := errors.AsType[*UnderWayError](err)
	return ok
}

// mark is for a system that is merged and has no complete marker: the marker is
// a promise, so the system is looked at first.
func (out *Outcome) mark(root string, o Options) error {
	err := promise(out.Decision.config.Options(root, o))
	if err != nil {
		out.Report.failed(err)
		return err
	}
	out.Report.say(OutcomeAlready, "already merged, and checked now", "")
	return nil
}

// Options are those of o for a root of this configuration.
func (c *Config) Options(root string, o Options) Options {
	o.Root, o.Dirs, o.Orphans = root, c.Dirs, strings.TrimPrefix(c.Orphans, "/")
	return o
}

// finish writes the report, if it says something new, and then the marker. A
// report that cannot be written is only noted unless it is that of a merge.
func (out *Outcome) finish(root string, begun time.Time) error {
	err := out.report(root)
	merged := out.Report.Outcome == OutcomeMerged || out.Report.Outcome == OutcomeAlready
	if err != nil && !merged {
		out.Notes = append(out.Notes, err.Error())
		return nil
	}
	if err != nil || !merged {
		return err
	}
	if err := fault.Point("usr-merge/complete"); err != nil {
		return err
	}
	text := fmt.Sprintf("merged and checked, %s", begun.UTC().Format(time.RFC3339))
	out.Marked, err = SetMarker(root, out.Decision.config.Complete, text)
	return err
}

// report keeps that of the merge when later looks only find it done.
func (out *Outcome) report(root string) error {
	switch r := &out.Report; r.Outcome {
	case OutcomeMerged:
	case OutcomeAlready:
		if reportSays(root, "", OutcomeMerged, OutcomeAlready) {
			return nil
		}
	default:
		if reportSays(root, r.Reason, r.Outcome) {
			return nil
		}
	}
	if err := fault.Point("usr-merge/report"); err != nil {
		return err
	}
	err := out.Report.save(root)
	out.Reported = err == nil
	return err
}

func (r *Report) say(outcome, reason, hint string) {
	r.Outcome, r.Reason, r.Hint = outcome, reason, hint
}

func (r *Report) failed(err error) {
	hint := hintOf(err)
	if hint == "" {
		hint = "every path works as before; the next run goes on where this one ended"
	}
	r.say(OutcomeFailed, strings.ReplaceAll(err.Error(), "\n", "; "), hint)
}

// refused names the first thing that stands in the way, and how many more do.
func (r *Report) refused(p *Plan) {
	first := p.Refusals[0]
	reason := first.said()
	if more := len(p.Refusals) - 1; more > 0 {
		reason += fmt.Sprintf(" (and %d more)", more)
	}
	r.say(OutcomeRefused, reason, first.Hint)
}
