package system

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Policy says which states a prune keeps: the newest States, and whatever is
// younger than Age. Zero is no rule; with neither rule everything is kept.
type Policy struct {
	States int
	Age    time.Duration
}

// defaultStates is how many states are kept where nobody says another number.
const defaultStates = 10

// ReadPolicy reads the rules of a root's configuration; without any ten states are
// kept.
func ReadPolicy(root string) (Policy, error) {
	c, err := ReadConfig(root)
	return c.Keep, err
}

// parseKeep reads the rules as they are to be together: who gives an age alone
// wants no number of states.
func parseKeep(node *yaml.Node, before Policy) (Policy, error) {
	var file map[string]yaml.Node
	if err := node.Decode(&file); err != nil {
		return before, errors.New("keep: want {states: NUMBER, age: AGE}")
	}
	if len(file) == 0 {
		return before, nil
	}
	p := Policy{}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		one := file[key]
		var err error
		switch key {
		case "states":
			p.States, err = number("keep: states", &one, 1, math.MaxInt32)
		case "age":
			if p.Age, err = ParseAge(one.Value); err != nil {
				err = fmt.Errorf("keep: %w", err)
			}
		default:
			err = fmt.Errorf("keep: %s: no such key; want states or age", key)
		}
		if err != nil {
			return before, err
		}
	}
	return p, nil
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
// that was set back leaves, is young. The last state that is known to work stays
// too: whatever was made since has yet to prove itself.
func (p Policy) superfluous(all []StateInfo, now time.Time) []StateInfo {
	if p.States == 0 && p.Age == 0 {
		return nil
	}
	newest := slices.SortedFunc(slices.Values(all), func(a, b StateInfo) int { return cmp.Compare(b.ID, a.ID) })
	var doomed []StateInfo
	for i, s := range newest {
		if i < p.States || p.Age > 0 && now.Sub(s.Created) < p.Age || s.good || s.protection() != "" {
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
