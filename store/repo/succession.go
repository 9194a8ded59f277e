package repo

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Place is what a configured repository is to this system.
type Place string

// The places. Only a repository in use is asked for packages.
const (
	InUse     Place = "in use"
	Disabled  Place = "disabled"
	Dormant   Place = "dormant"   // for merged systems only, and this is none
	Waiting   Place = "waiting"   // comes into use once its first index is there
	Succeeded Place = "succeeded" // another one took its place, for good
)

// Standing is a repository's place, and what is to be said of it.
type Standing struct {
	Place Place
	By    string    // the successor of one that is succeeded
	Since time.Time // when a takeover happened, its own or By's; zero: none did
	Why   string    // why it is not used, or what is wrong although it is; "" when all is as one expects
}

// Standings says what each of all, which Configured gave, is to the system of
// root. merged is nil on a merged system, else it says why it is none.
func Standings(root string, all []Repository, merged error) ([]Standing, error) {
	taken, err := readTakeovers(root)
	if err != nil {
		return nil, err
	}
	s, standings := succession{all, taken, merged}, make([]Standing, len(all))
	for i, r := range all {
		standings[i] = s.standing(r)
	}
	return standings, nil
}

// succession decides who is used: what is configured, what was decided before,
// and what the system is.
type succession struct {
	all    []Repository
	taken  takeovers
	merged error // nil: the system is merged
}

func (s succession) standing(r Repository) Standing {
	own, last := s.taken.of(r.Name), s.taken.last(r.Name)
	switch {
	case last != nil:
		return Standing{Succeeded, last.name, last.at, fmt.Sprintf("%s took its place on %s, for good%s", last.name, stamp(last.at), s.state(last.name))}
	case r.MergedOnly && own == nil && s.merged != nil:
		return Standing{Place: Dormant, Why: "it is for merged systems only: " + s.merged.Error() + s.meanwhile(r)}
	case !r.Enabled:
		return Standing{Place: Disabled}
	case own != nil && r.MergedOnly && s.merged != nil:
		return Standing{InUse, "", own.at, fmt.Sprintf("it is for merged systems only, and is used since %s all the same: going back would undo updates. Now %v; merge it again: moss usr-merge run", stamp(own.at), s.merged)}
	case own != nil:
		return Standing{Place: InUse, Since: own.at}
	case !s.inUse(r):
		return Standing{Place: Waiting, Why: "it has no index yet; moss repo update fetches it" + s.meanwhile(r)}
	}
	return Standing{Place: InUse}
}

// state says what became of a successor that is of no use any more: who wonders
// where the packages went should not have to look for it.
func (s succession) state(name string) string {
	by, err := find(s.all, name)
	switch {
	case err != nil:
		return ", and is not configured any more: configure it again, or add this one under another name"
	case !by.Enabled:
		return ", and is disabled: moss repo enable " + name
	}
	return ""
}

// meanwhile names those that are used in the place of r for now.
func (s succession) meanwhile(r Repository) string {
	if covering := s.covering(r); len(covering) > 0 {
		return "; until then " + strings.Join(covering, ", ") + " is used"
	}
	return ""
}

// inUse does not depend on merged: what only merged systems use needs a takeover,
// and that was written down when the system was one.
func (s succession) inUse(r Repository) bool {
	used, _ := s.place(r)
	return used
}

// place says whether r is in use, and whether one of those before it is, which
// without a takeover r waits for.
func (s succession) place(r Repository) (used, covered bool) {
	if before, err := find(s.all, r.Succeeds); err == nil {
		used, behind := s.place(before)
		covered = used || behind
	}
	taken := s.taken.of(r.Name) != nil
	return r.Enabled && s.taken.last(r.Name) == nil && (taken || !r.MergedOnly && !covered), covered
}

// used are the repositories that packages are taken from.
func (s succession) used() []Repository {
	return slices.DeleteFunc(slices.Clone(s.all), func(r Repository) bool { return !s.inUse(r) })
}

// before lists whose place r takes: the one it names, the one that names, and so
// on. The last may be the name of a repository that there is not.
func (s succession) before(r Repository) (names []string) {
	for r.Succeeds != "" {
		names = append(names, r.Succeeds)
		next, err := find(s.all, r.Succeeds)
		if err != nil {
			break
		}
		r = next
	}
	return names
}

// covering lists the predecessors of r that are in use.
func (s succession) covering(r Repository) (names []string) {
	for _, name := range s.before(r) {
		if one, err := find(s.all, name); err == nil && s.inUse(one) {
			names = append(names, name)
		}
	}
	return names
}

// due says whether there is a takeover by r that has not been decided yet, and
// that may be.
func (s succession) due(r Repository) bool {
	if !r.Enabled || s.taken.last(r.Name) != nil || r.MergedOnly && s.merged != nil {
		return false
	}
	fresh := slices.ContainsFunc(s.before(r), func(name string) bool { return s.taken.last(name) == nil })
	return fresh || r.MergedOnly && s.taken.of(r.Name) == nil
}

// decide lists the takeovers that can happen now, of those that are due. ready
// says that a repository has an index, and answers.
//
// Where a repository was split, its successors take over together or not at all:
// with one alone, packages of the other would be missing from an update. Of a
// chain only the last takes over, and that from all.
func (s succession) decide(ready func(Repository) bool, now time.Time) (made takeovers) {
	due := slices.DeleteFunc(slices.Clone(s.all), func(r Repository) bool { return !s.due(r) })
	able := map[string]bool{}
	for _, r := range due {
		able[r.Name] = ready(r)
	}
	for _, r := range due {
		held := slices.ContainsFunc(due, func(other Repository) bool {
			beside := r.Succeeds != "" && other.Succeeds == r.Succeeds && !able[other.Name]
			later := able[other.Name] && slices.Contains(s.before(other), r.Name)
			return beside || later
		})
		if able[r.Name] && !held {
			made = append(made, takeover{r.Name, now, s.before(r)})
		}
	}
	return made
}

// noCircle refuses repositories that succeed each other: none of them would be
// the last.
func noCircle(all []Repository) error {
	for _, r := range all {
		way := []string{r.Name}
		for next := r; next.Succeeds != ""; {
			way = append(way, next.Succeeds)
			if next.Succeeds == r.Name {
				return &ConfigError{File: r.File, What: "repositories succeed each other in a circle: " + strings.Join(way, " succeeds "),
					Advice: "take `succeeds` out of one of them; for one of the system's: a file in /" + adminDir + " that says only `succeeds: \"\"` of it"}
			}
			if len(way) > len(all) {
				break // a circle that r leads into; its own members tell of it
			}
			var err error
			if next, err = find(all, next.Succeeds); err != nil {
				break
			}
		}
	}
	return nil
}
