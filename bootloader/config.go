package bootloader

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader/bls"
	"moss/bootloader/esp"
	"moss/internal/atomicfile"
)

// freshConfig is the loader.conf of a partition that has none: the loader's own
// timeout is 0, which hides the menu from a person who needs it.
const freshConfig = "timeout 5\n"

// config plans loader.conf: its "default" names the state that is wanted, or
// none of ours. A default that someone else set stays.
func (d *draft) config() error {
	text := d.found.ConfigText
	if text == nil {
		if len(d.items) == 0 {
			return nil
		}
		text = []byte(freshConfig)
	}
	what := "write " + d.found.Config
	switch state := d.want.Default; {
	case state != 0 && !slices.ContainsFunc(d.items, func(it item) bool { return it.state == state }):
		return fmt.Errorf("make state %d the default: it has no entry", state)
	case state != 0:
		text = bls.WithDefault(text, Pattern(d.want.Token, state))
		what = fmt.Sprintf("make state %d the default", state)
	case d.found.DefaultState() != 0:
		text = bls.WithDefault(text, "")
		what = "let the order decide the default"
	}
	if d.found.ConfigText == nil || !bytes.Equal(text, d.found.ConfigText) {
		step := d.add(OpConfig, d.found.Config, what)
		step.Data, step.Bytes = text, d.round(uint64(len(text)))
	}
	return nil
}

// SetDefault writes pattern as "default" into loader.conf, and touches nothing
// else in it. It is the way to choose a state on a machine without EFI
// variables; LoaderEntryDefault, where it is set, beats it. A missing file is
// made. After a power cut the file is the old one or the new one.
func SetDefault(boot esp.Boot, pattern string) error {
	if pattern == "" || strings.ContainsFunc(pattern, func(r rune) bool { return r <= ' ' || r == '"' || r > '~' }) {
		return fmt.Errorf("set default entry: %q is no pattern", pattern)
	}
	return editConfig(boot, pattern)
}

// ClearDefault takes "default" out of loader.conf: the order decides.
func ClearDefault(boot esp.Boot) error { return editConfig(boot, "") }

func editConfig(boot esp.Boot, pattern string) error {
	path, _ := esp.Fold(boot.ESP, "loader/loader.conf")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if pattern == "" {
			return nil
		}
		text, err = []byte(freshConfig), os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err != nil {
		return fmt.Errorf("edit loader.conf: %w", err)
	}
	if bls.ConfigDefault(text) == pattern && pattern != "" {
		return nil
	}
	edited := bls.WithDefault(text, pattern)
	if pattern == "" && bytes.Equal(edited, text) {
		return nil
	}
	if err := atomicfile.Write(path, edited, 0o644); err != nil {
		return fmt.Errorf("edit loader.conf: %w", err)
	}
	return nil
}
