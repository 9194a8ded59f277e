package system

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"moss/internal/cmdline"
	"moss/store"
)

// Where the words of a kernel's command line come from; the vendor's folders are
// those of the state.
const (
	vendorLines = "/usr/lib/kernel/cmdline.d"
	adminLines  = "/etc/kernel/cmdline.d"
)

// words are a command line: the kernel's parameters, and what follows "--", which
// is for init. Each keeps its own quotes.
type words struct{ params, init []string }

// with is the line with a word of our own, which is the kernel's whatever follows.
// It is the last of the parameters, unless a loader would take the quotes of the
// first and the last word for quotes around it all.
func (w words) with(own string) []string {
	params := slices.Concat(w.params, []string{own})
	if len(w.init) == 0 {
		return params
	}
	if strings.HasPrefix(params[0], `"`) && strings.HasSuffix(w.init[len(w.init)-1], `"`) {
		params = slices.Concat([]string{own}, w.params)
	}
	return slices.Concat(params, []string{"--"}, w.init)
}

// parsed are the parameters as the kernel reads them.
func (w words) parsed() cmdline.Line { return cmdline.Parse(strings.Join(w.params, " ")) }

// snippets collects what a state's entry boots with: the vendor's snippets, those
// of the kernel, then the administrator's, each folder in the order of names. One
// of the administrator's that is empty or a link to /dev/null masks the vendor's
// of the same name; any other is added to it.
//
// A line that cannot stand on a command line is an error where the administrator
// wrote it. In a package it is left out with a warning: nobody could mend it, and
// the menu would be stuck for all states.
func (v view) snippets(version string, warn func(string)) (words, error) {
	var all words
	dirs := []string{vendorLines}
	if version != "" {
		dirs = append(dirs, kernelFolder(version))
	}
	theirs, own, err := v.unmasked(".cmdline", adminLines, dirs...)
	if err != nil {
		return all, err
	}
	for i, path := range append(slices.Concat(theirs...), own...) {
		file, err := v.real(path)
		if err != nil {
			return all, fmt.Errorf("read kernel command line: %w", err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return all, fmt.Errorf("read kernel command line: %w", err)
		}
		found, wrong := snippet(string(text))
		for _, line := range wrong {
			said := fmt.Sprintf("kernel command line: %s: %v", v.at(path), line)
			if i >= len(slices.Concat(theirs...)) {
				return all, &store.RefusedError{What: said, Advice: "mend the line, or take the file away"}
			}
			warn(said + "; the line is left out")
		}
		all.params, all.init = append(all.params, found.params...), append(all.init, found.init...)
	}
	return all, nil
}

// snippet reads one file: words, comments from "#" at the start of a line, and
// from a word "--" on what is for init. It also says which lines cannot be used.
func snippet(text string) (found words, wrong []error) {
	into, number := &found.params, 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		split, err := splitLine(line)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("line %d %w", number, err))
			continue
		}
		for _, word := range split {
			if into == &found.params && endsParameters(word) {
				into = &found.init
				continue
			}
			*into = append(*into, word)
		}
	}
	return found, wrong
}

// splitLine cuts a line where the kernel will, and refuses what would mean
// something else to it once more words follow.
func splitLine(line string) ([]string, error) {
	for _, r := range line {
		if r != '\t' && (r < ' ' || r == 0x7f) {
			return nil, fmt.Errorf("holds the control character %q", r)
		}
		if r > unicode.MaxASCII {
			return nil, fmt.Errorf("holds %q: what is not ASCII need not arrive at the kernel as it was written", r)
		}
	}
	split, closed := rawWords(line)
	if !closed {
		return nil, errors.New("holds a quote that is not closed")
	}
	return split, nil
}

// rawWords cuts at the blanks outside quotes, as next_arg of lib/cmdline.c does,
// and leaves the quotes.
func rawWords(line string) (split []string, closed bool) {
	quoted := false
	start := -1
	for i := range len(line) {
		c := line[i]
		if (c == ' ' || c >= '\t' && c <= '\r') && !quoted {
			if start >= 0 {
				split = append(split, line[start:i])
			}
			start = -1
			continue
		}
		if start < 0 {
			start = i
		}
		if c == '"' {
			quoted = !quoted
		}
	}
	if start >= 0 {
		split = append(split, line[start:])
	}
	return split, !quoted
}

// endsParameters: the word is "--", however it is quoted.
func endsParameters(word string) bool { return len(cmdline.Parse(word).Params) == 0 }

// keyOf is a word's key in one spelling.
func keyOf(word string) string {
	line := cmdline.Parse(word)
	if len(line.Params) == 0 {
		return ""
	}
	return cmdline.Underscore(line.Params[0].Key)
}
