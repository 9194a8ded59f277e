package system

import (
	"strconv"
	"strings"

	"moss/bootloader"
	"moss/bootloader/esp"
)

// openBoot finds the place of the boot menu. What is mounted for it is unmounted
// by its Close. A question opens it read-only.
func openBoot(opt Options, readOnly bool) (esp.Boot, error) {
	if opt.held != nil {
		boot := *opt.held
		boot.Hold = nil // whoever holds it closes it
		return boot, nil
	}
	q := esp.Query{Root: opt.Root, Explicit: opt.ESP, ReadOnly: readOnly}
	if vars := opt.vars(); vars != nil {
		q.Device = bootloader.ReadVariables(vars).DevicePart
	}
	boot, err := esp.Open(q)
	if err == nil && !readOnly && opt.Log != nil {
		for _, line := range boot.Warnings() {
			opt.Log("warning: " + line)
		}
	}
	return boot, err
}

// holdBoot opens $BOOT once for everything that is done with the options it
// returns: a partition that is mounted on demand is not mounted again for each
// question. Where there is none, each step says so when it needs one.
func holdBoot(opt Options, readOnly bool) (held Options, release func() error) {
	if opt.held != nil || opt.NoBoot {
		return opt, func() error { return nil }
	}
	boot, err := openBoot(opt, readOnly)
	if err != nil {
		return opt, func() error { return nil }
	}
	opt.held = &boot
	return opt, boot.Close
}

// scanBoot reads what is on $BOOT and what the loader was told.
func scanBoot(opt Options, boot esp.Boot, token string) (bootloader.Found, error) {
	found, err := bootloader.Scan(boot, token)
	found.Vars = bootloader.ReadVariables(opt.vars())
	if opt.planning {
		// We mounted it read-only because nothing will be written now.
		found.Space.ReadOnly = found.Space.ReadOnly && !boot.DirPart.Ours
		found.ESPSpace.ReadOnly = found.ESPSpace.ReadOnly && !boot.ESPPart.Ours
	}
	return found, err
}

// JoinStates lists states for a person.
func JoinStates(ids []uint64) string {
	var names []string
	for _, id := range ids {
		names = append(names, strconv.FormatUint(id, 10))
	}
	return strings.Join(names, ", ")
}
