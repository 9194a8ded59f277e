package system

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"moss/store"
)

// Policy says which states a prune keeps: the newest States, and whatever is
// younger than Age. Zero is no rule; with neither rule everything is kept.
type Policy struct {
	States int
	Age    time.Duration
}

// defaultStates is how many states are kept where nobody says another number.
const defaultStates = 10

// ConfigError says what is wrong with the administrator's configuration.
type ConfigError struct {
	Path string
	Err  error
}

func (e *ConfigError) Error() string   { return fmt.Sprintf("read %s: %v", e.Path, e.Err) }
func (e *ConfigError) Unwrap() []error { return []error{e.Err, store.ErrRefused} }

// Hint shows the right form.
func (e *ConfigError) Hint() string { return "mend it, for example: keep: {states: 10, age: 30d}" }

// ReadPolicy reads the rules from etc/moss/moss.yaml of a root; without the file
// ten states are kept.
func ReadPolicy(root string) (Policy, error) {
	p := Policy{States: defaultStates}
	path := filepath.Join(root, "etc/moss/moss.yaml")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("read configuration: %w", err)
	}
	if p, err = parsePolicy(data); err != nil {
		return p, &ConfigError{path, err}
	}
	return p, nil
}

func parsePolicy(data []byte) (Policy, error) {
	var file struct {
		Keep struct {
			States *int   `yaml:"states"`
			Age    string `yaml:"age"`
		} `yaml:"keep"`
	}
	p := Policy{States: defaultStates}
	if err := strictYAML(data, &file); err != nil {
		return p, err
	}
	if n := file.Keep.States; n != nil {
		if *n < 1 {
			return p, fmt.Errorf("keep: states: %d: want 1 or more", *n)
		}
		p.States = *n
	} else if file.Keep.Age != "" {
		p.States = 0
	}
	if file.Keep.Age == "" {
		return p, nil
	}
	var err error
	p.Age, err = ParseAge(file.Keep.Age)
	return p, err
}

// strictYAML refuses keys it does not know and a second document; an empty text
// is no document and sets nothing.
func strictYAML(data []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(into); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("it holds more than one document")
	}
	return nil
}

// maxAge is a hundred years: more would not fit into a Duration for long.
const maxAge = 100 * 365 * 24 * time.Hour

// ParseAge reads a time span: a number and h, d or w (hours, days, weeks).
func ParseAge(text string) (time.Duration, error) {
	wrong := fmt.Errorf("age %q: want a number and h, d or w, as in 30d", text)
	if len(text) < 2 {
		return 0, wrong
	}
	unit := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[text[len(text)-1]]
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
	if err != nil || unit == 0 || time.Duration(n) > maxAge/unit {
		return 0, wrong
	}
	return time.Duration(n) * unit, nil
}

// superfluous lists what the rules do not keep, oldest first. A rule protects: a
// state goes only when neither rule keeps it. A state from the future, as a clock
// that was set back leaves, is young.
func (p Policy) superfluous(all []StateInfo, now time.Time) []StateInfo {
	if p.States == 0 && p.Age == 0 {
		return nil
	}
	newest := slices.SortedFunc(slices.Values(all), func(a, b StateInfo) int { return cmp.Compare(b.ID, a.ID) })
	var doomed []StateInfo
	for i, s := range newest {
		if i < p.States || p.Age > 0 && now.Sub(s.Created) < p.Age || s.protection() != "" {
			continue
		}
		doomed = append(doomed, s)
	}
	slices.Reverse(doomed)
	return doomed
}

// protection is why a state must not be removed, "" if it may.
func (s StateInfo) protection() string {
	switch {
	case s.Active:
		return "it is the live one; activate another first"
	case s.Booted:
		return "the running system was booted from it; boot another first"
	case s.Default:
		return "it is the default of the boot menu; choose another first: moss-boot set-default"
	case s.OneShot:
		return "it is chosen for the next boot; take that back first: moss-boot set-oneshot --clear"
	case s.Pinned:
		return fmt.Sprintf("it is pinned; allow it first: moss state unpin %d", s.ID)
	}
	return ""
}
