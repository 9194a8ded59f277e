//go:build faultinject

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
)

// TestLateActivationPrintsItsResult: the exchange has happened when it fails.
func TestLateActivationPrintsItsResult(t *testing.T) {
	root := mistakenRoots(t)["$ROOT"]
	stone := testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}}.Write(t, t.TempDir())
	if _, stderr, code := asUser(t, "-D", root, "install", stone); code != 0 {
		t.Fatal(stderr)
	}
	t.Setenv("MOSS_FAULT", "activate/exchanged:error")
	stdout, stderr, code := asUser(t, "-D", root, "state", "activate", "1")
	if code != 4 || !strings.HasPrefix(stdout, "state 1 is current") || !strings.HasPrefix(stderr, "moss: state 1 is in place, but: ") {
		t.Errorf("got code %d, %q, %q", code, stdout, stderr)
	}
	stdout, _, code = asUser(t, "-D", root, "--json", "state", "activate", "2")
	var said system.Activation
	if err := json.Unmarshal([]byte(stdout), &said); err != nil || code != 4 || said.ID != 2 {
		t.Errorf("got code %d, %q, %v", code, stdout, err)
	}
}
