package policy_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestPropertiesAreSeeded: one that draws anew each time fails for somebody else.
func TestPropertiesAreSeeded(t *testing.T) {
	call, found := []byte("rapid."+"Check("), 0
	for _, path := range sources(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n := bytes.Count(text, call)
		if found += n; n != bytes.Count(text, append(call, "testutil.Seeded(t), "...)) && strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s: a property is checked without testutil.Seeded", path)
		}
	}
	if found < 10 {
		t.Errorf("only %d properties were found: the search is broken", found)
	}
}
