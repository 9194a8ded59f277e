package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"moss/internal/atomicfile"
	"moss/internal/fault"
)

// takeoverName is the file of decided takeovers, beside the stored indexes. No
// repository has a name with a dot first.
const takeoverName = ".successors"

// takeover is a repository that came into use by itself, for good.
type takeover struct {
	name string
	at   time.Time
	from []string // the repositories that are out since then, there or not
}

// takeovers are in the order in which they were decided.
type takeovers []takeover

// of is the takeover by a repository, the last one if it made several.
func (t takeovers) of(name string) *takeover {
	return t.latest(func(one takeover) bool { return one.name == name })
}

// last is the takeover that put a repository out.
func (t takeovers) last(name string) *takeover {
	return t.latest(func(one takeover) bool { return slices.Contains(one.from, name) })
}

func (t takeovers) latest(is func(takeover) bool) *takeover {
	for i := len(t) - 1; i >= 0; i-- {
		if is(t[i]) {
			return &t[i]
		}
	}
	return nil
}

// encode writes a line each: name, time, and the names it took over from.
func (t takeovers) encode() []byte {
	var b strings.Builder
	for _, one := range t {
		fmt.Fprintln(&b, strings.Join(append([]string{one.name, one.at.UTC().Format(time.RFC3339)}, one.from...), " "))
	}
	return []byte(b.String())
}

func parseTakeovers(text []byte) (all takeovers, err error) {
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || !strings.HasSuffix(line, "\n") {
			return nil, fmt.Errorf("line %.60q", line)
		}
		at, err := time.Parse(time.RFC3339, words[1])
		if err != nil {
			return nil, err
		}
		for _, name := range append(words[2:], words[0]) {
			if err := checkName(name); err != nil {
				return nil, err
			}
		}
		all = append(all, takeover{words[0], at, words[2:len(words):len(words)]})
	}
	return all, nil
}

// TakeoverError is a record of takeovers that cannot be read. It is not passed
// over: without it a system would go back to a repository that it has left.
type TakeoverError struct{ Err error }

func (e *TakeoverError) Error() string {
	return fmt.Sprintf("read /%s/%s: which repositories were succeeded is not known: %v", home, takeoverName, e.Err)
}
func (e *TakeoverError) Unwrap() error { return e.Err }

// Hint says how to get a new one.
func (e *TakeoverError) Hint() string {
	return fmt.Sprintf("remove the file /%s/%s, then: moss repo update; on a merged system the same is decided again", home, takeoverName)
}

func readTakeovers(root string) (takeovers, error) {
	text, err := os.ReadFile(filepath.Join(root, home, takeoverName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &TakeoverError{err}
	}
	all, err := parseTakeovers(text)
	if err != nil {
		return nil, &TakeoverError{err}
	}
	return all, nil
}

// take decides, under the lock, and writes down what was decided. That is the
// one moment of the change; the indexes, which ready knows, were there before.
func take(root string, merged error, ready func(Repository) bool, now time.Time) (takeovers, error) {
	release, err := lock(root)
	if err != nil {
		return nil, err
	}
	defer release()
	s, err := successionOf(root, merged)
	if err != nil {
		return nil, err
	}
	made := s.decide(ready, now)
	if len(made) == 0 {
		return nil, nil
	}
	if err := fault.Point("repo/succeed"); err != nil {
		return nil, err
	}
	if err := atomicfile.Write(filepath.Join(root, home, takeoverName), append(s.taken, made...).encode(), 0o644); err != nil {
		return nil, fmt.Errorf("write down who succeeds whom: %w", err)
	}
	return made, nil
}

func successionOf(root string, merged error) (succession, error) {
	all, err := Configured(root)
	if err != nil {
		return succession{}, err
	}
	taken, err := readTakeovers(root)
	return succession{all, taken, merged}, err
}
