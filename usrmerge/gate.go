package usrmerge

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// What a machine's gate says, or its merge came to. Reports carry these words.
const (
	OutcomeOpen     = "open"      // nothing stands in the way; reports never say it
	OutcomeMerged   = "merged"    // every folder was merged and checked
	OutcomeAlready  = "already"   // the system is merged
	OutcomeNotReady = "not-ready" // a ready marker is missing
	OutcomeOutside  = "outside"   // the rollout has not come to this machine
	OutcomeRefused  = "refused"   // something must be mended first
	OutcomeFailed   = "failed"    // an error; the next run goes on
	OutcomeOff      = "off"       // moss.usrmerge=off
)

// The values of the kernel parameter moss.usrmerge.
const (
	Off = "off" // not at this boot
	On  = "on"  // as opt-in=yes, at this boot
)

// Decision is what the gate says of a system.
type Decision struct {
	// Merge: the system is not merged, and shall be now.
	Merge bool `json:"merge"`
	// Outcome is one of the words above.
	Outcome string `json:"outcome"`
	// Reason is one line for people, Hint what they can do, "" if nothing.
	Reason string `json:"reason"`
	Hint   string `json:"hint"`
	// Merged and Complete are what the system is and what its marker says.
	Merged   bool `json:"merged"`
	Complete bool `json:"complete"`
	// Ready: every ready marker is there; Missing are those that are not.
	Ready   bool     `json:"ready"`
	Missing []string `json:"missing"`
	Rollout int      `json:"rollout"`
	// RolloutFrom is the file and line that set it, "" if none did.
	RolloutFrom string `json:"rollout_from"`
	// Number is the machine's, 0 to 255; -1 when it is not known or was not asked
	// for, because everybody merges, or nobody.
	Number int  `json:"number"`
	OptIn  bool `json:"opt_in"`

	config  Config
	problem error // what closed the gate, if something is wrong
}

// Decide asks the gate of a root: what the system is, then what its configuration,
// its markers and its machine id say. It reads only, and for a system that is
// merged it costs less than a millisecond. override is the value of
// moss.usrmerge=, "" for none. Whatever is wrong in there closes the gate and is the reason.
func Decide(root, override string) (Decision, error) {
	d := Decision{Missing: []string{}, Number: -1}
	err := d.decide(root, override)
	return d, err
}

func (d *Decision) decide(root, override string) (err error) {
	d.config, err = ReadConfig(root)
	d.Rollout, d.RolloutFrom, d.OptIn = d.config.Rollout, d.config.From(keyRollout), d.config.OptIn
	if err != nil {
		d.Merged, _ = Merged(root, nil)
		d.closed(err) // the mistake is what there is to say
		if d.Merged {
			d.say(OutcomeAlready, "already merged; but "+err.Error(), hintOf(err))
		}
		return nil
	}
	if d.Merged, err = Merged(root, d.config.Dirs); err != nil {
		return fmt.Errorf("look at the top folders: %w", err)
	}
	missing, err := missingMarkers(root, d.config.Ready)
	if err == nil {
		d.Complete, err = Present(root, d.config.Complete)
	}
	if err != nil {
		d.closed(err)
		return nil
	}
	d.Missing, d.Ready = append(d.Missing, missing...), len(missing) == 0
	d.open(root, override)
	return nil
}

// open goes through the reasons not to merge, the strongest first.
func (d *Decision) open(root, override string) {
	const parameter = " on the kernel command line"
	switch {
	case override != "" && override != On && override != Off:
		d.closed(errors.New("moss.usrmerge=" + override + parameter + ": want on or off"))
	case override == Off:
		d.say(OutcomeOff, "moss.usrmerge=off"+parameter, "leave it away at the next boot")
	case d.Merged && d.Complete:
		d.say(OutcomeAlready, "already merged", "")
	case d.Merged:
		d.say(OutcomeAlready, "already merged; the complete marker is missing", "")
	case !d.Ready:
		d.say(OutcomeNotReady, "not ready: "+strings.Join(d.Missing, " and ")+" missing",
			"what prepares this system makes it, or: moss usr-merge ready")
	case override == On:
		d.merge("moss.usrmerge=on" + parameter)
	case d.Complete && !usual(root):
		// Its packages are those of a merged system already. Folders that came into
		// dirs= later are another matter: the marker does not speak of them.
		d.merge("it was merged before and is not any more; the rollout is not asked again")
	case d.OptIn:
		d.merge("opted in by " + d.config.From(keyOptIn))
	default:
		d.drawn(root)
	}
}

// drawn compares the machine's number with the threshold.
func (d *Decision) drawn(root string) {
	const takePart = "take part with: moss usr-merge rollout --opt-in"
	threshold := "rollout=" + strconv.Itoa(d.Rollout) + " of " + d.RolloutFrom
	switch {
	case d.RolloutFrom == "":
		d.say(OutcomeOutside, "no configuration says rollout=, so nobody merges", takePart)
	case d.Rollout == 0:
		d.say(OutcomeOutside, threshold+": nobody", takePart)
	case d.Rollout == Everyone:
		d.merge(threshold + ": everybody")
	default:
		number, err := MachineNumber(root)
		if err != nil {
			d.closed(err)
			return
		}
		d.Number = number
		reason := threshold + ", and this machine's number is " + strconv.Itoa(number)
		if number < d.Rollout {
			d.merge(reason)
			return
		}
		d.say(OutcomeOutside, reason, "wait for the rollout, or "+takePart)
	}
}

func (d *Decision) say(outcome, reason, hint string) {
	d.Outcome, d.Reason, d.Hint = outcome, reason, hint
}

func (d *Decision) merge(reason string) {
	d.Merge = true
	d.say(OutcomeOpen, reason, "")
}

func (d *Decision) closed(err error) {
	d.Merge, d.problem = false, err
	d.say(OutcomeRefused, err.Error(), hintOf(err))
}

// hintOf is what an error says should be done next, or "".
func hintOf(err error) string {
	type hinting interface {
		error
		Hint() string
	}
	if with, ok := errors.AsType[hinting](err); ok {
		return with.Hint()
	}
	return ""
}

// usual tells whether the folders are merged of which the complete marker speaks in
// any case.
func usual(root string) bool {
	merged, err := Merged(root, nil)
	return merged && err == nil
}
