package cmdline

// next takes one parameter off the front of args, which is not empty and has no
// leading blanks.
func next(args string) (p Param, rest string) {
	quoted := args[0] == '"'
	if quoted {
		args = args[1:]
	}
	end, equals := scan(args, quoted)
	word := args[:end]
	closed := end > 0 && word[end-1] == '"'
	if quoted && closed {
		word = word[:end-1]
	}
	p = split(word, equals, closed && !quoted)
	if end < len(args) {
		end++
	}
	return p, skipBlanks(args[end:])
}

// scan finds the end of the first word and its first "=". An "=" at index 0
// does not count: the kernel uses 0 for "none yet".
func scan(args string, inQuote bool) (end, equals int) {
	for end = 0; end < len(args); end++ {
		c := args[end]
		if isBlank(c) && !inQuote {
			break
		}
		if c == '=' && equals == 0 {
			equals = end
		}
		if c == '"' {
			inQuote = !inQuote
		}
	}
	return end, equals
}

// split cuts a word at its "=" and takes the quotes off a value that starts
// with one. A lone quote (x=") leaves an empty value.
func split(word string, equals int, closed bool) Param {
	if equals == 0 {
		return Param{Key: word}
	}
	p := Param{Key: word[:equals], Value: word[equals+1:], HasValue: true}
	if p.Value == "" || p.Value[0] != '"' {
		return p
	}
	p.Value = p.Value[1:]
	if closed && p.Value != "" {
		p.Value = p.Value[:len(p.Value)-1]
	}
	return p
}

func skipBlanks(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	return s
}

// isBlank is the kernel's isspace (lib/ctype.c), which besides the six of ASCII
// counts the byte 0xA0, Latin-1's no-break space.
func isBlank(c byte) bool {
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xA0
}
