package trigger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"
)

// Trigger is one trigger file.
type Trigger struct {
	Name        string             `yaml:"name"`
	Description string             `yaml:"description"`
	Before      Names              `yaml:"before"`
	After       Names              `yaml:"after"`
	Inhibitors  Inhibitors         `yaml:"inhibitors"`
	Handlers    map[string]Handler `yaml:"handlers"`
	Paths       map[string]Match   `yaml:"paths"`
	// Pure promises that the outputs depend on nothing but the files that the
	// paths match. It is this program's addition to the format.
	Pure bool `yaml:"pure"`

	File     string `yaml:"-"` // where it was read, as a path that begins with /usr
	patterns []pattern
}

// Names is one name or a list of them.
type Names []string

// UnmarshalYAML accepts a lone name, which is all that AerynOS' format knows.
func (n *Names) UnmarshalYAML(value *yaml.Node) error {
	if value.Kind == yaml.ScalarNode {
		*n = Names{value.Value}
		return nil
	}
	return value.Decode((*[]string)(n))
}

// Inhibitors keep a trigger from running: any path that exists, any environment
// ("chroot", "container", "live") that this is.
type Inhibitors struct {
	Paths       []string `yaml:"paths"`
	Environment []string `yaml:"environment"`
}

// Handler is a command, or paths to delete. $(name) in either stands for what
// the glob's group of that name matched; a $(name) that no group has is text,
// as shells spell their own substitution that way.
type Handler struct {
	Run    string   `yaml:"run"`
	Args   []string `yaml:"args"`
	Delete []string `yaml:"delete"`
}

// Match says what runs for the paths of one glob.
type Match struct {
	Handlers []string `yaml:"handlers"`
	Type     string   `yaml:"type"` // "", "directory" or "symlink"
}

func (m Match) accepts(mode uint32) bool {
	switch m.Type {
	case "directory":
		return mode&unix.S_IFMT == unix.S_IFDIR
	case "symlink":
		return mode&unix.S_IFMT == unix.S_IFLNK
	}
	return true
}

// FileError is a trigger file that cannot be understood. A package whose
// trigger is not run may be a package that does not work, so it is never passed
// over in silence.
type FileError struct {
	File string
	Err  error // says the line where it can
}

func (e *FileError) Error() string { return fmt.Sprintf("read trigger %s: %v", e.File, e.Err) }
func (e *FileError) Unwrap() error { return e.Err }

// Hint says how to get on.
func (e *FileError) Hint() string {
	return "the package that brings it is broken, report it to whoever built it; --no-triggers runs none at all"
}

var errKnown = errors.New("must be one of")

// Parse reads one trigger file. Unknown keys are refused: a misspelt key that
// is passed over is a trigger that runs when it should not.
func Parse(file string, data []byte) (*Trigger, error) {
	t := &Trigger{File: file}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(t); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return nil, &FileError{file, err}
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &FileError{file, errors.New("more than one document")}
	}
	if err := t.check(); err != nil {
		return nil, &FileError{file, err}
	}
	return t, nil
}

// goodName is what a name may be: it becomes part of a manifest and of log lines.
var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}$`)

func (t *Trigger) check() error {
	switch {
	case !goodName.MatchString(t.Name):
		return fmt.Errorf("name %q: want letters, digits and _.@+-", t.Name)
	case t.Description == "":
		return errors.New("description is missing")
	case len(t.Paths) == 0:
		return errors.New("paths is missing: it would never run")
	}
	for _, name := range t.Inhibitors.Environment {
		if !slices.Contains(environments(), name) {
			return fmt.Errorf("inhibitors: environment %q %w %q", name, errKnown, environments())
		}
	}
	for _, path := range t.Inhibitors.Paths {
		if !absolute(path) {
			return fmt.Errorf("inhibitors: path %q is not absolute and plain", path)
		}
	}
	for name, h := range t.Handlers {
		if err := h.check(); err != nil {
			return fmt.Errorf("handler %q: %w", name, err)
		}
	}
	return t.compile()
}

func (h Handler) check() error {
	switch {
	case h.Run == "" && len(h.Delete) == 0:
		return errors.New("neither run nor delete")
	case h.Run != "" && len(h.Delete) > 0:
		return errors.New("both run and delete")
	case h.Run == "" && len(h.Args) > 0:
		return errors.New("args without run")
	}
	return nil
}

// compile makes the globs ready, in the order of their text: a map has none.
func (t *Trigger) compile() error {
	for glob, m := range t.Paths {
		p, err := compile(glob)
		if err != nil {
			return fmt.Errorf("path %q: %w", glob, err)
		}
		if m.Type != "" && m.Type != "directory" && m.Type != "symlink" {
			return fmt.Errorf("path %q: type %q %w %q", glob, m.Type, errKnown, []string{"directory", "symlink"})
		}
		if len(m.Handlers) == 0 {
			return fmt.Errorf("path %q: handlers is missing", glob)
		}
		for _, name := range m.Handlers {
			if _, known := t.Handlers[name]; !known {
				return fmt.Errorf("path %q: there is no handler %q", glob, name)
			}
		}
		t.patterns = append(t.patterns, p)
	}
	slices.SortFunc(t.patterns, func(a, b pattern) int { return cmpText(a.glob, b.glob) })
	return nil
}
