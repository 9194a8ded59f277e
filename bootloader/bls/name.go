// Package bls reads and writes Boot Loader Specification type #1 entries
// (loader/entries/*.conf) and predicts what systemd-boot makes of them: which
// it shows, in which order, and which it starts.
//
// The rules are those of systemd-boot 252 (src/boot/efi/boot.c of that line),
// the oldest loader that is supported; where a later one differs, the comment
// says so. The specification is the Boot Loader Specification 1 of the UAPI
// group; where the loader and the text disagree, the loader wins, because it is
// the loader that boots the machine.
package bls

import (
	"math"
	"strconv"
	"strings"
)

// Suffix ends the file name of every entry.
const Suffix = ".conf"

// Name is an entry's file name taken apart. The loader renames counted entries
// while it boots, so only the stem says which entry it is.
type Name struct {
	// Stem is everything before the counter and the suffix.
	Stem string
	// Counted says that the name carries boot counters.
	Counted bool
	// Left and Done are the tries that remain and those made, 0 to 2147483647.
	Left, Done uint
}

// Bad says that no tries are left: the loader sorts such an entry last.
func (n Name) Bad() bool { return n.Counted && n.Left == 0 }

// File is the name as the loader writes it: stem, "+left", "-done" unless it is
// 0, ".conf".
func (n Name) File() string {
	if !n.Counted {
		return n.Stem + Suffix
	}
	name := n.Stem + "+" + strconv.FormatUint(uint64(n.Left), 10)
	if n.Done > 0 {
		name += "-" + strconv.FormatUint(uint64(n.Done), 10)
	}
	return name + Suffix
}

// ParseName takes apart the name of a file in loader/entries. It is false for a
// name the loader skips: hidden, without the suffix (in any case), or beginning
// with "auto-", which it keeps for entries it makes up itself.
//
// Any character is accepted, as the loader does; the specification's own set is
// checked when an entry is written.
func ParseName(file string) (Name, bool) {
	body := len(file) - len(Suffix)
	if body < 0 || !strings.EqualFold(file[body:], Suffix) {
		return Name{}, false
	}
	if file[0] == '.' || strings.HasPrefix(file, "auto-") {
		return Name{}, false
	}
	// Only the last plus can begin a counter.
	plus := strings.LastIndexByte(file, '+')
	if plus < 0 || plus > body {
		return Name{Stem: file[:body]}, true
	}
	left, done, ok := counters(file[plus+1 : body])
	if !ok {
		return Name{Stem: file[:body]}, true
	}
	return Name{Stem: file[:plus], Counted: true, Left: left, Done: done}, true
}

func counters(text string) (left, done uint, ok bool) {
	first, second, both := strings.Cut(text, "-")
	left, ok = counter(first)
	if ok && both {
		done, ok = counter(second)
	}
	return left, done, ok
}

// counter wants digits only: ParseUint alone would take a sign or underscores.
func counter(text string) (uint, bool) {
	if strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	value, err := strconv.ParseUint(text, 10, 64)
	return uint(value), err == nil && value <= math.MaxInt32
}

// lower folds ASCII only, as the loader folds ids and patterns.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
