package deb

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// scriptCapabilities finds the setcap calls of a maintainer script. A call that
// it cannot read becomes a note: whoever packs must hear that a program may
// lack its capability.
func scriptCapabilities(script string) (caps []Capability, notes []string) {
	assign := regexp.MustCompile(`^\s*([A-Za-z_]\w*)=["']?(?:\$\(\s*dpkg-divert\s+--truename\s+)?(/[^\s"'$;&|)]+)\)?["']?\s*;?\s*$`)
	paths := map[string]string{}
	for line := range strings.SplitSeq(strings.ReplaceAll(script, "\\\n", " "), "\n") {
		if m := assign.FindStringSubmatch(line); m != nil {
			paths[m[1]] = m[2]
			continue
		}
		for _, args := range setcapCalls(words(line)) {
			c, err := readSetcap(args, paths)
			if err != nil {
				notes = append(notes, fmt.Sprintf("postinst: setcap %s: %v", strings.Join(args, " "), err))
				continue
			}
			caps = append(caps, c)
		}
	}
	return caps, notes
}

func readSetcap(args []string, paths map[string]string) (Capability, error) {
	args = slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "-q" })
	if len(args) != 2 {
		return Capability{}, fmt.Errorf("want a specification and a path")
	}
	path := args[1]
	if name, ok := strings.CutPrefix(path, "$"); ok {
		path = paths[strings.Trim(name, "{}")]
	}
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "$`*?[") {
		return Capability{}, fmt.Errorf("path is not literal")
	}
	value, err := encodeCapability(args[0])
	return Capability{Path: path, Value: value}, err
}

// setcapCalls gives the arguments of each setcap that stands where a shell
// looks for a command: "command -v setcap" is none.
func setcapCalls(line []string) (calls [][]string) {
	command := true
	for i := 0; i < len(line); i++ {
		w := line[i]
		switch {
		case isSeparator(w):
			command = true
			continue
		case command && slices.Contains([]string{"if", "then", "else", "elif", "do", "while", "until", "!"}, w):
			continue
		case command && w[strings.LastIndex(w, "/")+1:] == "setcap":
			end := i + 1
			for end < len(line) && !isSeparator(line[end]) {
				end++
			}
			calls = append(calls, withoutRedirections(line[i+1:end]))
			i = end - 1
		}
		command = false
	}
	return calls
}

func isSeparator(w string) bool {
	return slices.Contains([]string{";", "&", "|", "(", ")", "{", "}"}, w)
}

// withoutRedirections drops "2>/dev/null" and "> file".
func withoutRedirections(args []string) (kept []string) {
	for i := 0; i < len(args); i++ {
		at := strings.IndexAny(args[i], "<>")
		if at < 0 {
			kept = append(kept, args[i])
		} else if strings.HasSuffix(args[i], ">") || strings.HasSuffix(args[i], "<") {
			i++
		}
	}
	return kept
}

// words splits a line of shell into words without their quotes, and operators.
// Expansions stay as they are written.
func words(line string) (all []string) {
	var word strings.Builder
	open, quote := false, rune(0)
	flush := func() {
		if open {
			all = append(all, word.String())
		}
		word.Reset()
		open = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t' || r == '\r':
			flush()
		case r == '#' && !open:
			return all
		case strings.ContainsRune(";&|()", r):
			flush()
			all = append(all, string(r))
		default:
			word.WriteRune(r)
			open = true
		}
	}
	flush()
	return all
}
