package heapsort_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"moss/internal/heapsort"
	"moss/internal/testutil"
)

func TestStringsSortsAsTheLibraryDoes(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		names := rapid.SliceOf(rapid.StringMatching(`[ab\x00\xff]{0,3}`)).Draw(t, "names")
		want := slices.Sorted(slices.Values(names))
		heapsort.Strings(names)
		if !slices.Equal(names, want) {
			t.Errorf("got %q, want %q", names, want)
		}
	})
}
