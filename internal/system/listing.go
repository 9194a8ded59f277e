package system

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"moss/bootloader"
	"moss/bootloader/efivar"
	"moss/store"
	"moss/store/state"
)

// efivars is where Linux shows the firmware's variables.
const efivars = "/sys/firmware/efi/efivars"

// Menu is the boot menu as `moss-boot list` shows it; the JSON keys are stable.
type Menu struct {
	Default uint64            `json:"default"` // 0: an entry of another system, or none
	Booted  uint64            `json:"booted"`  // 0: unknown
	OneShot *uint64           `json:"oneshot"`
	Entries []bootloader.Item `json:"entries"`
}

// ReadMenu looks at the boot menu of a root. It changes nothing.
func ReadMenu(opt Options) (Menu, error) {
	s, err := store.View(opt.Root)
	if err != nil {
		return Menu{}, err
	}
	rows, err := s.States()
	if err != nil {
		return Menu{}, errors.Join(err, s.Close())
	}
	m, err := menuOf(s, opt, rows)
	return m, errors.Join(err, s.Close())
}

// menuOf reads the names on $BOOT; what is in the files it does not look at.
func menuOf(s *store.Store, opt Options, rows []state.State) (Menu, error) {
	found, err := look(s, opt)
	if err != nil {
		return Menu{}, err
	}
	marks, err := marksOf(s, opt, rows)
	if err != nil {
		return Menu{}, err
	}
	m := Menu{Booted: marks.Booted, Entries: bootloader.List(found, marks)}
	for _, item := range m.Entries {
		if item.Default {
			m.Default = item.State
		}
		if item.OneShot {
			m.OneShot = &item.State
		}
	}
	return m, nil
}

func marksOf(s *store.Store, opt Options, rows []state.State) (bootloader.Marks, error) {
	live, _ := s.Active()
	marks := bootloader.Marks{Booted: uint64(bootedState(opt.Root, live))}
	for _, row := range rows {
		if row.Pinned {
			marks.Pinned = append(marks.Pinned, uint64(row.ID))
		}
	}
	if filepath.Clean(opt.Root) != "/" {
		return marks, nil
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return marks, err
	}
	release, _, _ := strings.Cut(string(name.Release[:]), "\x00")
	marks.Kernel = release
	return marks, nil
}

// vars are the variables that belong to the root, nil where there are none (BIOS,
// a container): then the order and loader.conf decide.
func (o Options) vars() efivar.Vars {
	if o.Vars != nil || filepath.Clean(o.Root) != "/" {
		return o.Vars
	}
	vars, err := efivar.Open(efivars)
	if err != nil {
		return nil
	}
	return vars
}
