package repo

import (
	"fmt"
	"regexp"
)

// Repository is one configured source of packages.
type Repository struct {
	Name        string
	URI         string // of the index, or of the folder that holds stone.index
	Description string
	Key         string // minisign public key in its one-line form, "" if none is pinned
	Priority    int    // the bigger wins
	Enabled     bool
	Unsigned    bool   // accepted without a signature
	MergedOnly  bool   // for systems whose usr-merge is complete; not used on any other
	Succeeds    string // the repository whose place it takes, "" for none
	Vendor      bool   // no file in /etc says anything about it
	File        string // where it is configured, below the root
}

// maxName keeps a name usable as a file name with what is put around it.
const maxName = 100

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// checkName holds a name to what is safe as a part of a path.
func checkName(name string) error {
	if len(name) > maxName || !nameForm.MatchString(name) {
		return fmt.Errorf("repository name %q: want letters, digits, dot, underscore and hyphen, a letter or digit first, at most %d of them", name, maxName)
	}
	return nil
}

// check refuses what no later step could work with.
func (r Repository) check() error {
	if err := checkName(r.Name); err != nil {
		return err
	}
	if _, err := indexURL(r.URI); err != nil {
		return err
	}
	if r.Succeeds != "" {
		if err := checkName(r.Succeeds); err != nil {
			return fmt.Errorf("succeeds: %w", err)
		}
	}
	if r.Key == "" {
		return nil
	}
	if r.Unsigned {
		return fmt.Errorf("repository %s has a key and is unsigned: it can be one of them", r.Name)
	}
	_, err := ParseKey(r.Key)
	return err
}

// NotFoundError is a name that no repository has.
type NotFoundError struct{ Name string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("repository %s: there is none of this name", e.Name)
}

// Hint says where the names are.
func (e *NotFoundError) Hint() string { return "see: moss repo list" }

// NotUsedError is a repository that the system does not use, asked for by name.
type NotUsedError struct {
	Name string
	Is   Standing
}

func (e *NotUsedError) Error() string {
	return fmt.Sprintf("repository %s is not used: %s", e.Name, e.Is.Why)
}

// Hint says what is used, or what it takes.
func (e *NotUsedError) Hint() string {
	if e.Is.Place == Dormant {
		return "see how far it is: moss usr-merge status"
	}
	return "see which are used: moss repo list"
}

// ConfigError is a mistake in a repository file, or something that the files as
// they are do not allow.
type ConfigError struct {
	File   string
	Line   int // 0: the file as a whole
	What   string
	Advice string
}

func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("repository file %s: %s", e.File, e.What)
	}
	return fmt.Sprintf("repository file %s line %d: %s", e.File, e.Line, e.What)
}

// Hint says what to do about it.
func (e *ConfigError) Hint() string {
	if e.Advice == "" {
		return "correct the file; the keys are description, uri, priority, active, key, unsigned, merged-only and succeeds"
	}
	return e.Advice
}
