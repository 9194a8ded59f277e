package trigger

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// pattern is a compiled glob. It is anchored at both ends and is matched
// against whole paths that begin with /usr:
//
//	?            one character, not a slash
//	*            any number of characters, none a slash
//	**           anything, slashes and nothing included
//	(name:glob)  the inner glob, whose text $(name) stands for in handlers
//
// Everything else is text: a dot is a dot. AerynOS' moss lets ? match a slash
// and takes text for a regular expression; neither is what its authors write.
type pattern struct {
	glob   string
	prefix string // the text before the first wildcard
	suffix string // the text after the last one
	within string // the longest text in between: most paths are told apart by it alone
	names  []string
	re     *regexp.Regexp
}

func compile(glob string) (pattern, error) {
	p := pattern{glob: glob}
	if !strings.HasPrefix(glob, "/usr/") {
		return p, errors.New("does not begin with /usr/: nothing else is in a state")
	}
	if !utf8.ValidString(glob) || strings.ContainsAny(glob, "\x00\n") {
		return p, errors.New("holds a NUL, a newline or bytes that are no text")
	}
	source, err := p.source()
	if err != nil {
		return p, err
	}
	p.prefix = glob[:min(len(glob), firstWild(glob))]
	p.suffix = glob[strings.LastIndexAny(glob, "?*()")+1:]
	p.within = p.longest()
	p.re, err = regexp.Compile(source)
	return p, err
}

// longest is the longest text of the glob behind its first wildcard. It is part
// of every match, and of what is behind /usr/ in it.
func (p *pattern) longest() string {
	var best string
	rest := p.glob[len(p.prefix):]
	for rest != "" {
		if i := strings.Index(rest, ":"); rest[0] == '(' && i >= 0 {
			rest = rest[i:] // the group's name is no text
		}
		rest = rest[1:]
		text := rest[:min(len(rest), strings.IndexAny(rest+"?", "?*()"))]
		if len(text) > len(best) {
			best = text
		}
		rest = rest[len(text):]
	}
	return best
}

func firstWild(glob string) int {
	if i := strings.IndexAny(glob, "?*("); i >= 0 {
		return i
	}
	return len(glob)
}

// source is the glob as a regular expression, and collects the groups' names.
// Go's engine takes linear time whatever the expression, so no glob can hang.
func (p *pattern) source() (string, error) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	open := false
	for rest := p.glob; rest != ""; {
		var size int
		switch {
		case strings.HasPrefix(rest, "**"):
			b.WriteString(`.*`)
			size = 2
		case rest[0] == '*':
			b.WriteString(`[^/]*`)
			size = 1
		case rest[0] == '?':
			b.WriteString(`[^/]`)
			size = 1
		case rest[0] == '(':
			name, err := p.group(rest, open)
			if err != nil {
				return "", err
			}
			b.WriteByte('(')
			open, size = true, len(name)+2
		case rest[0] == ')':
			if !open {
				return "", errors.New("a ) without its (")
			}
			b.WriteByte(')')
			open, size = false, 1
		default:
			_, size = utf8.DecodeRuneInString(rest)
			b.WriteString(regexp.QuoteMeta(rest[:size]))
		}
		rest = rest[size:]
	}
	if open {
		return "", errors.New("a ( without its )")
	}
	b.WriteString(`\z`)
	return b.String(), nil
}

var groupName = regexp.MustCompile(`^\(([A-Za-z_][A-Za-z0-9_-]*):`)

func (p *pattern) group(rest string, open bool) (string, error) {
	if open {
		return "", errors.New("a group inside a group")
	}
	found := groupName.FindStringSubmatch(rest)
	if found == nil {
		return "", errors.New("a ( without name: behind it; ? stands for a bracket in a path")
	}
	for _, name := range p.names {
		if name == found[1] {
			return "", fmt.Errorf("two groups named %s", name)
		}
	}
	p.names = append(p.names, found[1])
	return found[1], nil
}

// match reports whether path matches, and what the groups took of it.
func (p *pattern) match(path string) (groups []string, ok bool) {
	if len(path) < len(p.prefix) || !strings.HasPrefix(path, p.prefix) || !strings.HasSuffix(path, p.suffix) {
		return nil, false
	}
	if len(p.names) == 0 {
		return nil, p.re.MatchString(path)
	}
	found := p.re.FindStringSubmatch(path)
	if found == nil {
		return nil, false
	}
	return found[1:], true
}

// expand puts what the groups took in place of $(name), once: text that came
// out of a path is never expanded again.
func (p *pattern) expand(text string, groups []string) string {
	if len(p.names) == 0 || !strings.Contains(text, "$(") {
		return text
	}
	var pairs []string
	for i, name := range p.names {
		pairs = append(pairs, "$("+name+")", groups[i])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
