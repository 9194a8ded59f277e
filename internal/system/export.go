package system

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"moss/internal/atomicfile"
	"moss/store"
	"moss/store/state"
)

// Selection is what a state was made of, as a file that another machine can be
// given. The keys are stable.
type Selection struct {
	Version  int               `yaml:"moss-selection" json:"moss_selection"` // of the format
	State    state.ID          `yaml:"state" json:"state"`                   // where it was exported
	Created  time.Time         `yaml:"created" json:"created"`
	Summary  string            `yaml:"summary" json:"summary"`
	Packages []SelectedPackage `yaml:"packages" json:"packages"`
}

// SelectedPackage is a package of a selection. Only Name is needed; what is more
// says which build it was.
type SelectedPackage struct {
	Name       string `yaml:"name" json:"name"`
	Explicit   bool   `yaml:"explicit,omitempty" json:"explicit"`
	Version    string `yaml:"version,omitempty" json:"version"`
	Release    uint64 `yaml:"release,omitempty" json:"release"`
	ID         string `yaml:"id,omitempty" json:"id"` // SHA-256 of the stone file, hex
	Repository string `yaml:"repository,omitempty" json:"repository"`
}

const selectionVersion = 1

// maxSelection bounds what is read: 100,000 packages take less.
const maxSelection = 64 << 20

// SelectionError says what is wrong with a file of a selection.
type SelectionError struct {
	Path string
	Err  error
}

func (e *SelectionError) Error() string {
	return fmt.Sprintf("read selection %s: %v", e.Path, e.Err)
}
func (e *SelectionError) Unwrap() []error { return []error{e.Err, store.ErrRefused} }

// Hint says where such a file comes from.
func (e *SelectionError) Hint() string { return "make one with: moss state export -o FILE" }

// Export is the selection of a state. It takes no lock.
func Export(root string, id state.ID) (Selection, error) {
	s, err := store.View(root)
	if err != nil {
		return Selection{}, err
	}
	one, err := export(s, id)
	return one, errors.Join(err, s.Close())
}

func export(s *store.Store, id state.ID) (Selection, error) {
	row, err := s.State(id)
	if err != nil {
		return Selection{}, err
	}
	chosen, err := s.Selected(id)
	if err != nil {
		return Selection{}, err
	}
	all := Selection{Version: selectionVersion, State: id, Created: row.Created, Summary: row.Summary, Packages: []SelectedPackage{}}
	for _, p := range chosen.Packages {
		all.Packages = append(all.Packages, SelectedPackage{Name: p.Meta.Name, Explicit: p.Explicit,
			Version: p.Meta.Version, Release: p.Meta.Release, ID: p.ID, Repository: p.Repo})
	}
	slices.SortFunc(all.Packages, func(a, b SelectedPackage) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// YAML is the text that ReadSelection reads.
func (s Selection) YAML() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# What state %d was made of. Bring a machine to it with: moss sync --import FILE\n", s.State)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := errors.Join(enc.Encode(s), enc.Close())
	return b.Bytes(), err
}

// Save writes the text to path, whole or not at all.
func (s Selection) Save(path string) error {
	text, err := s.YAML()
	if err != nil {
		return err
	}
	if err := atomicfile.Write(path, text, 0o644); err != nil {
		return fmt.Errorf("write selection: %w", err)
	}
	return nil
}

// ReadSelection reads a file that Export made or a person wrote. What is not
// known is refused, for a misspelt key would silently change a system.
func ReadSelection(path string) (Selection, error) {
	f, err := os.Open(path)
	if err != nil {
		return Selection{}, fmt.Errorf("read selection: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSelection+1))
	if err != nil {
		return Selection{}, fmt.Errorf("read selection: %w", err)
	}
	s, err := parseSelection(data)
	if err != nil {
		return Selection{}, &SelectionError{path, err}
	}
	return s, nil
}

func parseSelection(data []byte) (Selection, error) {
	var s Selection
	if len(data) > maxSelection {
		return s, errors.New("it is larger than any selection")
	}
	if err := strictYAML(data, &s); err != nil {
		return s, err
	}
	if s.Version != selectionVersion {
		return s, fmt.Errorf("moss-selection is %d, this program knows %d", s.Version, selectionVersion)
	}
	seen := map[string]bool{}
	for _, p := range s.Packages {
		switch {
		case p.Name == "":
			return s, errors.New("a package has no name")
		case seen[p.Name]:
			return s, fmt.Errorf("package %s is there twice", p.Name)
		case p.ID != "" && !idForm.MatchString(p.ID):
			return s, fmt.Errorf("package %s: id %q is no SHA-256", p.Name, p.ID)
		}
		seen[p.Name] = true
	}
	if len(s.Packages) == 0 {
		return s, errors.New("it names no package")
	}
	return s, nil
}

var idForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Explicit are the names that a user asked for; of a list in which nobody asked
// for any, all.
func (s Selection) Explicit() []string {
	var names, all []string
	for _, p := range s.Packages {
		all = append(all, p.Name)
		if p.Explicit {
			names = append(names, p.Name)
		}
	}
	if names == nil {
		return all
	}
	return names
}

// IDs are the builds that the selection names.
func (s Selection) IDs() map[string]bool {
	ids := map[string]bool{}
	for _, p := range s.Packages {
		if p.ID != "" {
			ids[p.ID] = true
		}
	}
	return ids
}
