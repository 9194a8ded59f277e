package usrmerge

import (
	"fmt"
	"strings"
)

// SetOptIn writes opt-in=yes into the administrator's file, or takes the line out
// of it. Every other line stays as it is. A file that cannot be understood is a
// *ConfigError and stays too. What was written survives a power cut.
func SetOptIn(root string, on bool) (changed bool, err error) {
	text, err := readSmall(root, AdminConfig, maxConfig)
	if err != nil && !isMissing(err) {
		return false, &ConfigError{"/" + AdminConfig, 0, err}
	}
	if _, err := parseConfig(defaultConfig(), AdminConfig, string(text)); err != nil {
		return false, err
	}
	edited := editOptIn(string(text), on)
	if edited == string(text) {
		return false, nil
	}
	if err := writeDurably(root, AdminConfig, []byte(edited), 0o644); err != nil {
		return false, fmt.Errorf("write /%s: %w", AdminConfig, err)
	}
	return true, nil
}

const optedIn = keyOptIn + "=yes\n"

func editOptIn(text string, on bool) string {
	var edited strings.Builder
	done := !on
	for line := range strings.Lines(text) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), "="); strings.TrimSpace(key) != keyOptIn {
			edited.WriteString(line)
		} else if on {
			if strings.TrimSpace(value) != "yes" {
				line = optedIn
			}
			edited.WriteString(line)
			done = true
		}
	}
	if !done {
		if text != "" && !strings.HasSuffix(text, "\n") {
			edited.WriteByte('\n')
		}
		edited.WriteString(optedIn)
	}
	return edited.String()
}
