// Package extlinux lets boot loaders without UEFI start the menu: it writes the
// type #1 entries once more, in the language of EXTLINUX and SYSLINUX, which
// U-Boot reads too.
//
// The entries are in a file of their own beside the loader's configuration and
// reach it by an INCLUDE line. A configuration that is there is never changed;
// only where there is none one is made, with that line. These loaders count no
// boots and read no variables: the first entry of the menu's order is the
// default, and falling back is left to early boot.
package extlinux

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"moss/bootloader/bls"
)

// maxCommandLine is what the kernel of a PC takes, and what SYSLINUX 6 hands
// over, without the NUL.
const maxCommandLine = 2047

// Text is the file of entries. The entries come in the order of the menu, those
// without tries last. Prefix is the folder of $BOOT on its file system, "" when
// $BOOT is a partition of its own. An entry that cannot be said in this language
// is left out, with the reason.
func Text(entries []bls.Entry, prefix string) (text []byte, leftOut []string) {
	entries = slices.Clone(entries)
	bls.Sort(entries)
	var body strings.Builder
	first := ""
	for _, e := range entries {
		label, lines, err := block(e, prefix)
		if err != nil {
			leftOut = append(leftOut, fmt.Sprintf("%s: %v", e.File, err))
			continue
		}
		if first == "" {
			first = label
		}
		body.WriteString("\n" + lines)
	}
	head := "# Written by moss-boot at each sync; changes are lost.\n"
	if first != "" {
		head += "# A DEFAULT line after the INCLUDE of this file wins over this one.\nDEFAULT " + first + "\n"
	}
	return []byte(head + body.String()), leftOut
}

func block(e bls.Entry, prefix string) (label, lines string, err error) {
	switch {
	case e.Linux == "":
		return "", "", fmt.Errorf("it starts no Linux kernel")
	case e.Hidden != "":
		return "", "", fmt.Errorf("%s", e.Hidden)
	case len(e.Missing) > 0:
		return "", "", fmt.Errorf("no file %s", strings.Join(e.Missing, ", "))
	}
	label = e.Name.Stem
	var initrds []string
	for _, initrd := range e.Initrd {
		initrds = append(initrds, at(prefix, initrd))
	}
	options := strings.Join(e.Options, " ")
	for _, word := range append([]string{label, at(prefix, e.Linux)}, initrds...) {
		if strings.ContainsAny(word, " \t\r\n,\x00") {
			return "", "", fmt.Errorf("%q has a blank or a comma", word)
		}
	}
	if strings.ContainsAny(options+e.Title, "\r\n\x00") {
		return "", "", fmt.Errorf("its options have more than one line")
	}
	all := strings.Join(initrds, ",")
	if n := len("initrd= ") + len(all) + len(options); n > maxCommandLine {
		return "", "", fmt.Errorf("its command line has %d characters, the kernel keeps %d", n, maxCommandLine)
	}
	lines = "LABEL " + label + "\n\tMENU LABEL " + strings.ReplaceAll(title(e), "^", "") + "\n\tLINUX " + at(prefix, e.Linux) + "\n"
	if all != "" {
		lines += "\tINITRD " + all + "\n"
	}
	// A lone hyphen keeps out what a line before the first label appends to all.
	if options == "" {
		options = "-"
	}
	return label, lines + "\tAPPEND " + options + "\n", nil
}

// title: a caret would mark a key of the menu.
func title(e bls.Entry) string {
	if e.Title == "" {
		return e.Name.Stem
	}
	return e.Title
}

func at(prefix, file string) string { return path.Join("/", prefix, bls.Path(file)) }

// Default is the label that a file of entries starts by itself, "" for none.
func Default(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if label, ok := strings.CutPrefix(line, "DEFAULT "); ok {
			return strings.TrimSpace(label)
		}
	}
	return ""
}
