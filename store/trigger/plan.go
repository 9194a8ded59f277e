package trigger

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"moss/store/tree"
)

// Scope is when a trigger runs.
type Scope string

// Transaction triggers run on the new tree before it is a state, in a sandbox;
// system triggers on the live system, after the exchange.
const (
	Transaction Scope = "tx"
	System      Scope = "sys"
)

// Command is one thing to do: a program with its arguments, or paths to delete.
type Command struct {
	Run    []string `json:"run,omitempty"`
	Delete []string `json:"delete,omitempty"`
}

// String shows a command to a person.
func (c Command) String() string {
	if len(c.Delete) > 0 {
		return "delete " + strings.Join(c.Delete, " ")
	}
	return strings.Join(c.Run, " ")
}

// Job is a trigger that has something to do.
type Job struct {
	*Trigger
	Commands  []Command
	Inhibited string // what keeps it from running, "" when nothing does
}

// World is what inhibitors are asked about.
type World struct {
	Exists      func(path string) bool // in the root that the trigger sees
	Environment []string               // as Environment finds it
}

// Make plans: which triggers match t, with which commands, in which order.
// Identical commands of one trigger are one. It touches nothing but w.
func Make(scope Scope, triggers []*Trigger, t *tree.Tree, w World) ([]Job, error) {
	sorted, err := order(triggers)
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for _, one := range sorted {
		commands, err := one.commands(scope, t)
		if err != nil {
			return nil, &FileError{one.File, err}
		}
		if len(commands) > 0 {
			jobs = append(jobs, Job{one, commands, one.inhibited(w)})
		}
	}
	return jobs, nil
}

func (t *Trigger) commands(scope Scope, in *tree.Tree) (all []Command, err error) {
	seen := map[string]bool{}
	for i := range t.patterns {
		p := &t.patterns[i]
		p.each(in, t.Paths[p.glob], func(_ tree.Entry, groups []string) {
			for _, name := range t.Paths[p.glob].Handlers {
				c := t.Handlers[name].expand(p, groups)
				if key := fmt.Sprintf("%q%q", c.Run, c.Delete); !seen[key] {
					seen[key] = true
					all = append(all, c)
					err = errors.Join(err, c.check(scope))
				}
			}
		})
	}
	return all, err
}

// each visits the entries of in that p matches. Entries are sorted, so those
// below the glob's literal folder lie side by side and the others are never
// looked at.
func (p *pattern) each(in *tree.Tree, m Match, visit func(tree.Entry, []string)) {
	prefix, suffix := strings.TrimPrefix(p.prefix, "/usr/"), strings.TrimPrefix(p.suffix, "/usr/")
	all := in.Entries
	from := sort.Search(len(all), func(i int) bool { return all[i].Path >= prefix })
	for _, e := range all[from:] {
		if !strings.HasPrefix(e.Path, prefix) {
			return
		}
		if !m.accepts(e.Mode) || !strings.HasSuffix(e.Path, suffix) || !strings.Contains(e.Path, p.within) {
			continue
		}
		if groups, ok := p.match("/usr/" + e.Path); ok {
			visit(e, groups)
		}
	}
}

func (h Handler) expand(p *pattern, groups []string) Command {
	var c Command
	if h.Run != "" {
		c.Run = []string{p.expand(h.Run, groups)}
	}
	for _, text := range h.Args {
		c.Run = append(c.Run, p.expand(text, groups))
	}
	for _, text := range h.Delete {
		c.Delete = append(c.Delete, p.expand(text, groups))
	}
	return c
}

// check bounds what delete may name. A transaction has only its own tree; a
// system trigger has everything but /usr, which is a state's and never edited,
// and what lies directly below the root.
func (c Command) check(scope Scope) error {
	for _, name := range c.Delete {
		switch {
		case !absolute(name):
			return fmt.Errorf("delete %q: not absolute and plain", name)
		case scope == Transaction && !strings.HasPrefix(name, "/usr/"):
			return fmt.Errorf("delete %q: a transaction trigger has only /usr", name)
		case scope == System && intoUsr(name):
			return fmt.Errorf("delete %q: /usr belongs to the state, a system trigger must not edit it", name)
		case strings.Count(name, "/") < 2:
			return fmt.Errorf("delete %q: too much", name)
		}
	}
	return nil
}

// intoUsr says whether a path leads into /usr: by its name, or by one of the
// links directly below the root (/bin, /sbin, /lib, /lib64 and their like on
// other machines: /lib32, /libx32).
func intoUsr(name string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	return slices.Contains([]string{"usr", "bin", "sbin"}, first) || strings.HasPrefix(first, "lib")
}

// absolute accepts a path that means the same to everybody.
func absolute(name string) bool {
	return path.IsAbs(name) && path.Clean(name) == name && !strings.Contains(name, "\x00")
}

func cmpText(a, b string) int { return cmp.Compare(a, b) }

func (t *Trigger) inhibited(w World) string {
	for _, name := range t.Inhibitors.Environment {
		if slices.Contains(w.Environment, name) {
			return "this is a " + name + " environment"
		}
	}
	for _, name := range t.Inhibitors.Paths {
		if w.Exists(name) {
			return name + " exists"
		}
	}
	return ""
}

// Matched visits the entries of in that the trigger's globs match, each once a
// glob.
func (t *Trigger) Matched(in *tree.Tree, visit func(tree.Entry)) {
	for i := range t.patterns {
		p := &t.patterns[i]
		p.each(in, t.Paths[p.glob], func(e tree.Entry, _ []string) { visit(e) })
	}
}
