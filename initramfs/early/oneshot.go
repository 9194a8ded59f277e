package early

import (
	"encoding/binary"
	"errors"
	"fmt"

	"moss/internal/fault"
)

const oneShot = "LoaderEntryOneShot" + loaderVendor

// byLoader tells the boot loader what to start next, which it does once.
type byLoader struct {
	boot *Boot
	dir  string
}

func (*byLoader) name() string { return "the boot loader" }

// closed: a loader of the Boot Loader Interface says who it is, and perhaps that
// it knows the variable.
func (w *byLoader) closed() error {
	var err error
	if w.dir, err = w.boot.efiVars(); err != nil {
		return err
	}
	if _, err := readVar(w.dir, "LoaderInfo"+loaderVendor); err != nil {
		return errors.New("no loader that takes orders started this boot")
	}
	const takesOneShot = 1 << 3
	features, err := readVar(w.dir, "LoaderFeatures"+loaderVendor)
	if err == nil && len(features) == 8 && binary.LittleEndian.Uint64(features)&takesOneShot == 0 {
		return errors.New("the loader knows no choice for one boot")
	}
	return w.heeded()
}

// heeded: a loader takes the variable away when it follows it. One that is still
// there after a restart was not followed, and would not be this time either.
func (w *byLoader) heeded() error {
	if _, err := readVar(w.dir, oneShot); err != nil || w.boot.restarts() == 0 {
		return nil
	}
	return errors.Join(errors.New("the loader did not follow the choice that the boot before left it"), w.undo())
}

func (w *byLoader) prepare(e menuEntry) error {
	if e.once == "" {
		return errors.New("the list of menu entries does not name it; moss-boot sync writes it anew")
	}
	err := fault.Point("early/oneshot")
	if err == nil {
		err = writeVar(w.dir, oneShot, e.once)
	}
	if err != nil {
		return fmt.Errorf("write LoaderEntryOneShot: %w", err)
	}
	return nil
}

// undo: what this boot did not leave for must not surprise the next one.
func (w *byLoader) undo() error { return deleteVar(w.dir, oneShot) }

func (w *byLoader) leave() error { return w.boot.machinery().restart() }
