package usrmerge

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	keyRollout  = "rollout"
	keyOptIn    = "opt-in"
	keyReady    = "ready"
	keyComplete = "complete"
	keyOrphans  = "orphans"
	keyDirs     = "dirs"
)

// set takes one line; admin says whether it stands in /etc, again whether this
// file had the key before.
func (c *Config) set(key, value string, admin, again bool) (err error) {
	switch key {
	case keyRollout:
		c.Rollout, err = parseThreshold(value)
	case keyOptIn:
		c.OptIn, err = parseOptIn(value, admin)
	case keyReady:
		var one string
		if one, err = plainPath(value); err == nil && !again {
			c.Ready = nil // the vendor's do not count any more
		}
		c.Ready = append(slices.Clip(c.Ready), one)
	case keyComplete:
		c.Complete, err = lastingPath(value)
	case keyOrphans:
		c.Orphans, err = lastingPath(value)
	case keyDirs:
		c.Dirs, err = dirNames(value)
	default:
		return fmt.Errorf("%q: no such key; want rollout, opt-in, ready, complete, orphans or dirs", key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// parseThreshold reads digits and nothing else: 08, +8 and 0x8 are slips that would
// let a part of all machines in, or out.
func parseThreshold(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > Everyone || strconv.Itoa(n) != value {
		return 0, fmt.Errorf("%q: want a number from 0 (nobody) to 256 (everyone)", value)
	}
	return n, nil
}

func parseOptIn(value string, admin bool) (bool, error) {
	if !admin {
		return false, errors.New("only counts in /" + AdminConfig + ": for all machines say rollout=256")
	}
	if value != "yes" && value != "no" {
		return false, fmt.Errorf("%q: want yes or no", value)
	}
	return value == "yes", nil
}

func plainPath(value string) (string, error) {
	switch {
	case !path.IsAbs(value):
		return "", fmt.Errorf("%q: want an absolute path", value)
	case path.Clean(value) != value || value == "/":
		return "", fmt.Errorf("%q: want a plain path, without . or .. or doubled /", value)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", fmt.Errorf("%q: a control character in a path", value)
	case strings.Contains(value, " #"):
		return "", fmt.Errorf("%q: a comment needs a line of its own", value)
	}
	return value, nil
}

// lastingPath is a path that a merge does not move and that a change of /usr does not
// take away.
func lastingPath(value string) (string, error) {
	value, err := plainPath(value)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(value[1:], "/")
	if first == "usr" || topName(first) {
		return "", fmt.Errorf("%q: must not lie in /%s, which is what changes; /var is a good place", value, first)
	}
	return value, nil
}

// dirNames are the top folders to merge. All of the usual ones must be among them,
// or the complete marker would be written on systems that are not merged; those
// that a system lacks cost nothing.
func dirNames(value string) ([]string, error) {
	var all []string
	for _, word := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		word = strings.TrimPrefix(word, "/")
		if !topName(word) && word != "usr/sbin" {
			return nil, fmt.Errorf("%q: want names such as bin, sbin, lib, lib64, libx32 or usr/sbin", word)
		}
		if slices.Contains(all, word) {
			return nil, fmt.Errorf("%s is said twice", word)
		}
		all = append(all, word)
	}
	for _, usual := range DefaultDirs() {
		if !slices.Contains(all, usual) {
			return nil, fmt.Errorf("%s is not among them, and a system is merged only when all are; want %s and more", usual, strings.Join(DefaultDirs(), " "))
		}
	}
	return all, nil
}

// topName: bin, sbin, lib and libQUAL (Filesystem Hierarchy Standard 3.0, 3.9).
func topName(name string) bool {
	qualifier, isLib := strings.CutPrefix(name, "lib")
	return name == "bin" || name == "sbin" || isLib && len(qualifier) <= 16 && strings.Trim(qualifier, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}
