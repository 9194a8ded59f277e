package system

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"moss/initramfs/image"
)

// InitramfsConfig is what the configuration asks of the early-boot images of a
// tree, usr, that is or will be /usr of root. warn hears what of the vendor's
// could not be used. Which kernel is for the caller to say.
func InitramfsConfig(root, usr string, warn func(string)) (image.Config, error) {
	c, err := view{root, usr}.initramfsSettings(warn)
	if err != nil {
		return image.Config{}, err
	}
	cfg := image.Config{
		Root: root, Usr: usr, Mode: c.mode, Modules: c.modules, Omit: c.omit, Files: c.files, Programs: c.programs,
		Firmware: c.firmware, Microcode: c.microcode, LUKS: c.luks, Fsck: c.fsck, Rescue: c.rescue,
		Compress: c.compress, Level: c.level,
	}
	if filepath.Clean(root) == "/" {
		cfg.Host = "/"
	}
	cfg.Zstd, _ = exec.LookPath("zstd") // without it the library does the work
	if cfg.Mode == image.ModeHost && cfg.Host == "" && len(cfg.Modules) > 0 {
		// The machine that the root is for is not this one; what it needs is named.
		cfg.Mode = image.ModeList
	}
	if c.keymap != "" {
		cfg.Keymap, err = compileKeymap("loadkeys", c.keymap)
	}
	return cfg, err
}

// KeymapError says that a table of keys cannot be made.
type KeymapError struct {
	Name string
	Err  error
}

func (e *KeymapError) Error() string { return fmt.Sprintf("compile keymap %s: %v", e.Name, e.Err) }

// Unwrap is why.
func (e *KeymapError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *KeymapError) Hint() string {
	if errors.Is(e.Err, exec.ErrNotFound) {
		return "install kbd, which has loadkeys, or take keymap out of initramfs.yaml"
	}
	return "name one that loadkeys knows, or take keymap out of initramfs.yaml"
}

// keymapMagic begins a table that `loadkeys -b` writes.
const keymapMagic = "bkeymap"

// compileKeymap has loadkeys turn a keymap into the binary table that early boot
// hands to the kernel, with the characters of Unicode, which consoles use.
func compileKeymap(program, name string) ([]byte, error) {
	cmd := exec.Command(program, "-b", "-u", name)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	table, err := cmd.Output()
	if err != nil && complaint.Len() > 0 {
		err = fmt.Errorf("%w: %s", err, oneLine(complaint.String()))
	}
	if err == nil && !bytes.HasPrefix(table, []byte(keymapMagic)) {
		err = errors.New("loadkeys wrote no table")
	}
	if err != nil {
		return nil, &KeymapError{name, err}
	}
	return table, nil
}
