package bootloader

import (
	"moss/bootloader/efivar"
	"moss/internal/atomicfile"
	"moss/internal/fault"
)

// Disk and RealDisk are the seam between the steps and the file system.
type (
	Disk     = disk
	RealDisk = realDisk
)

// ApplyWith is Apply with other fault points. It does not wait for the disk.
func ApplyWith(p Plan, point func(string) error) error {
	_, err := apply(p, nil, hasty{}, point)
	return err
}

// ApplyOn is Apply with other system calls.
func ApplyOn(p Plan, vars efivar.Vars, d Disk) ([]string, error) {
	return apply(p, vars, d, fault.Point)
}

type hasty struct{ realDisk }

func (hasty) SyncDir(string) error { return nil }
func (hasty) SyncFS(string) error  { return nil }

func (hasty) Create(dir, pattern string) (atomicfile.File, error) {
	file, err := realDisk{}.Create(dir, pattern)
	return hastyFile{file}, err
}

type hastyFile struct{ atomicfile.File }

func (hastyFile) Sync() error { return nil }
