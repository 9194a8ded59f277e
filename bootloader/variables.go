package bootloader

import (
	"encoding/binary"

	"moss/bootloader/efivar"
)

// Variables is what the loader and the running system have told each other in
// EFI variables; "" stands for one that is not set. The zero value is a machine
// without any.
type Variables struct {
	// Present says that the machine has variables at all.
	Present bool
	// OneShot, Default, Preferred and SysFail are requests to the loader:
	// LoaderEntryOneShot, LoaderEntryDefault, LoaderEntryPreferred (from 260),
	// LoaderEntrySysFail (from 258).
	OneShot, Default, Preferred, SysFail string
	// LastBooted is the id that "@saved" stands for. Selected and CountPath are
	// what the loader says of this boot: the id before its counter was changed
	// and the path after it. Both are out of date after kexec.
	LastBooted, Selected, CountPath string
	// Info is the loader's name and version, DevicePart the PARTUUID of the
	// partition that it was started from.
	Info, DevicePart string
	// Features is LoaderFeatures, bit by bit what this loader can do.
	Features uint64
	// Entries are the ids of what the loader found at this boot, in its order,
	// with those that are no files. It is out of date after kexec.
	Entries []string
}

// ReadVariables reads them all. One that cannot be read counts as not set:
// variables are hints.
func ReadVariables(vars efivar.Vars) Variables {
	if vars == nil {
		return Variables{}
	}
	text := func(name string) string {
		value, err := efivar.Text(vars, name)
		if err != nil {
			return ""
		}
		return value
	}
	v := Variables{
		Present: true,
		OneShot: text("LoaderEntryOneShot"), Default: text("LoaderEntryDefault"), Preferred: text("LoaderEntryPreferred"), SysFail: text("LoaderEntrySysFail"),
		LastBooted: text("LoaderEntryLastBooted"), Selected: text("LoaderEntrySelected"), CountPath: text("LoaderBootCountPath"),
		Info: text("LoaderInfo"), DevicePart: text("LoaderDevicePartUUID"),
	}
	if raw, _, err := vars.Read(efivar.Loader("LoaderFeatures")); err == nil && len(raw) == 8 {
		v.Features = binary.LittleEndian.Uint64(raw)
	}
	if raw, _, err := vars.Read(efivar.Loader("LoaderEntries")); err == nil {
		v.Entries, _ = efivar.DecodeList(raw) // nil when it is damaged
	}
	return v
}
