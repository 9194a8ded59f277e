package activate

import (
	"strconv"
	"strings"
	"unicode"
)

// CannotBoot says why a tree cannot be booted, in one line that may be printed
// as it is: names from the tree are quoted where they hold control characters.
type CannotBoot struct {
	// Path is where the fault lies, as the booted system would name it.
	Path string
	// Reason is a clause that continues Path.
	Reason string
	// OtherKernel is set when nothing is wrong with the tree except that it has
	// no modules for the kernel asked about; under another one it may boot.
	OtherKernel bool

	err error
}

// Error is the path and the reason.
func (c *CannotBoot) Error() string { return Show(c.Path) + " " + c.Reason }

// Unwrap is ErrUnsealed for an unsealed tree, fs.ErrNotExist for something
// missing, an error of the system, or nil.
func (c *CannotBoot) Unwrap() error { return c.err }

// longestShown is the longest name that Show prints whole, in bytes.
const longestShown = 300

// Show makes a name from a disk fit for a console: quoted when it has blanks or
// anything unprintable, cut when it is very long.
func Show(name string) string {
	if len(name) > longestShown {
		name = name[:longestShown] + "…"
	}
	odd := func(r rune) bool { return !unicode.IsGraphic(r) || r == unicode.ReplacementChar || unicode.IsSpace(r) }
	if name == "" || strings.ContainsFunc(name, odd) {
		return strconv.Quote(name)
	}
	return name
}
