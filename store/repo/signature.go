package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"aead.dev/minisign"
)

const (
	maxIndex     = 256 << 20 // bytes of an index; what its metadata may unpack to is bounded in store/stone
	maxSignature = 4 << 10
	// maxAhead is how far a signature's time may be ahead of this machine's: more
	// than any honest clock is wrong, and little enough that one signature made
	// with a clock in the next century cannot pass for the newest for ever.
	maxAhead = 24 * time.Hour
)

// UntrustedError is an index that must not be believed. What was accepted before
// stays in use. Its text leaves the repository's name to whoever wraps it.
type UntrustedError struct {
	Repo   string
	Why    string
	Advice string
}

func (e *UntrustedError) Error() string {
	return "not trusted: " + e.Why
}

// Hint says what to do.
func (e *UntrustedError) Hint() string { return e.Advice }

func untrusted(repo, advice, why string, args ...any) error {
	return &UntrustedError{Repo: repo, Why: fmt.Sprintf(why, args...), Advice: advice}
}

func noKey(name string) error {
	return untrusted(name, "pin the publisher's key with --key (in its file: `key: RW…`), or accept it without a signature with --allow-unsigned (`unsigned: true`)",
		"it has no key, and is not said to be unsigned")
}

// accepted is what is known of the last index that was believed.
type accepted struct {
	key    string
	time   int64  // seconds since 1970; 0: unsigned
	sha256 string // of the index
}

// verify proves that the index is the key owner's, and no older than the last.
// It gives the signed time.
func verify(r Repository, index, signature []byte, last accepted, now time.Time) (time.Time, error) {
	key, err := publicKey(r.Key)
	if err != nil {
		return time.Time{}, err
	}
	var sig minisign.Signature
	if err := sig.UnmarshalText(signature); err != nil {
		return time.Time{}, untrusted(r.Name, askPublisher, "%s is not a minisign signature", indexName+sigSuffix)
	}
	if sig.KeyID != key.ID() {
		home := r.File
		if r.Vendor {
			home = adminFile(r.Name)
		}
		return time.Time{}, untrusted(r.Name, "if the publisher has a new key, check it with them and change `key` in "+home,
			"the index is signed by key %016X, and %016X is pinned", sig.KeyID, key.ID())
	}
	if !minisign.Verify(key, index, signature) {
		return time.Time{}, &badSignature{UntrustedError{r.Name, "the signature does not fit the index", askPublisher}}
	}
	at, err := timestamp(sig.TrustedComment)
	if err != nil {
		return time.Time{}, untrusted(r.Name, "the publisher should sign it with: moss index --sign KEY", "its signature covers no time: %v", err)
	}
	if last.key != key.String() {
		last = accepted{} // another owner's clock says nothing of this one's
	}
	return at, fresh(r.Name, at, sum(index), last, now)
}

const askPublisher = "try again later; if it stays so, ask the publisher"

// badSignature is the one fault that a second try can heal: the index was
// replaced between the two downloads.
type badSignature struct{ UntrustedError }

func (e *badSignature) Unwrap() error { return &e.UntrustedError }

// fresh refuses an index that is older than the last or from the future.
func fresh(name string, at time.Time, digest string, last accepted, now time.Time) error {
	before := time.Unix(last.time, 0)
	switch {
	case at.Unix() < last.time:
		return untrusted(name, "a mirror may lag: try again later; to go back on purpose: moss repo remove, then moss repo add",
			"the index is of %s, older than the one of %s that was accepted before", stamp(at), stamp(before))
	case at.Unix() == last.time && digest != last.sha256:
		return untrusted(name, "ask the publisher; two indexes signed at one moment cannot be told apart",
			"the index is another one than that of the same time, %s, that was accepted before", stamp(at))
	case now.Before(before.Add(-maxAhead)):
		// This machine's clock is behind what was accepted when it was right: it
		// cannot be the measure, and updates must not wait for it.
		return nil
	}
	if now.Before(before) {
		now = before
	}
	if at.Sub(now) > maxAhead {
		return untrusted(name, "if this machine's clock is wrong, set it (timedatectl) and try again; if it is right, tell the publisher that theirs is not",
			"the index is of %s, and this machine's clock says %s", stamp(at), stamp(now))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// timestamp finds the time in a trusted comment: `timestamp:<seconds>` among
// fields that minisign separates by tabs.
func timestamp(comment string) (time.Time, error) {
	for field := range strings.FieldsSeq(comment) {
		digits, ok := strings.CutPrefix(field, "timestamp:")
		if !ok {
			continue
		}
		seconds, err := strconv.ParseInt(digits, 10, 64)
		// Up to the year 9999: beyond it a time has no form in RFC 3339.
		if err != nil || seconds <= 0 || seconds > 253402300799 {
			return time.Time{}, fmt.Errorf("timestamp %.30q", digits)
		}
		return time.Unix(seconds, 0), nil
	}
	return time.Time{}, fmt.Errorf("no timestamp in %.60q", comment)
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}
