package bootloader

import (
	"fmt"
	"slices"
)

// Warning is something that a person should know or do.
type Warning struct {
	// Code is stable, for scripts.
	Code string `json:"code"`
	// Text is one line that says what is wrong, Do the command to type.
	Text string `json:"text"`
	Do   string `json:"do"`
}

// Facts is what a diagnosis needs beside $BOOT. What is not known is left out,
// and nothing is said of it.
type Facts struct {
	// UEFI and BIOS say what started this machine; neither is set for the root of
	// another.
	UEFI, BIOS bool
	// Lost is why $BOOT could not be read; Found is empty then. Notes are what
	// else was found out while looking for it.
	Lost  error
	Notes []string
	// Stray is a loader.conf on $BOOT beside the ESP, where no loader reads it.
	Stray string

	// States are those that there are; nil when that is not known. Failed has the
	// reason for which a state is held to be bad.
	States []uint64
	Failed map[uint64]string
	// Live is the state of /usr, Booted the one that runs, Told the one that the
	// kernel's command line names, Good the last one that proved itself.
	Live, Booted, Told, Good uint64
	// FellBack is why early boot did not start the state that it was told to.
	FellBack string
	// Unblessed: nothing in the live state says of a boot that it was good.
	Unblessed bool

	// Want is the menu as it should be, with its contents, nil when that is not
	// known. Plan and PlanErr are what MakePlan said of it.
	Want    *Want
	Plan    Plan
	PlanErr error

	Loader LoaderFacts
}

// Diagnose looks for everything that is known to go wrong with a boot menu, the
// worst first. It reads nothing but its arguments.
func Diagnose(f Found, m Facts) []Warning {
	d := &diagnosis{f: f, m: m, out: []Warning{}}
	if m.Lost != nil {
		d.lost()
	} else {
		for _, look := range []func(){
			d.disk, d.layout, d.complete, d.files, d.damaged, d.space,
			d.thisBoot, d.settings, d.usual, d.exhausted, d.blessing,
			d.orphans, d.twins, d.stray,
		} {
			look()
		}
	}
	d.loader()
	d.variables()
	if m.Lost == nil {
		d.rubbish()
		d.foreign()
		d.differs()
	}
	for _, note := range m.Notes {
		d.warn("esp-other", listPartitions, "%s", note)
	}
	return d.out
}

// The commands that several warnings name.
const (
	syncMenu       = "moss-boot sync"
	clearDefault   = "moss-boot set-default --clear"
	listPartitions = "lsblk -o NAME,PARTTYPENAME,PARTUUID,MOUNTPOINTS"
)

type diagnosis struct {
	f   Found
	m   Facts
	out []Warning
}

func (d *diagnosis) warn(code, do, format string, args ...any) {
	d.out = append(d.out, Warning{Code: code, Text: fmt.Sprintf(format, args...), Do: do})
}

func (d *diagnosis) said(code string) bool {
	return slices.ContainsFunc(d.out, func(w Warning) bool { return w.Code == code })
}

// differs is said when nothing else leads to a sync.
func (d *diagnosis) differs() {
	synced := slices.ContainsFunc(d.out, func(w Warning) bool { return w.Do == syncMenu })
	if n := changes(d.m.Plan); n > 0 && !synced {
		d.warn("menu-differs", syncMenu, "the menu does not match the states: a sync would make %s", counted(n, "change"))
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func changes(p Plan) int {
	return len(without(p.Steps, func(s Step) bool { return s.Op == OpSync }))
}
