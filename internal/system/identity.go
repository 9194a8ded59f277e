package system

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/internal/atomicfile"
	"moss/internal/cmdline"
	"moss/store"
	"moss/store/activate"
	"moss/store/state"
)

// bootFile is a file below /.moss/boot, which early boot can read without a
// database.
func bootFile(root, name string) (string, error) {
	dir := filepath.Join(root, store.Home, "boot")
	return filepath.Join(dir, name), os.MkdirAll(dir, 0o755)
}

// ownToken tells this installation's entries and files on $BOOT from those of
// others. It is made once: a machine id that changes, as in a cloned image,
// must not orphan the menu.
//
// Nor may it be one that another installation uses: without a $BOOT to ask it is
// not recorded.
func ownToken(opt Options) (string, error) {
	token, err := readToken(opt.Root)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	token, asked, err := newToken(opt)
	if err != nil || !asked {
		return token, err
	}
	path, err := bootFile(opt.Root, "token")
	if err != nil {
		return "", err
	}
	if err := atomicfile.Write(path, []byte(token+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("record owner token: %w", err)
	}
	return token, nil
}

// tokenOf is the recorded token, or the one that the next sync would record.
func tokenOf(opt Options) (string, error) {
	token, err := readToken(opt.Root)
	if errors.Is(err, fs.ErrNotExist) {
		token, _, err = newToken(opt)
	}
	return token, err
}

// newToken is the machine id's, or a random one when something on $BOOT has that
// already, as the menu of a clone or of the system that was here before. Asked
// says that $BOOT could be asked.
func newToken(opt Options) (token string, asked bool, err error) {
	machine := machineID(opt.Root)
	token = freshToken(machine)
	boot, err := openBoot(opt, true)
	if err != nil {
		return token, false, nil
	}
	found, err := bootloader.Look(boot, token)
	if err = errors.Join(err, boot.Close()); err == nil && machine != "" && (len(found.Ours) > 0 || !slices.Contains(found.Absent, found.Folder)) {
		token = freshToken("")
	}
	return token, true, err
}

func readToken(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, store.Home, "boot", "token"))
	if err != nil {
		return "", fmt.Errorf("read owner token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

const tokenLength = 12 // characters; short enough to read at the menu, unlike on one ESP

func freshToken(machine string) string {
	if machine != "" {
		return machine[:tokenLength]
	}
	random := make([]byte, tokenLength/2)
	_, _ = rand.Read(random) // never fails since Go 1.24
	return hex.EncodeToString(random)
}

// machineID is the root's own, or "" when it has none yet: machine-id(5) has
// "uninitialized" there before the first boot.
func machineID(root string) string {
	text, err := os.ReadFile(filepath.Join(root, "etc/machine-id"))
	id := strings.TrimSpace(string(text))
	if _, bad := hex.DecodeString(id); err != nil || bad != nil || len(id) != 32 {
		return ""
	}
	return strings.ToLower(id)
}

// bootedState is the state this machine was booted into, 0 if that is not known
// or root is not the running system. Early boot's own report comes first: after
// a fallback the command line names what was wanted, not what was booted.
func bootedState(root string, live state.ID) state.ID {
	line, err := running(root)
	if err != nil || line == "" {
		return 0
	}
	if report, err := os.ReadFile("/run/moss/boot.json"); err == nil {
		var said struct{ Activated uint64 }
		if json.Unmarshal(report, &said) == nil && said.Activated != 0 {
			return state.ID(said.Activated)
		}
	}
	wanted, _ := cmdline.Parse(line).Last("moss.fstx")
	if id, err := activate.ParseID(wanted); err == nil && id == live {
		return id
	}
	return 0
}

// osRelease is the ID and the name that a tree's os-release gives.
func osRelease(usr string) (id, name string) {
	text, err := os.ReadFile(filepath.Join(usr, "lib/os-release"))
	if err != nil {
		return "linux", "Linux"
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[key] = strings.Trim(value, `"'`)
		}
	}
	id, name = values["ID"], values["PRETTY_NAME"]
	if name == "" {
		name = strings.TrimSpace(values["NAME"] + " " + values["VERSION_ID"])
	}
	if id == "" {
		id = "linux"
	}
	if name == "" {
		name = "Linux"
	}
	return id, name
}
