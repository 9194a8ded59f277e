package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/esp"
	"moss/bootloader/extlinux"
	"moss/internal/mount"
)

// firmwareFolder is there on every machine that was started by UEFI.
const firmwareFolder = "/sys/firmware/efi"

// syncBIOS keeps the file of entries for EXTLINUX, SYSLINUX and U-Boot in step
// with the menu, where such a loader has its folder on $BOOT, or where nothing
// else could start the machine. It returns what it did, a line each, and logs
// what a person has to do.
//
// It is called twice: before the steps of a sync, which it is given, and after
// them without any. Before, it takes out what those steps will remove or change,
// so that at no cut the file names a kernel that is gone. It keeps the file as it
// is when nothing would remain.
func syncBIOS(opt Options, boot esp.Boot, token string, coming []bootloader.Step) ([]string, error) {
	plan, err := planBIOS(opt, boot, token, coming)
	if err != nil {
		return nil, fmt.Errorf("plan the menu of loaders without UEFI: %w", err)
	}
	var lines []string
	for _, step := range plan.Steps {
		lines = append(lines, step.Text)
	}
	for _, note := range plan.Notes {
		opt.Log("warning: " + note)
	}
	if opt.DryRun {
		return lines, nil
	}
	if err := extlinux.Apply(plan); err != nil {
		return nil, fmt.Errorf("write the menu of loaders without UEFI: %w", err)
	}
	return lines, nil
}

// beforeBIOS is the call before the steps of a sync. Of a full partition what the
// steps remove has to go first: the file that names it is written after them, and
// until then a loader that is asked for one of those finds no kernel.
func beforeBIOS(opt Options, plan bootloader.Plan, token string) error {
	if len(plan.Steps) == 0 {
		return nil // all is done by the call after them
	}
	_, err := syncBIOS(opt, plan.Boot, token, plan.Steps)
	removes := slices.ContainsFunc(plan.Steps, func(s bootloader.Step) bool {
		return slices.Contains([]bootloader.Op{bootloader.OpDrop, bootloader.OpSweep}, s.Op)
	})
	if errors.Is(err, unix.ENOSPC) && removes {
		opt.Log("warning: " + oneLine(err.Error()) + "; it is written once there is space")
		return nil
	}
	return err
}

func planBIOS(opt Options, boot esp.Boot, token string, coming []bootloader.Step) (extlinux.Plan, error) {
	found, err := extlinux.Look(boot.Dir, token)
	if err != nil {
		return extlinux.Plan{}, err
	}
	want := extlinux.Want{Alone: withoutFirmware(opt.Root)}
	if want.Entries, err = standing(boot.Dir, token, coming); err != nil {
		return extlinux.Plan{}, err
	}
	if len(coming) > 0 && (found.Text == nil || len(want.Entries) == 0) {
		return extlinux.Plan{}, nil
	}
	if want.Prefix, err = prefixOf(opt.Root, boot.Dir); err != nil {
		return extlinux.Plan{}, err
	}
	plan := extlinux.MakePlan(want, found)
	if len(coming) > 0 {
		plan.Notes = nil // the call after the steps says what still holds
	}
	return plan, nil
}

// standing are our entries on $BOOT that the coming steps leave as they are, with
// all their files.
func standing(dir, token string, coming []bootloader.Step) ([]bls.Entry, error) {
	find := func(rel string) (string, bool) { return esp.Fold(dir, rel) }
	raws, err := bls.Load(find)
	if err != nil {
		return nil, err
	}
	touched := func(rel string) bool {
		path, _ := find(rel)
		return slices.ContainsFunc(coming, func(s bootloader.Step) bool { return s.Path == path })
	}
	var entries []bls.Entry
	for _, raw := range raws {
		ours := strings.HasPrefix(strings.ToLower(raw.File), "moss-"+token+"-")
		if ours && raw.Err == nil && !touched("loader/entries/"+raw.File) && !slices.ContainsFunc(raw.Entry.Files(), touched) {
			entries = append(entries, raw.Entry)
		}
	}
	return entries, nil
}

func prefixOf(root, dir string) (string, error) {
	points, err := mount.Self()
	if err != nil {
		return "", err
	}
	for _, path := range []*string{&root, &dir} {
		if *path, err = filepath.Abs(*path); err != nil {
			return "", err
		}
		if *path, err = filepath.EvalSymlinks(*path); err != nil {
			return "", err
		}
	}
	return extlinux.Prefix(root, dir, points), nil
}

// withoutFirmware: root is the running system, and it was not started by UEFI.
func withoutFirmware(root string) bool {
	_, err := os.Stat(firmwareFolder)
	return filepath.Clean(root) == "/" && os.IsNotExist(err)
}
