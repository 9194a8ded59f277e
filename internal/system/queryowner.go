package system

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/store"
	"moss/store/tree"
)

// What an owner can be.
const (
	OwnedByPackage = "package"
	OwnedByMany    = "shared"  // a folder that is there for what packages have in it
	OwnedByTrigger = "trigger" // made by a trigger when the state was
	OwnedByAdopt   = "adopted" // was there when moss took the system over
	OwnedByMoss    = "moss"    // the state's own mark
	OwnedByNobody  = "nobody"  // not of the state: it came later
)

// Owned says who brought a path; the JSON keys are stable.
type Owned struct {
	Path     string   `json:"path"` // as it is below /usr
	Kind     string   `json:"kind"`
	Trigger  string   `json:"trigger"` // its name, "" for other kinds
	Packages []Listed `json:"packages"`
}

// Owners says of each path of the live state who brought it. A path may be
// absolute inside the root, go through links such as /bin, or be relative to
// the folder dir or to /usr. The error names those without an owner; the others
// are answered all the same.
func Owners(root, dir string, paths []string) ([]Owned, error) {
	l, err := openLive(root)
	if err != nil {
		return nil, err
	}
	all, errs := []Owned{}, []error{}
	for _, path := range paths {
		one, err := l.owned(dir, path)
		errs = append(errs, err)
		if one.Path != "" {
			all = append(all, one)
		}
	}
	return all, errors.Join(errs...)
}

func (l *liveTree) owned(dir, path string) (Owned, error) {
	var first string
	for _, guess := range l.readings(dir, path) {
		place, inside := strings.CutPrefix(l.follow(guess)+"/", "usr/")
		if !inside {
			continue
		}
		place = strings.TrimSuffix(place, "/")
		if e := l.entry(place); e != nil || place == "" || place == ".stateID" {
			return l.claim(place, e), nil
		}
		if _, err := os.Lstat(filepath.Join(l.root, "usr", place)); err == nil && first == "" {
			first = place
		}
	}
	if first != "" {
		return Owned{Path: "/usr/" + first, Kind: OwnedByNobody, Packages: []Listed{}}, &UnknownError{"owner of /usr/" + first + ": nobody, state " + l.id.String() + " does not know it",
			"moss state verify lists all such files"}
	}
	return Owned{}, &UnknownError{"owner of " + path + ": state " + l.id.String() + " has no such path",
		"packages bring only what is below /usr; look for a name: moss search --files " + quoted(filepath.Base(path))}
}

// readings are the places that a user may mean, the likeliest first.
func (l *liveTree) readings(dir, path string) []string {
	if path == "" {
		return nil // not the folder itself: a variable in a script was empty
	}
	whole := path
	if !strings.HasPrefix(path, "/") {
		whole = dir + "/" + path
	}
	var all []string
	// A shell completes names outside the root that -D gives.
	if outside, err := filepath.Abs(l.root); err == nil && outside != "/" {
		if inside, ok := strings.CutPrefix(whole, outside+"/"); ok {
			all = append(all, inside)
		}
	}
	if whole == path || filepath.Clean(l.root) == "/" {
		all = append(all, whole)
	}
	if whole != path {
		all = append(all, path, "usr/"+path)
	}
	return all
}

func (l *liveTree) claim(place string, e *tree.Entry) Owned {
	one := Owned{Path: strings.TrimSuffix("/usr/"+place, "/"), Kind: OwnedByPackage, Packages: []Listed{}}
	if place == ".stateID" {
		one.Kind = OwnedByMoss
		return one
	}
	one.Packages = l.inside(place, e)
	switch len(one.Packages) {
	case 0:
		one.Kind, one.Trigger = l.maker(e)
	case 1:
	default:
		one.Kind = OwnedByMany
	}
	return one
}

// maker is who made what no package brought. The manifest gives it an owner that
// is no package.
func (l *liveTree) maker(e *tree.Entry) (kind, trigger string) {
	if e == nil || e.Owner == tree.Implied || e.Owner >= len(l.tree.Packages) {
		return OwnedByMany, ""
	}
	name, made := strings.CutPrefix(l.tree.Packages[e.Owner], store.TriggerOwner)
	if !made {
		return OwnedByAdopt, ""
	}
	name, _, _ = strings.Cut(name, "+")
	return OwnedByTrigger, name
}

// inside lists the packages that have a path, or something in it.
func (l *liveTree) inside(place string, own *tree.Entry) []Listed {
	found := map[string]*store.Chosen{}
	add := func(e *tree.Entry) {
		if p := l.owner(e); p != nil {
			found[p.ID] = p
		}
	}
	if own != nil {
		add(own)
	}
	below := l.below(place)
	for i := range below {
		add(&below[i])
	}
	all := []Listed{}
	for p := range maps.Values(found) {
		all = append(all, listedChosen(p))
	}
	slices.SortFunc(all, func(a, b Listed) int { return strings.Compare(a.Name, b.Name) })
	return all
}
