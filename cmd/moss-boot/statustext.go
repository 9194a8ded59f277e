package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"moss/internal/system"
	"moss/internal/ui"
)

// screenWidth is what status fits into; a command to type is never broken.
const screenWidth = 80

// margin is where the second column begins.
const margin = 13

// showBoot writes what a person reads in ten seconds: two columns, then what
// needs attention.
func showBoot(s ui.Settings, st system.BootStatus) error {
	out := bufio.NewWriter(s.Out)
	for _, row := range [][2]string{
		{"firmware", firmwareLine(st)}, {"secure boot", secureLine(st)},
		{"loader", loaderLine(st)}, {"", firmwareEntries(st)},
		{placeName(st), placeLine(st.ESP)}, {"XBOOTLDR", placeLine(st.XBOOTLDR)},
		{"running", runningLine(st)}, {"next", nextLine(st)}, {"menu", menuLine(st)}, {"", statesLine(st)},
	} {
		if row[1] != "" {
			wrap(out, fmt.Sprintf("%-*s", margin, row[0]), row[1], margin)
		}
	}
	for _, f := range st.Failed {
		wrap(out, fmt.Sprintf("%-*s", margin, "failed"), failedLine(f), margin)
	}
	for _, line := range st.Unread {
		wrap(out, fmt.Sprintf("%-*s", margin, "not read"), line, margin)
	}
	for _, w := range st.Warnings {
		wrap(out, "warning: ", w.Text, 2)
		fmt.Fprintln(out, "  do: "+ui.Printable(w.Do))
	}
	return out.Flush()
}

// wrap writes text behind head, in lines that fit the screen.
func wrap(w io.Writer, head, text string, indent int) {
	line, at := head, utf8.RuneCountInString(head)
	for i, word := range strings.Fields(ui.Printable(text)) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > screenWidth:
			fmt.Fprintln(w, line)
			line, at = strings.Repeat(" ", indent), indent
		default:
			line, at = line+" ", at+1
		}
		line, at = line+word, at+n
	}
	fmt.Fprintln(w, line)
}

func firmwareLine(st system.BootStatus) string {
	name := map[string]string{"uefi": "UEFI", "bios": "BIOS"}[st.Firmware.Type]
	if name == "" {
		name = "not known: this root is not the running system"
	}
	if !st.Firmware.Variables {
		name += "; no EFI variables"
	}
	return name
}

func secureLine(st system.BootStatus) string {
	s := st.SecureBoot
	if s.State == "unknown" && s.Key == "" {
		return ""
	}
	text := s.State
	if s.SetupMode == "on" {
		text += ", setup mode"
	}
	switch {
	case s.Key == "":
		text += "; no key of ours"
	case s.Enrolled:
		text += "; our key is enrolled"
	default:
		text += "; our key is not enrolled"
	}
	switch {
	case s.Signed == "yes":
		text += "; it signed what starts next"
	case s.Signed == "no":
		text += "; it did not sign all that starts next"
	}
	return text
}

func loaderLine(st system.BootStatus) string {
	var words []string
	if st.Loader.Running != "" {
		words = append(words, st.Loader.Running+" started this boot")
	}
	for _, l := range st.Loader.Installed {
		words = append(words, l.Path+" is "+strings.TrimSpace(l.Kind+" "+l.Version))
	}
	if len(st.Loader.Installed) == 0 && st.ESP != nil && st.Firmware.Type != "bios" {
		words = append(words, "none on the ESP")
	}
	if st.Loader.Available != "" {
		words = append(words, "/usr has "+st.Loader.Available)
	}
	return strings.Join(words, "; ")
}

func firmwareEntries(st system.BootStatus) string {
	var words []string
	for _, e := range st.Loader.Entries {
		text := fmt.Sprintf("%s %q", e.Name, e.Description)
		if e.First {
			text += ", the firmware's first"
		}
		if !e.Active {
			text += ", switched off"
		}
		words = append(words, text)
	}
	return strings.Join(words, "; ")
}

// placeName: without UEFI there is no ESP, and another loader reads the entries.
func placeName(st system.BootStatus) string {
	if st.Firmware.Type == "bios" {
		return "boot"
	}
	return "ESP"
}

func placeLine(p *system.PlaceStatus) string {
	if p == nil {
		return ""
	}
	text := strings.TrimSpace(cmp.Or(p.Dir, "not mounted") + " " + p.Device)
	text += fmt.Sprintf(", %s free of %s", ui.Bytes(int64(p.Free)), ui.Bytes(int64(p.Total)))
	if p.ReadOnly {
		text += ", read-only"
	}
	if p.Dirty {
		text += ", not unmounted cleanly"
	}
	if p.PARTUUID != "" {
		text += ", PARTUUID " + p.PARTUUID
	}
	return text
}

func runningLine(st system.BootStatus) string {
	b := st.Boot
	if st.Booted == 0 {
		if b.Kernel == "" {
			return "" // another system's root
		}
		return "no state that is known, kernel " + b.Kernel
	}
	text := fmt.Sprintf("state %d, kernel %s", st.Booted, b.Kernel)
	if b.Entry != "" {
		text += ", entry " + b.Entry
	}
	if b.Fallback {
		text += fmt.Sprintf("; wanted was state %d%s", b.Wanted, stepWords(b.Step))
	}
	if b.EarlyMS > 0 {
		text += fmt.Sprintf("; early boot %.2f s", float64(b.EarlyMS)/1000)
	}
	return text
}

// stepWords says how early boot came to the state that runs.
func stepWords(step int) string {
	switch step {
	case 1:
		return ", this is an earlier one"
	case 2:
		return ", the machine restarted into an earlier one's entry"
	case 3:
		return ", this is one that was left"
	}
	return ""
}

func failedLine(f system.FailedState) string {
	text := fmt.Sprintf("state %d: %s", f.State, f.Reason)
	if f.Time != "" {
		text += ", recorded " + f.Time
	}
	if f.Kernel != "" {
		text += " under kernel " + f.Kernel
	}
	return text
}

func nextLine(st system.BootStatus) string {
	if st.Next == nil {
		return "not known"
	}
	return st.Next.Text
}

func menuLine(st system.BootStatus) string {
	if st.Next == nil {
		return ""
	}
	ours, foreign, bad := 0, 0, 0
	for _, e := range st.Entries {
		switch {
		case e.Foreign:
			foreign++
		case e.Bad:
			ours, bad = ours+1, bad+1
		default:
			ours++
		}
	}
	text := fmt.Sprintf("%d of ours", ours)
	if bad > 0 {
		text += fmt.Sprintf(" (%d without tries)", bad)
	}
	if foreign > 0 {
		text += fmt.Sprintf(", %d of other systems", foreign)
	}
	m := st.Menu
	switch {
	case m.Matches == nil:
		text += "; whether it matches the states is not known"
	case *m.Matches:
		text += "; it matches the states"
	default:
		text += fmt.Sprintf("; it does not match the states: a sync would make %d changes", len(m.Steps))
	}
	return text
}

func statesLine(st system.BootStatus) string {
	var words []string
	for _, one := range []struct {
		what string
		id   uint64
	}{{"live", st.Active}, {"default", st.Default}, {"last good", st.Good}} {
		if one.id != 0 {
			words = append(words, fmt.Sprintf("%s %d", one.what, one.id))
		}
	}
	if st.OneShot != nil {
		words = append(words, fmt.Sprintf("once %d", *st.OneShot))
	}
	if len(st.Pinned) > 0 {
		words = append(words, "pinned "+system.JoinStates(st.Pinned))
	}
	for _, e := range st.Entries {
		if e.TriesLeft != nil && !e.Foreign && !e.Bad {
			words = append(words, fmt.Sprintf("tries left for state %d: %d", e.State, *e.TriesLeft))
		}
	}
	return strings.Join(words, ", ")
}
