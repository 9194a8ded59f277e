package stone

import (
	"encoding/hex"
	"fmt"

	"github.com/zeebo/xxh3"
)

// Hash is the xxh3-128 (seed 0) of a content, big endian: the canonical form of
// the xxHash specification, so its hex text equals what xxh128sum prints.
type Hash [16]byte

// EmptyHash is the hash of no bytes at all. Empty files need no content.
func EmptyHash() Hash { return HashOf(nil) }

// HashOf hashes b.
func HashOf(b []byte) Hash { return xxh3.Hash128(b).Bytes() }

// ParseHash reads 32 hex digits of either case.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != hex.EncodedLen(len(h)) {
		return Hash{}, fmt.Errorf("parse hash %q: %d characters, want %d", s, len(s), hex.EncodedLen(len(h)))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Hash{}, fmt.Errorf("parse hash %q: %w", s, err)
	}
	return h, nil
}

// String is 32 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Hasher computes a Hash from a stream. Its writes never fail.
type Hasher struct{ state *xxh3.Hasher128 }

// NewHasher is a Hasher that has seen nothing.
func NewHasher() *Hasher { return &Hasher{state: xxh3.New128()} }

// Write adds b.
func (h *Hasher) Write(b []byte) (int, error) { return h.state.Write(b) }

// Sum is the hash of everything written since the last Reset.
func (h *Hasher) Sum() Hash { return h.state.Sum128().Bytes() }

// Reset forgets what was written.
func (h *Hasher) Reset() { h.state.Reset() }
