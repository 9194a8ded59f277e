package bootloader

import (
	"strings"

	"moss/bootloader/bls"
)

// LoaderFacts is what is known of the loader itself.
type LoaderFacts struct {
	// Known: the ESP was looked at.
	Known bool
	// Copies are its programs for this machine. Available is the version in /usr,
	// "" without one.
	Copies    []LoaderCopy
	Available string
	// Entries are the firmware's entries for it, of which Twins are one too many.
	Entries, Twins []string
	// Enforced: Secure Boot is on. Keyed: there is a key of ours. Enrolled: the
	// firmware knows it. Unsigned are the files of the next boot that it, or without
	// one of ours any key that the firmware knows, did not
	// sign.
	Enforced, Keyed, Enrolled bool
	Unsigned                  []string
}

// LoaderCopy is a program at one of the loader's paths.
type LoaderCopy struct {
	// Path is for a person; Fallback is where firmware looks without an entry.
	Path     string
	Fallback bool
	// Version is that of systemd-boot, "" for something else. Broken is no whole
	// program.
	Version string
	Broken  bool
}

func (d *diagnosis) loader() {
	l := d.m.Loader
	if !l.Known {
		return
	}
	main, fallback := false, false
	for _, c := range l.Copies {
		main = main || c.Version != "" && !c.Fallback
		fallback = fallback || c.Version != "" && c.Fallback
		d.program(c)
	}
	if !main && !fallback && !d.m.BIOS && !d.said("loader-broken") {
		d.warn("loader-missing", "moss-boot install", "there is no systemd-boot on the ESP")
	}
	if main && !fallback && d.m.UEFI && d.f.Vars.Present && len(l.Entries) == 0 {
		d.warn("loader-unreached", "moss-boot install", "the firmware has no entry for the loader, and at the path that it tries without one there is none")
	}
	if len(l.Twins) > 0 {
		d.warn("firmware-duplicate", "moss-boot install", "the firmware has the same entry for the loader %d times: %s", len(l.Twins)+1, strings.Join(l.Twins, ", "))
	}
	d.signatures()
}

func (d *diagnosis) program(c LoaderCopy) {
	l := d.m.Loader
	switch {
	case c.Broken:
		d.warn("loader-broken", "moss-boot install", "%s is no whole program: the firmware cannot start it", c.Path)
	case c.Version == "" && len(l.Entries) > 0:
		d.warn("loader-foreign", "moss-boot install --dry-run", "%s is another system's and stays: the firmware starts it when it loses %s", c.Path, l.Entries[0])
	case c.Version == "":
		d.warn("loader-foreign", "moss-boot install", "%s is another system's and stays: without an entry for ours the firmware starts that", c.Path)
	case l.Available != "" && bls.CompareVersion(c.Version, l.Available) < 0:
		d.warn("loader-old", "moss-boot update", "%s is systemd-boot %s, /usr has %s", c.Path, c.Version, l.Available)
	}
}

// signatures matter to Secure Boot alone. What another key signed, nobody knows
// here.
func (d *diagnosis) signatures() {
	l := d.m.Loader
	switch {
	case !l.Enforced:
	case !l.Keyed && len(l.Unsigned) > 0:
		d.warn("key-missing", "moss-boot keys status", "Secure Boot is on, there is no key of ours here, and the firmware knows nobody who signed %s", strings.Join(l.Unsigned, ", "))
	case !l.Keyed:
	case !l.Enrolled:
		d.warn("key-unknown", "moss-boot keys enroll", "Secure Boot is on and does not know our key: what that alone signed does not start")
	case len(l.Unsigned) > 0:
		d.warn("unsigned", "moss-boot sync && moss-boot update", "Secure Boot is on, and our key did not sign %s", strings.Join(l.Unsigned, ", "))
	}
}
