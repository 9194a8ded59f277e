package sdboot

import "moss/bootloader/efivar"

// ApplyAt is Apply with fault points of the test's own.
func ApplyAt(p Plan, vars efivar.Vars, point func(string) error) ([]string, error) {
	return apply(p, vars, point)
}

// DevicePath and Target show the two directions of a device path.
var (
	DevicePath = devicePath
	Target     = target
	Prove      = prove
)
