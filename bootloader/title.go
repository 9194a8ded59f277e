package bootloader

import (
	"fmt"
	"strings"
)

// Lengths of a title: firmware consoles have 80 columns, and the loader cuts
// what does not fit. What tells states apart comes first.
const (
	maxOSName = 40
	maxTitle  = 100
)

// title is what a person sees: "Debian GNU/Linux 12 (bookworm), state 3,
// 2026-11-22 03:30, install nano". The time is UTC, or a change of the time zone
// would rewrite the whole menu.
func title(s State, k Kernel) string {
	parts := []string{clip(plain(s.OSName), maxOSName), fmt.Sprintf("state %d", s.ID)}
	if parts[0] == "" {
		parts[0] = "Linux"
	}
	if !s.Created.IsZero() {
		parts = append(parts, s.Created.UTC().Format("2006-01-02 15:04"))
	}
	if version := plain(k.Version); version != "" && len(s.Kernels) > 1 {
		parts = append(parts, "kernel "+version)
	}
	if summary := plain(s.Summary); summary != "" {
		parts = append(parts, summary)
	}
	return clip(strings.Join(parts, ", "), maxTitle)
}

// plain is text as every firmware can show it: printable ASCII without quotes,
// single blanks. The loader would drop quotes around a whole title.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < ' ' || r == 0x7f || r == 0x85 || r == 0xa0:
			return ' '
		case r > '~':
			return '?'
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.TrimRight(text[:limit-3], " ,") + "..."
}

// rescueTitle tells the rescue entry from the states.
func rescueTitle(newest State, k Kernel) string {
	name := clip(plain(newest.OSName), maxOSName)
	if name == "" {
		name = "Linux"
	}
	return clip(name+", rescue shell, kernel "+plain(k.Version), maxTitle)
}
