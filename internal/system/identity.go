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
func ownToken(root string) (string, error) {
	token, err := readToken(root)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	path, err := bootFile(root, "token")
	if err != nil {
		return "", err
	}
	token = freshToken(machineID(root))
	if err := atomicfile.Write(path, []byte(token+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("record owner token: %w", err)
	}
	return token, nil
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

// RootError says that an entry would not know where its root is.
type RootError struct{ Root string }

func (e *RootError) Error() string {
	return "no root= for the kernel command line of " + e.Root
}

// Unwrap makes it a refusal: nothing was changed.
func (e *RootError) Unwrap() error { return store.ErrRefused }

// Hint says where it belongs.
func (e *RootError) Hint() string {
	return fmt.Sprintf("write root=UUID=... rw into %s, or use --no-boot", filepath.Join(e.Root, "etc/kernel/cmdline.d/10-root.cmdline"))
}

// bootKernel is one kernel with the command line of its entry: the snippets,
// where the root is, and last, where nothing can override it, the state.
func bootKernel(root, usr, version string, id state.ID) (bootloader.Kernel, error) {
	k := bootloader.Kernel{Version: version, Image: filepath.Join(usr, "lib/kernel", version, "vmlinuz")}
	var err error
	if k.Initrds, err = initrds(usr, version); err != nil {
		return k, err
	}
	words, err := commandLine(root, usr, version)
	if err != nil {
		return k, err
	}
	if words, err = withRoot(root, words); err != nil {
		return k, err
	}
	k.Cmdline = append(words, "moss.fstx="+id.String())
	return k, nil
}

// withRoot keeps what the running system was booted with when no snippet says
// where the root is.
func withRoot(root string, words []string) ([]string, error) {
	if cmdline.Parse(strings.Join(words, " ")).Has("root") {
		return words, nil
	}
	line, err := running(root)
	if err != nil {
		return nil, err
	}
	var kept []string
	for _, p := range cmdline.Parse(line).Params {
		switch p.Key {
		case "root", "rootfstype", "rootflags", "rw", "ro":
			kept = append(kept, p.String())
		}
	}
	if !cmdline.Parse(strings.Join(kept, " ")).Has("root") {
		return nil, &RootError{root}
	}
	return append(kept, words...), nil
}
