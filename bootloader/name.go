package bootloader

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// Everything of one installation is named after its owner token, so that a glob
// and a person can tell whose it is:
//
//	loader/entries/moss-<token>-<state>-<kernel>_.conf
//	loader/entries/moss-<token>-rescue-<kernel>_.conf
//	moss-<token>/<32 digits of SHA-256>.linux
//	moss-<token>/<32 digits of SHA-256>.initrd
//
// The underscore ends the stem. A kernel's version never contains one here, so
// no stem is the beginning of another and "<stem>*.conf" matches one entry with
// or without counters. (6.1 and 6.1.5 of one state would be a pair otherwise.)

func folderName(token string) string { return "moss-" + token }

func stem(token string, state uint64, kernel string) string {
	return folderName(token) + "-" + strconv.FormatUint(state, 10) + "-" + slug(kernel) + "_"
}

// Pattern matches the entries of one state in LoaderEntryDefault,
// LoaderEntryOneShot and loader.conf. With several kernels the loader takes the
// first in its order: the newest that has tries left.
func Pattern(token string, state uint64) string {
	return folderName(token) + "-" + strconv.FormatUint(state, 10) + "-*"
}

// everything matches the entries of all states of one installation. That for
// rescue is none of them: once no state has tries left, the loader is to start a
// state all the same.
func everything(token string) string { return folderName(token) + "-[0-9]*" }

// isEverything: also as it was written before.
func isEverything(token, setting string) bool {
	return equalFold(setting, everything(token)) || equalFold(setting, folderName(token)+"-*")
}

const rescueWord = "rescue"

func rescueStem(token, kernel string) string {
	return folderName(token) + "-" + rescueWord + "-" + slug(kernel) + "_"
}

func isRescue(token, stem string) bool {
	rest, ok := strings.CutPrefix(stem, folderName(token)+"-"+rescueWord+"-")
	return ok && strings.IndexByte(rest, '_') == len(rest)-1
}

// stateOf reads the state out of an entry's stem or of a Pattern; false for what
// was not named here.
func stateOf(token, name, end string) (uint64, bool) {
	rest, ok := strings.CutPrefix(name, folderName(token)+"-")
	if !ok || !strings.HasSuffix(rest, end) {
		return 0, false
	}
	digits, rest, ok := strings.Cut(rest, "-")
	id, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || id == 0 || digits[0] == '0' {
		return 0, false
	}
	return id, strings.IndexAny(rest, "_*") == len(rest)-1
}

const maxSlug = 80

var slugForm = regexp.MustCompile(`^[a-z0-9.-]{1,80}$`)

// slug makes a file name of a kernel's version. A version that has to be changed
// for it gets eight digits of its hash, or two versions might become one.
func slug(kernel string) string {
	if slugForm.MatchString(kernel) {
		return kernel
	}
	hash := sha256.Sum256([]byte(kernel))
	safe := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '.', r == '-':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '.'
	}, kernel)
	return safe[:min(len(safe), maxSlug-9)] + "." + hex.EncodeToString(hash[:4])
}

const (
	linuxSuffix  = ".linux"
	initrdSuffix = ".initrd"
)

var (
	contentForm = regexp.MustCompile(`^[0-9a-f]{32}\.(linux|initrd)$`)
	// tempForm is what the atomic writer leaves when it dies between making its
	// file and renaming it.
	tempForm = regexp.MustCompile(`^\.(.+)\.tmp-[0-9]+$`)
)

// contentName: half of a SHA-256 is 128 bits, enough against collisions that
// nobody makes on purpose, and short enough to read.
func contentName(c Content, suffix string) string { return c.Hash[:32] + suffix }
