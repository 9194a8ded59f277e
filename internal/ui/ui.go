// Package ui is how the programs speak to people and to scripts: tables, JSON,
// and errors of one line with what to do next.
package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// JSON writes v indented, with a line end; HTML escaping is off because file
// names hold & and <.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// UsageError is a mistake in the words of a command, not in what they ask for.
type UsageError struct {
	Err    error
	Advice string
}

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Hint says where the right words are.
func (e *UsageError) Hint() string { return e.Advice }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{Err: fmt.Errorf(format, args...)}
}

// Hint is what the error itself says should be done next, or "".
func Hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// Details are the lines with which an error explains itself further, if it can.
func Details(err error) []string {
	var d interface{ Lines() []string }
	if errors.As(err, &d) {
		return d.Lines()
	}
	return nil
}

// Fail reports err: one line and a hint for people, with the details between if
// the error has any; one object for scripts.
func Fail(w io.Writer, program string, err error, code int, asJSON bool) {
	if asJSON {
		report := struct {
			Error   string   `json:"error"`
			Code    int      `json:"code"`
			Hint    string   `json:"hint"`
			Details []string `json:"details,omitempty"`
		}{oneLine(err.Error()), code, Hint(err), Details(err)}
		_ = JSON(w, report) // nobody is left to tell when stderr is gone
		return
	}
	fmt.Fprintf(w, "%s: %s\n", program, Printable(oneLine(err.Error())))
	for _, line := range Details(err) {
		fmt.Fprintf(w, "  %s\n", Printable(line))
	}
	if hint := Hint(err); hint != "" {
		fmt.Fprintf(w, "  next: %s\n", Printable(oneLine(hint)))
	}
}

func oneLine(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ") }

// Bytes is a size for people: binary units, one decimal from 1 KiB on.
func Bytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/1024, 0
	for size >= 1024 && unit < 5 {
		size, unit = size/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", size, "KMGTPE"[unit])
}
