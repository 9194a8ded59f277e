package system

import (
	"fmt"
	"slices"

	"moss/bootloader"
	"moss/bootloader/esp"
	"moss/bootloader/extlinux"
)

// next is the entry that starts next, by the rules of the loader that is there.
func (r *statusReader) next() (bootloader.Choice, error) {
	if r.facts.BIOS && !r.found.Vars.Present {
		return nextBIOS(*r.boot, r.found)
	}
	return r.found.Next(), nil
}

// nextBIOS is what starts next on a machine without UEFI, whose loaders read
// neither loader.conf nor variables: the default of our file of entries, if
// something reads that.
func nextBIOS(boot esp.Boot, found bootloader.Found) (bootloader.Choice, error) {
	there, err := extlinux.Look(boot.Dir, found.Token)
	if err != nil {
		return bootloader.Choice{}, err
	}
	label := extlinux.Default(there.Text)
	i := slices.IndexFunc(found.Ours, func(o bootloader.Own) bool { return o.Err == nil && o.Name.Stem == label })
	switch {
	case label == "":
		return bootloader.Choice{Text: "it cannot be told from here: without UEFI another loader than systemd-boot starts the machine, and none is known that reads this menu"}, nil
	case !there.Includes:
		return bootloader.Choice{Text: "it cannot be told from here: " + there.Config + " of the loader without UEFI does not read " + there.File}, nil
	case i < 0:
		return bootloader.Choice{Text: fmt.Sprintf("%s of %s, which is no entry of the menu: moss-boot sync writes it anew", label, there.File)}, nil
	}
	own := found.Ours[i]
	return bootloader.Choice{File: own.File, State: own.State, Bad: own.Name.Bad(),
		Text: fmt.Sprintf("state %d (%s): the DEFAULT of %s, unless %s or somebody at the loader's prompt says otherwise", own.State, own.File, there.File, there.Config)}, nil
}
