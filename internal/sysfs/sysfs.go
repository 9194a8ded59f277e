// Package sysfs reads the small files in which the kernel describes devices. What
// cannot be read is taken for absent: a device may go at any time. PID 1 links it.
package sysfs

import (
	"os"
	"strconv"
	"strings"
)

// Number reads a decimal number; 0 when there is none.
func Number(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Event reads the KEY=VALUE lines of a uevent file; nothing without one.
func Event(path string) map[string]string {
	values := map[string]string{}
	text, err := os.ReadFile(path)
	if err != nil {
		return values
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			values[key] = value
		}
	}
	return values
}
