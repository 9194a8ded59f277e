package bls

import "unicode/utf8"

// Match says whether the loader takes id for pattern, as LoaderEntryDefault,
// LoaderEntryOneShot and "default" of loader.conf give one: "*", "?", "[a-z]"
// and a backslash before a character that is to mean itself. There is no
// negation; "!" and "^" in brackets are ordinary. Both sides are folded to
// lower case (efi_fnmatch and its callers).
func Match(pattern, id string) bool {
	return match([]rune(lower(pattern)), []rune(lower(id)))
}

// match needs no recursion: after a star the first place where the next piece
// fits is as good as any other.
func match(pattern, id []rune) bool {
	first := true
	for {
		rest, tail, star, ok := piece(pattern, id)
		switch {
		case star:
			pattern, id, first = rest, tail, false
		case ok:
			return true
		case first || len(id) == 0:
			return false
		default:
			id = id[1:]
		}
	}
}

// piece matches up to the next star. Without one, ok says that pattern and id
// ended together.
func piece(pattern, id []rune) (rest, tail []rune, star, ok bool) {
	for len(pattern) > 0 {
		if pattern[0] == '*' {
			return pattern[1:], id, true, false
		}
		if len(id) == 0 {
			return nil, nil, false, false
		}
		if pattern, ok = one(pattern, id[0]); !ok {
			return nil, nil, false, false
		}
		id = id[1:]
	}
	return nil, nil, false, len(id) == 0
}

// one matches a single character and returns what is left of the pattern.
func one(pattern []rune, c rune) ([]rune, bool) {
	switch pattern[0] {
	case '?':
		return pattern[1:], true
	case '[':
		return set(pattern[1:], c)
	case '\\':
		if len(pattern) < 2 {
			return nil, false
		}
		return pattern[2:], pattern[1] == c
	}
	return pattern[1:], pattern[0] == c
}

// set matches c against the inside of brackets. A closing bracket that comes
// first is an ordinary character, so is a hyphen at either end or after a range.
func set(pattern []rune, c rune) ([]rune, bool) {
	found, ranges, previous := false, true, utf8.RuneError
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\':
			if i++; i == len(pattern) {
				return nil, false
			}
			found = found || pattern[i] == c
			ranges = true
		case pattern[i] == ']' && i > 0:
			return pattern[i+1:], found
		case pattern[i] == '-' && ranges && i > 0 && i+1 < len(pattern) && pattern[i+1] != ']':
			if i++; pattern[i] == '\\' {
				i++
			}
			if i == len(pattern) {
				return nil, false
			}
			found = found || previous <= c && c <= pattern[i]
			ranges = false
		default:
			found = found || pattern[i] == c
			ranges = true
		}
		previous = pattern[i]
	}
	return nil, false
}
