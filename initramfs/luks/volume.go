package luks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	anatol "github.com/anatol/luks.go"
	"golang.org/x/sys/unix"
)

// Volume is a container whose key is known.
type Volume struct {
	*anatol.Volume
	container *Container
}

// longestName leaves room for CRYPT-LUKS2-, the UUID and a dash in the 128
// characters, with the zero, that the kernel has for a mapping's UUID.
const longestName = 128 - 1 - len("CRYPT-LUKS2-0123456789abcdef0123456789abcdef-")

// CheckName refuses what the device mapper or udev would write otherwise in
// /dev/mapper: the link must have the very name.
func CheckName(name string) error {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("#+-.:=@_", r)
	}
	switch {
	case name == "" || name == "." || name == ".." || name == "control":
		return fmt.Errorf("%q is no name for a mapping", name)
	case len(name) > longestName:
		return fmt.Errorf("%s is longer than the %d characters that a mapping's name may have", show(name), longestName)
	case strings.ContainsFunc(name, odd):
		return fmt.Errorf("%s: a mapping's name is made of letters, digits and #+-.:=@_", show(name))
	}
	return nil
}

// Map makes the volume a block device of the kernel with that name. Flags are
// the header's and those given, as cryptsetup's persistent flags are called; the
// ones that are not known come back, and are left out.
func (v *Volume) Map(name string, flags []string) (unknown []string, err error) {
	if err := CheckName(name); err != nil {
		return nil, fmt.Errorf("map LUKS container %s: %w", v.container.Node, err)
	}
	v.Flags, unknown = known(append(v.container.Header.Flags, flags...))
	defer guard(&err)
	if err := v.SetupMapper(name); err != nil {
		return unknown, fmt.Errorf("map LUKS container %s as %s: %w", v.container.Node, name, v.explain(err))
	}
	return unknown, nil
}

func known(flags []string) (take, leave []string) {
	seen := map[string]bool{}
	for _, f := range flags {
		switch {
		case seen[f]:
		case f == anatol.FlagAllowDiscards, f == anatol.FlagSameCPUCrypt, f == anatol.FlagSubmitFromCryptCPUs,
			f == anatol.FlagNoReadWorkqueue, f == anatol.FlagNoWriteWorkqueue:
			take = append(take, f)
		default:
			leave = append(leave, f)
		}
		seen[f] = true
	}
	return take, leave
}

// explain says what the kernel's numbers mean here.
func (v *Volume) explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT) && !exists("/dev/mapper/control"):
		return errors.New("the kernel has no device mapper (module dm_mod)")
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w: the device or the name is in use", err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: the device is read-only", err)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: the kernel has no dm_crypt or no cipher %s; the image lacks their modules, or its messages say more", err, show(v.StorageEncryption))
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Clean(path))
	return err == nil
}
