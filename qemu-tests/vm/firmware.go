package vm

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"moss/internal/atomicfile"
)

// Firmware is a UEFI image in two parts: Code is never written, Vars is the
// template of the variable store that each machine gets a copy of.
type Firmware struct{ Code, Vars string }

// FindFirmware looks for OVMF without Secure Boot keys where distributions put
// it. The 4 MiB build comes first: the 2 MiB one is gone from newer Debians.
func FindFirmware() (Firmware, error) {
	return findFirmware("/")
}

func findFirmware(root string) (Firmware, error) {
	return firstFirmware(root, [][2]string{
		{"usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"},
		{"usr/share/OVMF/OVMF_CODE.fd", "usr/share/OVMF/OVMF_VARS.fd"},
		{"usr/share/edk2/x64/OVMF_CODE.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd"},
		{"usr/share/edk2/ovmf/OVMF_CODE.fd", "usr/share/edk2/ovmf/OVMF_VARS.fd"},
		{"usr/share/qemu/edk2-x86_64-code.fd", "usr/share/qemu/edk2-i386-vars.fd"},
	})
}

// FindSecureFirmware looks for OVMF with Secure Boot and without keys, which is
// in setup mode. The machine needs Config.Secure.
func FindSecureFirmware() (Firmware, error) {
	return firstFirmware("/", [][2]string{
		{"usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"},
		{"usr/share/OVMF/OVMF_CODE.secboot.fd", "usr/share/OVMF/OVMF_VARS.fd"},
		{"usr/share/edk2/x64/OVMF_CODE.secboot.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd"},
		{"usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "usr/share/edk2/ovmf/OVMF_VARS.fd"},
	})
}

func firstFirmware(root string, pairs [][2]string) (Firmware, error) {
	var looked []string
	for _, pair := range pairs {
		fw := Firmware{filepath.Join(root, pair[0]), filepath.Join(root, pair[1])}
		if isFile(fw.Code) && isFile(fw.Vars) {
			return fw, nil
		}
		looked = append(looked, fw.Code)
	}
	return Firmware{}, fmt.Errorf("find UEFI firmware (package ovmf): %w: %s", fs.ErrNotExist, strings.Join(looked, ", "))
}

// variables returns the file that this machine may write its variables to, and
// whether it is the machine's alone.
func (c Config) variables() (path string, private bool, err error) {
	if c.Firmware.Code == "" || isFile(c.Vars) {
		return c.Vars, false, nil
	}
	path = c.Vars
	if path == "" {
		path = filepath.Join(os.TempDir(), "vm-"+c.Name+"-"+rand.Text()+".vars")
	}
	template, err := os.Open(c.Firmware.Vars)
	if err != nil {
		return "", false, fmt.Errorf("copy firmware variables: %w", err)
	}
	_, err = atomicfile.WriteFrom(path, template, 0o600)
	return path, c.Vars == "", errors.Join(err, template.Close())
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
