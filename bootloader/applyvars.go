package bootloader

import "moss/bootloader/efivar"

// variable: the order of the entries says the same as most variables do, so a
// machine that has none or does not store them boots all the same.
func (a *applier) variable(s Step) error {
	if a.vars == nil {
		if !a.skipped {
			a.warn("this machine has no EFI variables: the order of the menu alone decides")
		}
		a.skipped = true
		return nil
	}
	if err := a.settle(); err != nil {
		return err
	}
	var err error
	if s.Op == OpSet {
		err = a.vars.Write(s.Key, s.Data, efivar.Stored)
	} else {
		err = a.vars.Delete(s.Key)
	}
	if err != nil && !s.Needed {
		a.warn("%s: %v", s.Text, err)
		return nil
	}
	return err
}
