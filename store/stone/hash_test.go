package stone

import (
	"testing"

	"github.com/zeebo/xxh3"
)

// The expected values are those of xxhsum -H2 and the format's own page.
func TestHash(t *testing.T) {
	for text, want := range map[string]string{
		"":    "99aa06d3014798d86001c324468d497f",
		"abc": "06b05ab6733a618578af5f94892f3950",
	} {
		h := NewHasher()
		_, _ = h.Write([]byte("something else"))
		h.Reset()
		for _, b := range []byte(text) {
			_, _ = h.Write([]byte{b})
		}
		if got := h.Sum(); got.String() != want || HashOf([]byte(text)) != got {
			t.Errorf("hash of %q: %v, want %s", text, got, want)
		}
		if back, err := ParseHash(want); err != nil || back != h.Sum() {
			t.Errorf("parse %s: %v, %v", want, back, err)
		}
	}
	if got := xxh3.Hash(nil); got != 0x2d06800538d394c2 {
		t.Errorf("xxh3-64 of nothing: %x, want 2d06800538d394c2", got)
	}
	for _, text := range []string{"", "99aa", "99aa06d3014798d86001c324468d497g", "99aa06d3014798d86001c324468d497f0"} {
		if _, err := ParseHash(text); err == nil {
			t.Errorf("parse %q: no error", text)
		}
	}
}
