package luks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// HandOver leaves, below top, what the system that boots expects of whoever
// mapped a device: the link /dev/mapper/NAME, and the device's record for udev.
// Without the record, udev's rules (55-dm.rules of Debian, 10-dm.rules elsewhere)
// take the device for one that is still being made: systemd would wait in vain
// for everything in it.
func HandOver(top, name string) error {
	kernel, number, err := find(top, name)
	if err != nil {
		return fmt.Errorf("hand over mapping %s: %w", name, err)
	}
	link := filepath.Join(top, "dev/mapper", name)
	if err := os.Symlink("../"+kernel, link); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("hand over mapping %s: %w", name, err)
	}
	record := filepath.Join(top, "run/udev/data", "b"+number)
	err = os.MkdirAll(filepath.Dir(record), 0o755)
	if err == nil {
		err = os.WriteFile(record, []byte("E:DM_UDEV_PRIMARY_SOURCE_FLAG=1\nV:1\n"), 0o644)
	}
	if err == nil {
		// udev's OPTIONS+="db_persist" is the sticky bit: a cleanup of the database
		// on the way to the real system leaves the record alone.
		err = os.Chmod(record, 0o644|fs.ModeSticky)
	}
	if err != nil {
		return fmt.Errorf("hand over mapping %s to udev: %w", name, err)
	}
	return nil
}

// find is the kernel's name for a mapping, dm-0, and its MAJOR:MINOR.
func find(top, name string) (kernel, number string, err error) {
	names, err := filepath.Glob(filepath.Join(top, "sys/block/dm-*/dm/name"))
	if err != nil {
		return "", "", err
	}
	for _, file := range names {
		text, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(text)) != name {
			continue
		}
		dir := filepath.Dir(filepath.Dir(file))
		number, err := os.ReadFile(filepath.Join(dir, "dev"))
		return filepath.Base(dir), strings.TrimSpace(string(number)), err
	}
	return "", "", errors.New("the kernel does not show it")
}
