package repo

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"go.yaml.in/yaml/v3"
)

// configFile is one repository file: what it says, and the document itself, so
// that a change keeps the comments.
type configFile struct {
	name     string // from the root, for messages
	document *yaml.Node
	entries  []entry
}

// entry is one repository in a file. What the file does not say is nil.
type entry struct {
	name                  string
	line                  int
	uri, description, key *string
	succeeds              *string
	priority              *int
	active, unsigned      *bool
	mergedOnly            *bool
	node                  *yaml.Node
}

// parseConfig reads a file. The YAML is walked by hand: a decoder would accept
// a key twice, or an anchor that stands for something else, and would not say
// in which line a word is unknown.
func parseConfig(name string, text []byte) (*configFile, error) {
	f := &configFile{name: name, document: &yaml.Node{}}
	if err := yaml.Unmarshal(text, f.document); err != nil {
		return nil, &ConfigError{File: name, What: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if len(f.document.Content) == 0 {
		return f, nil // empty, or a link to /dev/null: it masks the vendor's file
	}
	top := f.document.Content[0]
	if top.Tag == "!!null" {
		return f, nil
	}
	err := f.pairs(top, "a repository", func(key, value *yaml.Node) error {
		e := entry{name: key.Value, line: key.Line, node: value}
		if err := checkName(e.name); err != nil {
			return err
		}
		f.entries = append(f.entries, e)
		return f.pairs(value, "an entry", f.entries[len(f.entries)-1].set)
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// pairs walks a mapping whose keys are text, each once.
func (f *configFile) pairs(n *yaml.Node, what string, visit func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return &ConfigError{File: f.name, Line: n.Line, What: "want " + what + " as `name: value` lines"}
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		err := plain(key, value, seen[key.Value])
		if err == nil {
			seen[key.Value] = true
			err = visit(key, value)
		}
		var known *ConfigError
		if err != nil && !errors.As(err, &known) {
			return &ConfigError{File: f.name, Line: key.Line, What: err.Error()}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func plain(key, value *yaml.Node, again bool) error {
	switch {
	case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
		return errors.New("a key is not a plain word")
	case key.Anchor != "" || value.Anchor != "" || value.Kind == yaml.AliasNode:
		return fmt.Errorf("%s: anchors and aliases are not taken here", key.Value)
	case again:
		return fmt.Errorf("%s appears twice", key.Value)
	}
	return nil
}

// set takes one line of an entry.
func (e *entry) set(key, value *yaml.Node) error {
	if value.Kind != yaml.ScalarNode {
		return fmt.Errorf("%s: want one value", key.Value)
	}
	var err error
	switch key.Value {
	case "uri":
		e.uri, err = text(value)
	case "description":
		e.description, err = text(value)
	case "key":
		e.key, err = text(value)
	case "priority":
		e.priority, err = number(value)
	case "active":
		e.active, err = truth(value)
	case "unsigned":
		e.unsigned, err = truth(value)
	case "merged-only":
		e.mergedOnly, err = truth(value)
	case "succeeds":
		e.succeeds, err = text(value)
	default:
		return fmt.Errorf("unknown key %q", key.Value)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key.Value, err)
	}
	return nil
}

func text(n *yaml.Node) (*string, error) {
	if n.Tag == "!!null" {
		return nil, errors.New("want text")
	}
	return &n.Value, nil
}

func truth(n *yaml.Node) (*bool, error) {
	var b bool
	if n.Tag != "!!bool" || n.Decode(&b) != nil {
		return nil, fmt.Errorf("%q: want true or false", n.Value)
	}
	return &b, nil
}

func number(n *yaml.Node) (*int, error) {
	var i int64
	if n.Tag != "!!int" || n.Decode(&i) != nil || i < 0 || i > math.MaxInt32 {
		return nil, fmt.Errorf("%q: want a number from 0 to %d", n.Value, math.MaxInt32)
	}
	v := int(i)
	return &v, nil
}

// over makes a repository of the entry and of what it leaves unsaid, which base
// (the vendor's entry, if there is one) and then the defaults say.
func (e *entry) over(base *entry, file string) (Repository, error) {
	r := Repository{Name: e.name, File: file, Enabled: true}
	layers := []*entry{e}
	if base != nil && e.uri == nil {
		layers = []*entry{base, e}
	}
	for _, l := range layers {
		assign(&r.URI, l.uri)
		assign(&r.Description, l.description)
		assign(&r.Priority, l.priority)
		assign(&r.Enabled, l.active)
		assign(&r.MergedOnly, l.mergedOnly)
		assign(&r.Succeeds, l.succeeds)
		// A layer that says how the index is trusted says it all.
		if l.key != nil || l.unsigned != nil {
			r.Key, r.Unsigned = "", false
			assign(&r.Key, l.key)
			assign(&r.Unsigned, l.unsigned)
		}
	}
	if r.URI == "" {
		return r, &ConfigError{File: file, Line: e.line, What: fmt.Sprintf("repository %s has no uri", e.name)}
	}
	if err := r.check(); err != nil {
		return r, &ConfigError{File: file, Line: e.line, What: err.Error()}
	}
	return r, nil
}

func assign[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
