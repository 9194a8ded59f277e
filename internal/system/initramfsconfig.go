package system

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"

	"moss/initramfs/image"
	"moss/store"
)

// Where the configuration of the early-boot image lies: a file and a folder of
// drop-ins, the vendor's in the state and over them the administrator's.
const (
	initramfsFile  = "initramfs.yaml"
	initramfsDir   = "initramfs.d"
	vendorSettings = "/usr/lib/moss"
	adminSettings  = "/etc/moss"
)

// initramfsConfig is what initramfs.yaml and its drop-ins say.
type initramfsConfig struct {
	mode            image.Mode
	modules, omit   []string
	files, programs []string
	keymap          string
	compress        string
	level           int
	firmware        image.Want
	microcode       string
	luks, fsck      image.Want
	rescue          bool
}

// imageExample is a right initramfs.yaml, for the hint of an error.
const imageExample = "mode: host, modules: [dm_crypt], keymap: de, compress: zstd"

// initramfsSettings reads what holds for a tree: the vendor's initramfs.yaml, the
// vendor's drop-ins, the administrator's initramfs.yaml and drop-ins. A later word
// wins, and lists add up. A drop-in of the administrator takes the place of the
// vendor's of its name; an empty one, or a link to /dev/null, only takes it away.
// The same goes for initramfs.yaml itself when it is empty. A mistake of the
// vendor's is a warning: the state that brought it must not stand in the way of
// leaving it.
func (v view) initramfsSettings(warn func(string)) (initramfsConfig, error) {
	c := initramfsConfig{mode: image.ModeGeneric, compress: "zstd"}
	theirs, own, err := v.initramfsFiles()
	if err != nil {
		return c, err
	}
	for i, path := range append(theirs, own...) {
		next, err := v.overlay(path, c)
		wrong, isWrong := errors.AsType[*ConfigError](err)
		switch {
		case err == nil:
			c = next
		case isWrong && i < len(theirs):
			warn(wrong.Error() + "; it is left out")
		default:
			return c, err
		}
	}
	if c.level > 0 && !slices.Contains([]string{"zstd", "gzip"}, c.compress) || c.compress == "gzip" && c.level > 9 {
		return c, &store.RefusedError{What: fmt.Sprintf("initramfs.yaml: level %d is none of %s", c.level, c.compress), Advice: "zstd has 1 to 19, gzip 1 to 9, xz and none have no level"}
	}
	return c, nil
}

func (v view) initramfsFiles() (theirs, own []string, err error) {
	vendor, admin := filepath.Join(vendorSettings, initramfsFile), filepath.Join(adminSettings, initramfsFile)
	if v.there(vendor) && !v.masks(vendor) && !v.masks(admin) {
		theirs = append(theirs, vendor)
	}
	if v.there(admin) && !v.masks(admin) {
		own = append(own, admin)
	}
	mine, err := v.list(filepath.Join(adminSettings, initramfsDir), ".yaml")
	if err != nil {
		return nil, nil, err
	}
	dropIns, err := v.list(filepath.Join(vendorSettings, initramfsDir), ".yaml")
	if err != nil {
		return nil, nil, err
	}
	for _, path := range dropIns {
		replaced := slices.ContainsFunc(mine, func(other string) bool { return filepath.Base(other) == filepath.Base(path) })
		if !replaced && !v.masks(path) {
			theirs = append(theirs, path)
		}
	}
	return theirs, append(own, slices.DeleteFunc(mine, v.masks)...), nil
}

// there: what cannot be looked at is there, so that reading it says why.
func (v view) there(path string) bool {
	file, err := v.real(path)
	if err == nil {
		_, err = os.Lstat(file)
	}
	return err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR)
}

func (v view) overlay(path string, c initramfsConfig) (initramfsConfig, error) {
	file, err := v.real(path)
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	var keys map[string]yaml.Node
	if err := strictYAML(data, &keys); err != nil {
		return c, &ConfigError{v.at(path), oneLineYAML(err), imageExample}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		node := keys[key]
		if err := c.set(key, &node); err != nil {
			return c, &ConfigError{v.at(path), fmt.Errorf("line %d: %w", node.Line, err), imageExample}
		}
	}
	return c, nil
}

func (c *initramfsConfig) set(key string, node *yaml.Node) (err error) {
	switch key {
	case "mode":
		var mode string
		mode, err = oneOf(key, node, "generic", "host", "list")
		c.mode = image.Mode(mode)
	case "modules":
		err = addNames(key, node, &c.modules, isModule, "names of modules, such as dm_crypt")
	case "omit":
		err = addNames(key, node, &c.omit, isModule, "names of modules, such as btrfs")
	case "files":
		err = addNames(key, node, &c.files, filepath.IsAbs, "paths from /")
	case "programs":
		err = addNames(key, node, &c.programs, isProgram, "names of programs, or paths from /")
	case "keymap":
		c.keymap, err = keymapName(key, node)
	case "compress":
		c.compress, err = oneOf(key, node, "zstd", "xz", "gzip", "none")
	case "level":
		c.level, err = number(key, node, 1, 19)
	case "firmware":
		c.firmware, err = want(key, node, "auto", "no")
	case "microcode":
		c.microcode, err = microcodeOf(key, node)
	case "luks":
		c.luks, err = want(key, node, "auto", "yes", "no")
	case "rescue":
		c.rescue, err = yesNo(key, node)
	case "fsck":
		c.fsck, err = want(key, node, "auto", "yes", "no")
	default:
		err = fmt.Errorf("%s: no such key; want mode, modules, omit, files, programs, keymap, compress, level, firmware, microcode, luks, rescue or fsck", key)
	}
	return err
}

func oneOf(key string, node *yaml.Node, values ...string) (string, error) {
	if node.Kind == yaml.ScalarNode && slices.Contains(values, node.Value) {
		return node.Value, nil
	}
	last := len(values) - 1
	return "", fmt.Errorf("%s: %s: want %s or %s", key, shown(node), strings.Join(values[:last], ", "), values[last])
}

// want reads one of auto, yes and no; YAML has more words for the last two.
func want(key string, node *yaml.Node, values ...string) (image.Want, error) {
	if yes, err := yesNo(key, node); err == nil {
		word := map[bool]string{true: "yes", false: "no"}[yes]
		if slices.Contains(values, word) {
			return image.Want(word), nil
		}
	}
	word, err := oneOf(key, node, values...)
	return image.Want(word), err
}

func microcodeOf(key string, node *yaml.Node) (string, error) {
	if node.Kind == yaml.ScalarNode && filepath.IsAbs(node.Value) {
		return node.Value, nil
	}
	word, err := want(key, node, "auto", "no")
	if err != nil {
		return "", fmt.Errorf("%s: %s: want auto, no or the path of a file of microcode", key, shown(node))
	}
	return string(word), nil
}

// addNames adds a list, or a single name, to what earlier files said.
func addNames(key string, node *yaml.Node, to *[]string, good func(string) bool, form string) error {
	items := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		items = node.Content
	}
	for _, item := range items {
		if item.Kind != yaml.ScalarNode || item.Value == "" || !good(item.Value) {
			return fmt.Errorf("%s: %s: want a list of %s", key, shown(item), form)
		}
		if !slices.Contains(*to, item.Value) {
			*to = append(*to, item.Value)
		}
	}
	return nil
}

func isModule(name string) bool { return !strings.ContainsAny(name, "/ \t\n") }

func isProgram(name string) bool { return filepath.IsAbs(name) || isModule(name) }

// keymapName is a name that loadkeys knows: no option of it.
func keymapName(key string, node *yaml.Node) (string, error) {
	if node.Kind == yaml.ScalarNode && (node.Value == "" || isProgram(node.Value) && !strings.HasPrefix(node.Value, "-")) {
		return node.Value, nil
	}
	return "", fmt.Errorf("%s: %s: want the name of a keymap, such as de, or the path of one", key, shown(node))
}
