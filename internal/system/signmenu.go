package system

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"moss/bootloader"
	"moss/bootloader/extlinux"
	"moss/bootloader/sign"
)

// finished is the menu with its images as they go to $BOOT: signed, unified. What
// a plan has made of them is there until the signer is closed.
func finished(want bootloader.Want, opt Options, found bootloader.Found, usr treeOf) (bootloader.Want, *signer, error) {
	config, err := ReadConfig(opt.Root)
	if err != nil {
		return want, nil, err
	}
	warn := func(line string) { opt.Log("warning: " + line) }
	how, err := newSignerFor(sign.State(opt.vars()), opt.Root, config.Sign, !opt.DryRun, warn)
	if err != nil {
		return want, nil, err
	}
	how.boot = kernelsOf(found)
	unified := config.UKI || opt.UKI
	if unified {
		old, err := extlinux.Look(found.Boot.Dir, want.Token)
		if err != nil {
			return want, nil, err
		}
		if unified = !old.Exists && !withoutFirmware(opt.Root); !unified {
			warn("kernel and initrds stay separate files, although one image was asked for (uki): no loader without UEFI can start that")
		}
	}
	want, err = how.finishMenu(want, unified, usr)
	if err != nil {
		return want, nil, errors.Join(err, how.close())
	}
	return want, how, nil
}

// finishKernel is a kernel as it goes to $BOOT, with its image signed.
func (s *signer) finishKernel(k bootloader.Kernel) (bootloader.Kernel, error) {
	var err error
	k.Image, err = s.image(k.Image)
	return k, err
}

// finishMenu finishes all kernels of a menu, and of the states that the menu
// shows makes one image each if unified is set, and of the rescue entry: initrds beside
// it could be changed by anyone who gets at $BOOT. usr is the tree of a state.
func (s *signer) finishMenu(w bootloader.Want, unified bool, usr treeOf) (bootloader.Want, error) {
	given := w
	w.States = slices.Clone(w.States)
	for i := range w.States {
		one := &w.States[i]
		one.Kernels = slices.Clone(one.Kernels)
		for j := range one.Kernels {
			var err error
			if one.Kernels[j], err = s.finish(one.Kernels[j], unified && shows(w, *one), usr(one.ID)); err != nil {
				return w, fmt.Errorf("prepare kernel %s of state %d: %w", one.Kernels[j].Version, one.ID, err)
			}
		}
	}
	if w.Rescue == nil {
		return w, nil
	}
	k, err := s.finish(*w.Rescue, unified, s.treeWith(given, w.Rescue.Image, usr))
	if err != nil {
		return w, fmt.Errorf("prepare kernel of the rescue entry: %w", err)
	}
	w.Rescue = &k
	return w, nil
}

func (s *signer) finish(k bootloader.Kernel, unified bool, usr string) (bootloader.Kernel, error) {
	if unified {
		return s.unify(k, usr)
	}
	return s.finishKernel(k)
}

// treeWith is the tree of the state whose kernel an image is; the live one
// without any.
func (s *signer) treeWith(w bootloader.Want, image string, usr treeOf) string {
	for _, one := range w.States {
		if slices.ContainsFunc(one.Kernels, func(k bootloader.Kernel) bool { return k.Image == image }) {
			return usr(one.ID)
		}
	}
	return filepath.Join(s.root, "usr")
}

// shows says whether a state may be in the menu. An image of tens of megabytes
// is not made for the others.
func shows(w bootloader.Want, s bootloader.State) bool {
	if s.Pinned || slices.Contains([]uint64{w.Active, w.Booted, w.Default, w.Good}, s.ID) {
		return true
	}
	keep, newer := w.Keep, 0
	if keep <= 0 {
		keep = bootloader.DefaultKeep
	}
	for _, other := range w.States {
		if other.ID > s.ID && len(other.Kernels) > 0 {
			newer++
		}
	}
	return newer < keep
}
