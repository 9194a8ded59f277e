package bls

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Format writes the entry so that every loader reads back what was meant: one
// space after a key, no blank line, no comment, always the same order. Name,
// File, Hidden and Missing are no part of the text.
//
// It fails on a value that a loader would read differently: empty where it
// counts, with control characters, with blanks or a pair of quotes around it.
func (e Entry) Format() ([]byte, error) {
	if (e.Linux == "") == (e.EFI == "") {
		return nil, fmt.Errorf("format entry %s: want either linux or efi", e.File)
	}
	var out writer
	out.text("title", e.Title)
	out.text("version", e.Version)
	out.ascii("machine-id", e.MachineID)
	out.ascii("sort-key", e.SortKey)
	out.ascii("architecture", e.Architecture)
	out.ascii("linux", e.Linux)
	out.ascii("efi", e.EFI)
	for _, initrd := range e.Initrd {
		out.must("initrd", initrd)
	}
	out.ascii("devicetree", e.DeviceTree)
	for _, options := range e.Options {
		out.must("options", options)
	}
	if out.err != nil {
		return nil, fmt.Errorf("format entry %s: %w", e.File, out.err)
	}
	return out.buf.Bytes(), nil
}

// writer collects lines and keeps the first error.
type writer struct {
	buf bytes.Buffer
	err error
}

// text writes a line unless the value is empty.
func (w *writer) text(key, value string) {
	if value == "" {
		return
	}
	if err := checkText(value); err != nil && w.err == nil {
		w.err = fmt.Errorf("%s %q: %w", key, value, err)
	}
	fmt.Fprintf(&w.buf, "%s %s\n", key, value)
}

// ascii is text for what the loader turns into UCS-2 and the firmware or the
// kernel reads as bytes again: outside ASCII nobody promises what arrives.
func (w *writer) ascii(key, value string) {
	if strings.IndexFunc(value, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 && w.err == nil {
		w.err = fmt.Errorf("%s %q: not ASCII", key, value)
	}
	w.text(key, value)
}

// must is ascii for repeatable keys, where an empty element is a mistake and
// not an absent key.
func (w *writer) must(key, value string) {
	if value == "" && w.err == nil {
		w.err = fmt.Errorf("%s: empty", key)
	}
	w.ascii(key, value)
}

func checkText(value string) error {
	switch {
	case !utf8.ValidString(value):
		return errors.New("not UTF-8")
	case strings.IndexFunc(value, unprintable) >= 0:
		return errors.New("has a character that a boot menu cannot show")
	case strings.Trim(value, blank) != value:
		return errors.New("begins or ends with a blank")
	case unquote(value) != value:
		return errors.New("would lose its quotes")
	}
	return nil
}

// unprintable: control characters end a line or a string, and the loader drops
// everything beyond the basic plane.
func unprintable(r rune) bool { return unicode.IsControl(r) || r > 0xffff }

// CheckName says why a file name is not fit to be written: the specification
// allows ASCII letters, digits and "+-_." in at most 255 characters, and here
// capitals are refused too, because the loader folds ids to lower case. What
// remains must be read back as the same name.
func CheckName(name Name) error {
	file := name.File()
	if strings.Trim(file, "abcdefghijklmnopqrstuvwxyz0123456789+-_.") != "" {
		return fmt.Errorf("check entry name %s: only a-z, 0-9 and any of +-_. are allowed in it", file)
	}
	if len(file) > 255 {
		return fmt.Errorf("check entry name %s: %d characters, at most 255 are allowed", file, len(file))
	}
	if got, ok := ParseName(file); !ok || got != name {
		return fmt.Errorf("check entry name %s: the loader would not read it as it is meant", file)
	}
	return nil
}
