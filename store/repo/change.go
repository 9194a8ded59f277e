package repo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"moss/internal/atomicfile"
)

// Add configures a repository in a file of its own in /etc. It neither fetches
// nor believes anything yet. One that can never be believed, with no key and not
// said to be unsigned, is refused.
func Add(root string, r Repository) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("add repository: %w", err)
	}
	if r.Key == "" && !r.Unsigned {
		return fmt.Errorf("add repository %s: %w", r.Name, noKey(r.Name))
	}
	if r.Key != "" {
		r.Key, _ = ParseKey(r.Key) // checked above
	}
	c, release, err := change(root)
	if err != nil {
		return err
	}
	defer release()
	if in := c.home(r.Name); in != "" {
		return &ConfigError{File: in, What: fmt.Sprintf("repository %s is there already", r.Name),
			Advice: fmt.Sprintf("use another name, or first: moss repo remove %s", r.Name)}
	}
	if err := c.write(adminFile(r.Name), document(r)); err != nil {
		return fmt.Errorf("add repository %s: %w", r.Name, err)
	}
	return nil
}

// change locks the configuration and reads it.
func change(root string) (config, func(), error) {
	release, err := lock(root)
	if err != nil {
		return config{}, nil, err
	}
	c, err := readConfig(root)
	if err != nil {
		release()
	}
	return c, release, err
}

// home is the file that an entry, or a file of that name, is in already.
func (c config) home(name string) string {
	for _, files := range [][]*configFile{c.admin, c.vendor} {
		for _, f := range files {
			if stem(f.name) == name || entryOf([]*configFile{f}, name) != nil {
				return f.name
			}
		}
	}
	return ""
}

// Remove forgets a repository: its configuration and its stored index. One that
// the vendor brings cannot be removed, only disabled.
func Remove(root, name string) error {
	c, release, err := change(root)
	if err != nil {
		return err
	}
	defer release()
	if entryOf(c.vendor, name) != nil {
		return &ConfigError{File: "/" + vendorDir, What: fmt.Sprintf("repository %s belongs to the system", name),
			Advice: "moss repo disable " + name}
	}
	f := holder(c.admin, name)
	if f == nil {
		return fmt.Errorf("remove repository: %w", &NotFoundError{name})
	}
	if err := c.drop(f, name); err != nil {
		return fmt.Errorf("remove repository %s: %w", name, err)
	}
	// The configuration goes first: an index that nothing names is never read.
	return forget(root, name)
}

// drop takes an entry out of its file, and the file away with its last entry.
func (c config) drop(f *configFile, name string) error {
	path := filepath.Join(c.root, f.name)
	if len(f.entries) == 1 {
		return errors.Join(os.Remove(path), atomicfile.SyncDir(filepath.Dir(path)))
	}
	top := f.document.Content[0]
	at := slices.IndexFunc(top.Content, func(n *yaml.Node) bool { return n.Value == name })
	top.Content = slices.Delete(top.Content, at, at+2)
	return c.write(f.name, f.document)
}

func holder(files []*configFile, name string) *configFile {
	for _, f := range files {
		if entryOf([]*configFile{f}, name) != nil {
			return f
		}
	}
	return nil
}

// SetEnabled switches a repository on or off. For one that the vendor brings
// that is a file in /etc which says nothing else, so that a later change of the
// vendor's, a new key above all, is not masked.
func SetEnabled(root, name string, on bool) error {
	c, release, err := change(root)
	if err != nil {
		return err
	}
	defer release()
	if f := holder(c.admin, name); f != nil {
		err = c.toggle(f, name, on)
	} else if e := entryOf(c.vendor, name); e != nil {
		err = c.override(name, on)
	} else {
		err = &NotFoundError{name}
	}
	if err != nil {
		return fmt.Errorf("switch repository %s: %w", name, err)
	}
	return nil
}

// toggle changes one line of a file that is the administrator's own.
func (c config) toggle(f *configFile, name string, on bool) error {
	e := entryOf([]*configFile{f}, name)
	if on && c.onlyDisables(f, e) {
		path := filepath.Join(c.root, f.name)
		return errors.Join(os.Remove(path), atomicfile.SyncDir(filepath.Dir(path)))
	}
	word := fmt.Sprint(on)
	for i := 0; i+1 < len(e.node.Content); i += 2 {
		if e.node.Content[i].Value == "active" {
			e.node.Content[i+1].Value = word
			return c.write(f.name, f.document)
		}
	}
	e.node.Content = append(e.node.Content, scalar("active"), scalar(word))
	return c.write(f.name, f.document)
}

// onlyDisables finds the file that override made, which goes again when there is
// nothing left to say. A vendor's entry that is off by itself needs it.
func (c config) onlyDisables(f *configFile, e *entry) bool {
	base := c.vendorEntry(e.name)
	said := e.uri != nil || e.description != nil || e.key != nil || e.priority != nil || e.unsigned != nil ||
		e.mergedOnly != nil || e.succeeds != nil
	return len(f.entries) == 1 && !said && base != nil && (base.active == nil || *base.active)
}

func (c config) override(name string, on bool) error {
	at := adminFile(name)
	// A file of the same name would mask the vendor's other entries in it.
	for _, f := range c.vendor {
		if stem(f.name) == name && len(f.entries) > 1 {
			at = adminFile(name + ".switch")
		}
	}
	entry := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("active"), scalar(fmt.Sprint(on))}}
	return c.write(at, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar(name), entry}})
}

func adminFile(name string) string { return "/" + adminDir + "/" + name + fileEnd }

// document is a repository as the text of its file.
func document(r Repository) *yaml.Node {
	entry := &yaml.Node{Kind: yaml.MappingNode}
	say := func(key, value string) { entry.Content = append(entry.Content, scalar(key), scalar(value)) }
	if r.Description != "" {
		entry.Content = append(entry.Content, scalar("description"), quoted(r.Description))
	}
	entry.Content = append(entry.Content, scalar("uri"), quoted(r.URI))
	say("priority", fmt.Sprint(r.Priority))
	say("active", fmt.Sprint(r.Enabled))
	if r.Key != "" {
		say("key", r.Key)
	} else {
		say("unsigned", "true")
	}
	if r.MergedOnly {
		say("merged-only", "true")
	}
	if r.Succeeds != "" {
		entry.Content = append(entry.Content, scalar("succeeds"), quoted(r.Succeeds))
	}
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar(r.Name), entry}}
}

// scalar is a word without quotes; its type is what YAML reads it as.
func scalar(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: value} }

func quoted(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

// write replaces a file after it has read it back: what is written must mean
// what was meant, or the next command fails on our own file.
func (c config) write(name string, document *yaml.Node) error {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(document), enc.Close()); err != nil {
		return err
	}
	if _, err := parseConfig(name, out.Bytes()); err != nil {
		return err
	}
	path := filepath.Join(c.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(path, out.Bytes(), 0o644)
}
