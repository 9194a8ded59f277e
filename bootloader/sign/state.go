package sign

import (
	"moss/bootloader/efivar"
)

// Firmware is what the firmware says of Secure Boot. SecureBoot and SetupMode
// are "on", "off" or, where a machine has no such variable, "unknown".
type Firmware struct {
	SecureBoot string
	SetupMode  string
	// PK, KEK and DB are enrolled; empty in setup mode.
	PK, KEK, DB []Member
}

// State reads it. A variable that is missing or makes no sense counts as not
// set: nothing is decided by it that the firmware does not decide again.
func State(vars efivar.Vars) Firmware {
	f := Firmware{SecureBoot: "unknown", SetupMode: "unknown"}
	if vars == nil {
		return f
	}
	f.SecureBoot, f.SetupMode = flag(vars, "SecureBoot"), flag(vars, "SetupMode")
	for name, members := range map[string]*[]Member{"PK": &f.PK, "KEK": &f.KEK, "db": &f.DB} {
		if data, _, err := vars.Read(keyOf(name)); err == nil {
			*members, _ = ParseLists(data)
		}
	}
	return f
}

func flag(vars efivar.Vars, name string) string {
	data, _, err := vars.Read(efivar.Key{Name: name, Vendor: efivar.GlobalVendor})
	switch {
	case err != nil || len(data) != 1:
		return "unknown"
	case data[0] == 1:
		return "on"
	}
	return "off"
}
