package main

import (
	"strings"
	"testing"

	"moss/bootloader"
)

// TestRowSaysWhatAnEntryLacks: a default that cannot start must not look like one
// that can.
func TestRowSaysWhatAnEntryLacks(t *testing.T) {
	got := strings.Join(row(bootloader.Item{State: 1, Title: "One", Default: true, Missing: []string{"/moss/kernel"}}), "|")
	if !strings.HasPrefix(got, "1|One (lacks /moss/kernel)|") {
		t.Errorf("got %q", got)
	}
}
