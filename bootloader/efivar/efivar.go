// Package efivar reads and writes EFI variables, the only thing that the boot
// loader and the running system can tell each other.
//
// A machine may have none (BIOS, some virtual machines) or refuse to store them
// (full flash, read-only efivarfs): callers treat every variable as a hint and
// have another way.
package efivar

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Attributes are the flags of a variable (UEFI 2.10, 8.2).
type Attributes uint32

// NonVolatile survives a reset. The loader sets its reports without it (6) and
// expects our requests with it (7).
const (
	NonVolatile   Attributes = 1
	BootService   Attributes = 2
	RuntimeAccess Attributes = 4

	Volatile = BootService | RuntimeAccess
	Stored   = NonVolatile | BootService | RuntimeAccess
)

// The vendors whose variables matter here.
const (
	// LoaderVendor is systemd's Boot Loader Interface.
	LoaderVendor = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
	// GlobalVendor is UEFI itself: BootOrder, Boot0000, SecureBoot.
	GlobalVendor = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
)

// Key names a variable.
type Key struct {
	// Name is case-sensitive. Vendor is a GUID in lower case.
	Name, Vendor string
}

// Loader is the key of one of the loader's variables.
func Loader(name string) Key { return Key{Name: name, Vendor: LoaderVendor} }

// String is the key as efivarfs writes it: name, hyphen, GUID.
func (k Key) String() string { return k.Name + "-" + k.Vendor }

// ParseKey reads what String wrote.
func ParseKey(text string) (Key, bool) {
	split := len(text) - len(LoaderVendor) - 1
	if split < 1 || text[split] != '-' {
		return Key{}, false
	}
	key := Key{Name: text[:split], Vendor: strings.ToLower(text[split+1:])}
	return key, key.check() == nil
}

var guid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (k Key) check() error {
	if k.Name == "" || strings.ContainsAny(k.Name, "/\x00") || !guid.MatchString(k.Vendor) {
		return fmt.Errorf("%q is no variable's name", k.String())
	}
	return nil
}

// Vars is a store of variables. A missing variable is fs.ErrNotExist.
type Vars interface {
	// Read returns the whole value.
	Read(key Key) ([]byte, Attributes, error)
	// Write sets the value. Equal value and attributes are not written again:
	// flash wears out. An empty value is an error, for to the firmware it means
	// deletion.
	Write(key Key, data []byte, attrs Attributes) error
	// Delete removes the variable; one that is not there is no error.
	Delete(key Key) error
	// List returns all keys, sorted by their text.
	List() ([]Key, error)
}

// ErrNone says that this machine offers no EFI variables.
var ErrNone = errors.New("no EFI variables")

var errEmpty = errors.New("an empty value would delete the variable")

func checkWrite(key Key, data []byte) error {
	if err := key.check(); err != nil {
		return err
	}
	if len(data) == 0 {
		return fmt.Errorf("write EFI variable %s: %w", key.Name, errEmpty)
	}
	return nil
}
