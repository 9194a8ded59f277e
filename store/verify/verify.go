// Package verify compares trees and assets on a disk with what was recorded of
// them, and puts damage right: by making a fresh file and renaming it into place,
// never by writing into a damaged one, whose other names belong to other states.
package verify

import (
	"cmp"
	"fmt"
	"slices"

	"moss/store/activate"
	"moss/store/tree"
)

// What is wrong with a path.
const (
	Content    = "content"
	Kind       = "kind"
	Mode       = "mode"
	Owner      = "owner"
	Link       = "link"
	Xattrs     = "xattrs"
	Missing    = "missing"
	Extra      = "extra"
	Seal       = "seal"
	Unreadable = "unreadable" // the disk or the file system failed
	Record     = "record"     // what was recorded of the tree, not the tree
	Boot       = "boot"       // a file of the boot menu
)

// Finding is one difference; the JSON keys are stable.
type Finding struct {
	State    activate.ID `json:"state"` // 0: the store, which all states share
	Path     string      `json:"path"`  // as the system with that state would name it
	What     string      `json:"what"`
	Want     string      `json:"want"`
	Got      string      `json:"got"`
	Repaired bool        `json:"repaired"`

	// Entry is what belongs there, nil for what should not be there at all. Of an
	// asset it is any entry that has this content, mode, owner and xattrs.
	Entry *tree.Entry `json:"-"`
}

// String says it to a person.
func (f Finding) String() string {
	text := fmt.Sprintf("%s: %s", activate.Show(f.Path), f.What)
	if f.State != 0 {
		text = fmt.Sprintf("state %d: %s", f.State, text)
	}
	if f.Want != "" {
		text += ": want " + f.Want
	}
	if f.Got != "" {
		text += ": got " + f.Got
	}
	return text
}

// Key tells one damage from another, whatever is wanted and got.
type Key struct {
	State      activate.ID
	Path, What string
}

// Key is that of the finding.
func (f Finding) Key() Key { return Key{f.State, f.Path, f.What} }

// Sort orders findings by state, path and what is wrong: the store first.
func Sort(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Path, b.Path), cmp.Compare(a.What, b.What))
	})
}

// DamageError says that a verification found damage. A caller branches on it:
// damage has an exit code of its own.
type DamageError struct {
	Found, Repaired int
	Tried           bool // a repair was asked for
}

func (e *DamageError) Error() string {
	if e.Tried {
		return fmt.Sprintf("verification found damage: %d findings, %d of them repaired", e.Found, e.Repaired)
	}
	return fmt.Sprintf("verification found damage: %d findings", e.Found)
}

// Hint says what to do.
func (e *DamageError) Hint() string {
	if e.Tried {
		return "states that are still damaged were marked bad and left the boot menu; bring the packages' stones back (moss fetch) and try again, or make a new state"
	}
	return "mend it with: moss state verify --repair"
}

// AccessError says that not everything could be read.
type AccessError struct {
	Path string
	Err  error
}

func (e *AccessError) Error() string { return fmt.Sprintf("verify %s: %v", e.Path, e.Err) }
func (e *AccessError) Unwrap() error { return e.Err }

// Hint says who may.
func (e *AccessError) Hint() string { return "run it as root" }
