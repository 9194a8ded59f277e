package tree

import (
	"errors"
	"fmt"
	"strings"
)

// maxPath and maxName are the kernel's PATH_MAX less the "/usr/" and archive
// prefixes that moss puts in front, and NAME_MAX (limits.h). A longer name
// would pass the plan and fail halfway through the blit.
const (
	maxPath = 4096 - 64
	maxName = 255
)

// ErrPath is what every refused path unwraps to.
var ErrPath = errors.New("path refused")

// PathError says which path of which package is refused, and why.
type PathError struct {
	Package string // "name version" as a person knows it, may be empty
	Path    string
	Why     string
}

func (e *PathError) Error() string {
	if e.Package == "" {
		return fmt.Sprintf("path %q refused: %s", shown(e.Path), e.Why)
	}
	return fmt.Sprintf("path %q of %s refused: %s", shown(e.Path), e.Package, e.Why)
}

// shown cuts a path that would fill the terminal.
func shown(path string) string {
	const most = 400
	if len(path) <= most {
		return path
	}
	return path[:most/2] + "..." + path[len(path)-most/2:]
}

func (e *PathError) Unwrap() error { return ErrPath }

// Hint tells the user that the package is at fault.
func (e *PathError) Hint() string {
	return "the package is broken or hostile; report it to whoever built it"
}

// CheckPath accepts a package path only if it names something strictly below
// /usr by plain components. Stones carry paths relative to /usr; whatever is
// not plain could leave it, or mean two things to two programs.
func CheckPath(path string) error {
	if why := pathFault(path); why != "" {
		return &PathError{Path: path, Why: why}
	}
	return nil
}

func pathFault(path string) string {
	switch {
	case path == "":
		return "empty"
	case path[0] == '/':
		return "absolute: it would leave /usr"
	case strings.HasSuffix(path, "/"):
		return "ends in a slash"
	case len(path) > maxPath:
		return fmt.Sprintf("longer than %d bytes", maxPath)
	case strings.ContainsAny(path, "\x00\n"):
		return "holds a NUL or a newline"
	case path == stateID:
		return "the name is kept for the state's own mark"
	}
	for part := range strings.SplitSeq(path, "/") {
		if why := partFault(part); why != "" {
			return why
		}
	}
	return ""
}

// stateID marks a sealed tree; a package that brought it along could make an
// unfinished tree look whole.
const stateID = ".stateID"

func partFault(part string) string {
	switch {
	case part == "":
		return "has an empty component"
	case part == "." || part == "..":
		return "has a component " + part
	case len(part) > maxName:
		return fmt.Sprintf("has a component longer than %d bytes", maxName)
	}
	return ""
}
