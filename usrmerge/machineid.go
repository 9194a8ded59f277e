package usrmerge

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const machineID = "etc/machine-id"

// MachineError is why a machine has no number.
type MachineError struct{ Why string }

func (e *MachineError) Error() string { return "/" + machineID + " " + e.Why }

// Hint says how a machine comes to its number, and how to do without.
func (e *MachineError) Hint() string {
	return "systemd-machine-id-setup makes one; or say opt-in=yes in /" + AdminConfig
}

// MachineNumber is this machine's place in a rollout, 0 to 255: the last byte of
// its machine id (machine-id(5)). Without an id that lasts there is none, which is
// a *MachineError: a number that is drawn anew at each boot would let every
// machine in sooner or later.
func MachineNumber(root string) (int, error) {
	text, err := readSmall(root, machineID, 4096)
	if isMissing(err) {
		return -1, &MachineError{"is missing"}
	}
	if err != nil {
		return -1, fmt.Errorf("read /%s: %w", machineID, err)
	}
	n, err := machineNumber(string(text))
	if err == nil && passing(root) {
		return -1, &MachineError{"is of this boot only, the next has another"}
	}
	return n, err
}

// machineNumber reads the text of the file: 32 hexadecimal digits and at most the
// end of their line.
func machineNumber(text string) (int, error) {
	text = strings.TrimSuffix(text, "\n")
	switch {
	case text == "":
		return -1, &MachineError{"is empty"}
	case text == "uninitialized":
		return -1, &MachineError{"says uninitialized: the first boot is not finished"}
	case len(text) != 32:
		return -1, &MachineError{fmt.Sprintf("has %d characters in its first line, or more lines; want 32 hexadecimal digits", len(text))}
	case strings.Trim(text, "0") == "":
		return -1, &MachineError{"is all zero"}
	}
	last := 0
	for i := range len(text) {
		digit := strings.IndexByte("0123456789abcdef", text[i]|0x20)
		if digit < 0 || text[i] < '0' {
			return -1, &MachineError{fmt.Sprintf("has %q at character %d; want 32 hexadecimal digits", text[i:i+1], i+1)}
		}
		last = last<<4&0xff | digit
	}
	return last, nil
}

// passing tells whether the file is systemd's stand-in, mounted from /run over an
// /etc that has no machine id or cannot be written (machine-id(5)).
func passing(root string) bool {
	at, err := locateIn(root, machineID)
	if err != nil {
		return false
	}
	var file, folder unix.Statfs_t
	return unix.Statfs(at, &file) == nil && unix.Statfs(filepath.Dir(at), &folder) == nil &&
		file.Type == unix.TMPFS_MAGIC && folder.Type != unix.TMPFS_MAGIC
}
