package deb

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Control is what a package says about itself, without the versions that its
// relations carry: stones have none.
type Control struct {
	Package      string // [A-Za-z0-9][A-Za-z0-9+.-]*, checked
	Source       string // source package; the package's own name when it says none
	Version      string // [epoch:]upstream[-revision], charset checked
	Architecture string
	Summary      string // one line
	Description  string // paragraphs separated by empty lines; may be empty
	Homepage     string
	Depends      []Clause // Pre-Depends, then Depends
	Provides     []string
	Conflicts    []string     // Conflicts and Breaks that hold for every version
	Capabilities []Capability // what postinst would give to files with setcap
	Notes        []string     // what was in a script and could not be understood
}

// Clause is one dependency as its alternatives, the preferred one first.
type Clause []string

// maxFile bounds the control file and the script that are held in memory; the
// largest control file in Debian 12 has 20 kB, the largest postinst 60 kB.
const maxFile = 1 << 20

// Control reads the control part. No script is run; of postinst only the
// setcap calls are read (see Capability).
func (d *File) Control() (Control, error) {
	var control, postinst []byte
	seen := false
	err := walk(d.f, d.control, maxControl, func(h *tar.Header, r io.Reader) (err error) {
		switch path.Clean(h.Name) {
		case "control":
			seen = true
			control, err = readSmall(h, r)
		case "postinst":
			postinst, err = readSmall(h, r)
		}
		return err
	})
	if err == nil && !seen {
		err = fmt.Errorf("read %s: no control file in it", d.control.name)
	}
	if err != nil {
		return Control{}, err
	}
	c, err := parseControl(string(control))
	if err != nil {
		return Control{}, fmt.Errorf("parse control file: %w", err)
	}
	c.Capabilities, c.Notes = scriptCapabilities(string(postinst))
	return c, nil
}

func readSmall(h *tar.Header, r io.Reader) ([]byte, error) {
	if h.Typeflag != tar.TypeReg || h.Size > maxFile {
		return nil, fmt.Errorf("%s: not a regular file of at most %d bytes", h.Name, maxFile)
	}
	return io.ReadAll(r)
}

func parseControl(text string) (Control, error) {
	f, err := parseFields(text)
	if err != nil {
		return Control{}, err
	}
	c := Control{
		Package: f["package"], Version: f["version"], Architecture: f["architecture"],
		Homepage: oneLine(f["homepage"]),
	}
	if !isName(c.Package) {
		return Control{}, fmt.Errorf("package name %q is not allowed", c.Package)
	}
	if !isVersion(c.Version) {
		return Control{}, fmt.Errorf("version %q is not allowed", c.Version)
	}
	if !isName(c.Architecture) {
		return Control{}, fmt.Errorf("architecture %q is not allowed", c.Architecture)
	}
	// "Source: glibc (2.36-9)" names the version where it differs.
	c.Source, _, _ = strings.Cut(oneLine(f["source"]), " ")
	if c.Source == "" {
		c.Source = c.Package
	}
	c.Summary, c.Description = description(f["description"])
	return c, relations(&c, f)
}

// parseFields reads one stanza (deb822(5)): names in lower case, continuation
// lines kept with their line breaks, comments dropped.
func parseFields(text string) (map[string]string, error) {
	fields := map[string]string{}
	last := ""
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch {
		case strings.ContainsRune(line, 0):
			return nil, errors.New("a NUL byte in it")
		case strings.TrimSpace(line) == "":
			return nil, errors.New("an empty line in it")
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if last == "" {
				return nil, fmt.Errorf("line %q continues nothing", line)
			}
			fields[last] += "\n" + line[1:]
		default:
			name, value, ok := strings.Cut(line, ":")
			last = strings.ToLower(name)
			if _, again := fields[last]; again || !ok || name == "" {
				return nil, fmt.Errorf("line %q is no new field", line)
			}
			fields[last] = strings.TrimSpace(value)
		}
	}
	return fields, nil
}

// description splits the field into its synopsis and its text, in which a lone
// dot stands for an empty line.
func description(field string) (summary, text string) {
	summary, text, _ = strings.Cut(field, "\n")
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if lines[i] = strings.TrimRight(l, " \t"); lines[i] == "." {
			lines[i] = ""
		}
	}
	return summary, strings.TrimSpace(strings.Join(lines, "\n"))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// isName accepts what dpkg accepts: no slash, nothing that a shell or a file
// name would read differently.
func isName(s string) bool {
	return s != "" && s[0] != '-' && s[0] != '.' && s[0] != '+' && only(s, "+.-")
}

// isVersion holds deb-version(7)'s characters; a digit comes first.
func isVersion(s string) bool {
	return s != "" && s[0] >= '0' && s[0] <= '9' && only(s, "+.-~:")
}

func only(s, marks string) bool {
	return len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(marks, r))
	})
}
