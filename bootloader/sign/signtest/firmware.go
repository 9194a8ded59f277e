package signtest

import (
	"fmt"
	"io/fs"

	"moss/bootloader/efivar"
	"moss/bootloader/sign"
)

// Firmware is UEFI's side of enrolling: it takes a signed list from whom it may,
// and leaves setup mode with a platform key.
type Firmware struct {
	efivar.Memory
	// Order lists what was written; Refuse is the variable that it takes from
	// nobody.
	Order  []string
	Refuse string
	owner  *sign.Keys
}

// NewFirmware is one that the owner of the keys may change. Setup is the value of
// SetupMode.
func NewFirmware(owner *sign.Keys, setup byte) *Firmware {
	f := &Firmware{owner: owner}
	f.Set("SetupMode", setup)
	f.Set("SecureBoot", 0)
	return f
}

// Set gives one of UEFI's own variables a value of one byte.
func (f *Firmware) Set(name string, value byte) {
	_ = f.Memory.Write(efivar.Key{Name: name, Vendor: efivar.GlobalVendor}, []byte{value}, efivar.Volatile) // a proper name and value
}

// Write implements efivar.Vars for PK, KEK and db.
func (f *Firmware) Write(key efivar.Key, data []byte, attrs efivar.Attributes) error {
	if key.Name == f.Refuse {
		return fs.ErrPermission
	}
	if attrs != sign.Authenticated {
		return fmt.Errorf("%s: got attributes %#x", key, attrs)
	}
	by := map[string]sign.Pair{"db": f.owner.KEK, "KEK": f.owner.PK, "PK": f.owner.PK}[key.Name]
	value, err := sign.OpenUpdate(key, data, by.Cert)
	if err != nil {
		return err
	}
	f.Order = append(f.Order, key.String())
	if key.Name == "PK" {
		f.Set("SetupMode", 0)
	}
	return f.Memory.Write(key, value, attrs)
}
