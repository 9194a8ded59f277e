package system

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"moss/bootloader"
	"moss/store"
)

// Config is what moss.yaml says: the vendor's in the live /usr, and over it, key
// by key, the administrator's in /etc.
type Config struct {
	Keep Policy // which states a prune keeps
	// Tries is the boot counter of new entries, 0 to 99 and 0 for none; nil when
	// the administrator does not say: then each state says it of itself.
	Tries  *uint
	Menu   int  // how many of the newest states are in the menu, 1 to 50
	Rescue bool // an entry that starts no state but a shell
	UKI    bool // one signed image instead of a kernel and initrds
	Sign   Sign // whether what goes to $BOOT is signed
	// Warnings say what of the vendor's file could not be used. It is left out
	// then: the state that brought it must not stand in the way of leaving it.
	Warnings []string
}

// Sign is whether what goes to $BOOT is signed.
type Sign string

// SignAuto signs when there are keys.
const (
	SignAuto Sign = "auto"
	SignYes  Sign = "yes"
	SignNo   Sign = "no"
)

const (
	configFile = "moss.yaml"
	maxTries   = 99
	maxMenu    = 50
)

// ConfigError says what is wrong with a configuration file.
type ConfigError struct {
	Path    string
	Err     error
	example string // of the right form
}

func (e *ConfigError) Error() string   { return fmt.Sprintf("read %s: %v", e.Path, e.Err) }
func (e *ConfigError) Unwrap() []error { return []error{e.Err, store.ErrRefused} }

// Hint shows the right form.
func (e *ConfigError) Hint() string {
	return "mend it, for example: " + e.example + "; each on a line of its own"
}

// ReadConfig reads the configuration of a root: usr/lib/moss/moss.yaml, then
// etc/moss/moss.yaml. Neither has to be there. A mistake of the administrator is a
// ConfigError, one of the vendor a warning.
func ReadConfig(root string) (Config, error) {
	c := Config{Keep: Policy{States: defaultStates}, Menu: bootloader.DefaultKeep, Sign: SignAuto}
	vendor, err := readConfig(filepath.Join(root, "usr/lib/moss", configFile), c)
	if err == nil {
		c = vendor
	} else {
		c.Warnings = []string{err.Error() + "; it is left out"}
	}
	c.Tries = nil // of another state it would say nothing
	return readConfig(filepath.Join(root, "etc/moss", configFile), c)
}

func readConfig(path string, c Config) (Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	if c, err = parseConfig(data, c); err != nil {
		return c, &ConfigError{path, err, "keep: {states: 10, age: 30d}, menu: 5, tries: 3, rescue: no, uki: no, sign: auto"}
	}
	return c, nil
}

// parseConfig lays what a file says over c.
func parseConfig(data []byte, c Config) (Config, error) {
	var file map[string]yaml.Node
	if err := strictYAML(data, &file); err != nil {
		return c, oneLineYAML(err)
	}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		node := file[key]
		if err := c.set(key, &node); err != nil {
			return c, fmt.Errorf("line %d: %w", node.Line, err)
		}
	}
	return c, nil
}

// oneLineYAML is what the decoder found, in one line.
func oneLineYAML(err error) error {
	if several, ok := errors.AsType[*yaml.TypeError](err); ok {
		return errors.New(strings.Join(several.Errors, "; "))
	}
	return errors.New(strings.TrimPrefix(oneLine(err.Error()), "yaml: "))
}

func (c *Config) set(key string, node *yaml.Node) (err error) {
	switch key {
	case "keep":
		c.Keep, err = parseKeep(node, c.Keep)
	case "tries":
		var n int
		n, err = number(key, node, 0, maxTries)
		tries := uint(n)
		c.Tries = &tries
	case "menu":
		c.Menu, err = number(key, node, 1, maxMenu)
	case "rescue":
		c.Rescue, err = yesNo(key, node)
	case "uki":
		c.UKI, err = yesNo(key, node)
	case "sign":
		c.Sign, err = signs(key, node)
	default:
		err = fmt.Errorf("%s: no such key; want keep, tries, menu, rescue, uki or sign", key)
	}
	return err
}

// number reads digits: YAML has more spellings, of which 010 for eight is one.
func number(key string, node *yaml.Node, low, high int) (int, error) {
	n, err := strconv.Atoi(node.Value)
	if node.Kind != yaml.ScalarNode || err != nil || n < low || n > high || strconv.Itoa(n) != node.Value {
		return 0, fmt.Errorf("%s: %s: want a number from %d to %d", key, shown(node), low, high)
	}
	return n, nil
}

func yesNo(key string, node *yaml.Node) (bool, error) {
	if node.Kind == yaml.ScalarNode {
		switch strings.ToLower(node.Value) {
		case "yes", "true", "on":
			return true, nil
		case "no", "false", "off":
			return false, nil
		}
	}
	return false, fmt.Errorf("%s: %s: want yes or no", key, shown(node))
}

func signs(key string, node *yaml.Node) (Sign, error) {
	if node.Kind == yaml.ScalarNode && node.Value == string(SignAuto) {
		return SignAuto, nil
	}
	yes, err := yesNo(key, node)
	if err != nil {
		return SignAuto, fmt.Errorf("%s: %s: want yes, no or auto", key, shown(node))
	}
	if yes {
		return SignYes, nil
	}
	return SignNo, nil
}

func shown(node *yaml.Node) string {
	switch node.Kind {
	case yaml.ScalarNode:
		return strconv.Quote(node.Value)
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return "an alias"
}

// blessUnit is in a tree that has something to bless its entry after a good boot.
const blessUnit = "lib/systemd/system/moss-bless.service"

// defaultTries is how often an entry is tried that something blesses.
const defaultTries = 3

// triesOf is the boot counter that new entries of a state begin with: what the
// administrator says, else what the state's own moss.yaml says, else a number if
// anything in the state takes the counter off again.
func triesOf(c Config, usr string, warn func(string)) uint {
	if c.Tries != nil {
		return *c.Tries
	}
	own, err := readConfig(filepath.Join(usr, "lib/moss", configFile), Config{})
	if err != nil {
		warn(err.Error() + "; it is left out")
	} else if own.Tries != nil {
		return *own.Tries
	}
	if _, err := os.Lstat(filepath.Join(usr, blessUnit)); err != nil {
		return 0
	}
	return defaultTries
}
