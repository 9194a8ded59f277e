package deb

import (
	"fmt"
	"slices"
	"strings"
)

// relations fills in the relation fields (deb-control(5)). Versions, and
// restrictions to architectures and profiles, are dropped: a binary package has
// no use for the latter, and stones have no versions to compare.
func relations(c *Control, fields map[string]string) error {
	for _, field := range []string{"pre-depends", "depends"} {
		clauses, err := parseRelation(fields[field])
		if err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
		for _, clause := range clauses {
			c.Depends = append(c.Depends, clause.names())
		}
	}
	for _, field := range []string{"provides", "conflicts", "breaks"} {
		clauses, err := parseRelation(fields[field])
		if err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
		for _, r := range slices.Concat(clauses...) {
			switch {
			case field == "provides":
				c.Provides = append(c.Provides, r.name)
			case !r.versioned:
				c.Conflicts = append(c.Conflicts, r.name)
			}
		}
	}
	return nil
}

type relation struct {
	name      string
	versioned bool
}

type relationClause []relation

func (c relationClause) names() Clause {
	names := make(Clause, len(c))
	for i, r := range c {
		names[i] = r.name
	}
	return names
}

// parseRelation reads "a (>= 1) | b:any, c [amd64] <!nocheck>".
func parseRelation(field string) ([]relationClause, error) {
	var clauses []relationClause
	for text := range strings.SplitSeq(field, ",") {
		if strings.TrimSpace(text) == "" {
			continue // dpkg lets a trailing comma pass
		}
		var clause relationClause
		for alternative := range strings.SplitSeq(text, "|") {
			r, err := parseName(strings.TrimSpace(alternative))
			if err != nil {
				return nil, err
			}
			clause = append(clause, r)
		}
		clauses = append(clauses, clause)
	}
	return clauses, nil
}

func parseName(text string) (relation, error) {
	name, rest := text, ""
	if i := strings.IndexAny(text, " \t\n(["); i >= 0 {
		name, rest = text[:i], strings.TrimSpace(text[i:])
	}
	name, _, _ = strings.Cut(name, ":") // "python3:any": which architecture may serve
	if !isName(name) {
		return relation{}, fmt.Errorf("relation %q names no package", text)
	}
	return relation{name: name, versioned: strings.HasPrefix(rest, "(")}, nil
}
