package repo_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moss/internal/testutil"
	"moss/store/repo"
	"moss/store/stone"
)

// refused updates and expects an UntrustedError, exit code 3, that leaves the
// old index in place.
func (w world) refused(t *testing.T, want string) {
	t.Helper()
	before := testutil.List(t, filepath.Join(w.root, ".moss"))
	_, err := w.update(t)
	var untrusted *repo.UntrustedError
	if !errors.As(err, &untrusted) || !strings.Contains(err.Error(), want) || hint(untrusted) == "" {
		t.Fatalf("got %v (next %q), want an UntrustedError with %q", err, hint(err), want)
	}
	if after := testutil.List(t, filepath.Join(w.root, ".moss")); strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("a refused update changed something:\n%q\n%q", before, after)
	}
}

// TestPeerNoSignatures: AerynOS' moss has none at all.
func TestPeerNoSignatures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now()
	w.publish(w.publisher, now.Add(-time.Hour), meta("nano"))
	w.mustUpdate(t)
	evil := encode(t, meta("evil"))
	w.put("/r/stone.index", evil)

	delete(w.files, "/r/stone.index.minisig")
	w.refused(t, "its index has no signature")
	w.put("/r/stone.index.minisig", newPublisher(t).sign(evil, now))
	w.refused(t, "is pinned")
	w.put("/r/stone.index.minisig", []byte("not a signature"))
	w.refused(t, "not a minisign signature")
	w.put("/r/stone.index.minisig", w.sign(encode(t, meta("nano")), now))
	w.refused(t, "does not fit the index")
	forged := bytes.Replace(w.sign(encode(t, meta("nano")), now), []byte("timestamp:1"), []byte("timestamp:2"), 1)
	w.put("/r/stone.index", encode(t, meta("nano")))
	w.put("/r/stone.index.minisig", forged)
	w.refused(t, "does not fit the index")
	for _, comment := range []string{"", "timestamp:", "timestamp:-5", "timestamp:soon", "timestamp:99999999999999", "at:5"} {
		w.put("/r/stone.index.minisig", w.signComment(encode(t, meta("nano")), comment))
		w.refused(t, "covers no time")
	}
	if got := names(t, w.root); got != "nano" {
		t.Errorf("got %q, want nano alone", got)
	}
}

// TestPeerNoFreshnessProtection: whoever sits on the network can hand AerynOS'
// moss last year's index, with last year's holes.
func TestPeerNoFreshnessProtection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now().Truncate(time.Second)
	w.publish(w.publisher, now.Add(-48*time.Hour), meta("old"))
	w.mustUpdate(t)
	oldIndex, oldSig := w.files["/r/stone.index"], w.files["/r/stone.index.minisig"]
	w.publish(w.publisher, now.Add(-time.Hour), meta("new"))
	w.mustUpdate(t)
	w.put("/r/stone.index", oldIndex)
	w.put("/r/stone.index.minisig", oldSig)
	w.refused(t, "older than the one of "+now.Add(-time.Hour).UTC().Format("2006-01-02 15:04:05 UTC"))
	w.publish(w.publisher, now.Add(-time.Hour), meta("other"))
	w.refused(t, "another one than that of the same time")
	w.publish(w.publisher, now.Add(25*time.Hour), meta("tomorrow"))
	w.refused(t, "this machine's clock says")
	// What was accepted is remembered through another process' eyes as well: the
	// memory is on the disk.
	w.put("/r/stone.index", oldIndex)
	w.put("/r/stone.index.minisig", oldSig)
	w.refused(t, "older than")
	if got := names(t, w.root); got != "new" {
		t.Errorf("got %q, want new", got)
	}
}

// TestClockThatJumpedBack: the accepted time is ahead of this machine's clock by
// far; updates go on, replays are still refused.
func TestClockThatJumpedBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(w.publisher, time.Now(), meta("a"))
	w.mustUpdate(t)
	source := read(t, w.root, ".moss/repo/test/source")
	var lines []string
	for line := range strings.Lines(source) {
		if strings.HasPrefix(line, "time: ") {
			line = "time: " + time.Now().Add(30*24*time.Hour).UTC().Format(time.RFC3339) + "\n"
		}
		lines = append(lines, line)
	}
	write(t, w.root, ".moss/repo/test/source", strings.Join(lines, ""))
	w.publish(w.publisher, time.Now().Add(40*24*time.Hour), meta("b"))
	w.mustUpdate(t)
	if got := names(t, w.root); got != "b" {
		t.Errorf("got %q, want b", got)
	}
	w.publish(w.publisher, time.Now(), meta("c"))
	w.refused(t, "older than")
}

func TestRaceBetweenTheTwoRequestsIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(w.publisher, time.Now().Add(-time.Hour), meta("old"))
	asked := 0
	w.before = func(path string) {
		// The new index appears after the old signature was fetched.
		if asked++; path == "/r/stone.index" && asked == 2 {
			w.publish(w.publisher, time.Now(), meta("new"))
		}
	}
	w.mustUpdate(t)
	if got := names(t, w.root); got != "new" || asked != 4 {
		t.Errorf("got %q after %d requests, want new after 4", got, asked)
	}
}

// TestPeerMetaDBWipedBeforeNewIndexIsParsed: there a bad index leaves the
// repository empty. These are signed, so that only the parser stands in the way.
func TestPeerMetaDBWipedBeforeNewIndexIsParsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start := time.Now().Add(-time.Hour)
	w.publish(w.publisher, start, meta("nano"))
	w.mustUpdate(t)
	good := encode(t, meta("new"), meta("newer"))
	change := func(f func(*stone.Meta)) []byte {
		m := meta("x")
		f(&m)
		return encode(t, meta("first"), m)
	}
	for name, index := range map[string][]byte{
		"empty":            nil,
		"truncated":        good[:len(good)-3],
		"a bit flipped":    append(append([]byte{}, good[:70]...), append([]byte{good[70] ^ 4}, good[71:]...)...),
		"not an index":     []byte(strings.Repeat("<html>no</html>", 10)),
		"a package":        []byte(read(t, testutil.Base().Write(t, t.TempDir()))),
		"file URI":         change(func(m *stone.Meta) { m.URI = "file:///etc/passwd" }),
		"no URI":           change(func(m *stone.Meta) { m.URI = "" }),
		"credentials":      change(func(m *stone.Meta) { m.URI = "http://me:pw@example.org/x.stone" }),
		"size 0":           change(func(m *stone.Meta) { m.Size = 0 }),
		"size of an exa":   change(func(m *stone.Meta) { m.Size = 1 << 63 }),
		"name climbs":      change(func(m *stone.Meta) { m.Name = "../../etc/cron.d/x" }),
		"name is hidden":   change(func(m *stone.Meta) { m.Name = ".." }),
		"no name":          change(func(m *stone.Meta) { m.Name = "" }),
		"name is a line":   change(func(m *stone.Meta) { m.Name = "a\nb" }),
		"name colours":     change(func(m *stone.Meta) { m.Name = "\x1b[31mred" }),
		"name not UTF-8":   change(func(m *stone.Meta) { m.Name = "\xff" }),
		"name too long":    change(func(m *stone.Meta) { m.Name = strings.Repeat("n", 250) }),
		"version climbs":   change(func(m *stone.Meta) { m.Version = "1/../../x" }),
		"arch climbs":      change(func(m *stone.Meta) { m.Arch = "/x" }),
		"same release":     encode(t, meta("x"), func() stone.Meta { m := meta("x"); m.Hash = hash("y"); return m }()),
		"one hash for two": encode(t, meta("x"), func() stone.Meta { m := meta("y"); m.Hash = hash("x"); return m }()),
	} {
		t.Run(name, func(t *testing.T) {
			start = start.Add(time.Second)
			w.put("/r/stone.index", index)
			w.put("/r/stone.index.minisig", w.sign(index, start))
			before := testutil.List(t, filepath.Join(w.root, ".moss"))
			_, err := w.update(t)
			if err == nil || hint(err) == "" {
				t.Errorf("got %v, next %q; want an error and what to do", err, hint(err))
			}
			if after := testutil.List(t, filepath.Join(w.root, ".moss")); strings.Join(before, "\n") != strings.Join(after, "\n") {
				t.Error("a bad index changed what was stored")
			}
			if got := names(t, w.root); got != "nano" {
				t.Errorf("got %q, want nano still", got)
			}
		})
	}
	w.publish(w.publisher, start.Add(time.Minute), meta("x"), meta("x"))
	if u := w.mustUpdate(t); u.Packages != 1 {
		t.Errorf("the same package twice: got %d, want it once", u.Packages)
	}
}

// TestPeerHashFromIndexUsedAsPath: there a hash that starts with a slash or
// climbs chooses where root writes.
func TestPeerHashFromIndexUsedAsPath(t *testing.T) {
	t.Parallel()
	good := hash("x")
	for _, bad := range []string{"../../../etc/x", "/etc/cron.d/x", "", good[:63], good + "0", strings.ToUpper(hash("abc")), good[:63] + "/", good[:63] + "g",
		strings.Repeat("../", 21) + "x", " " + good[1:], good[:63] + "\n"} {
		w := newWorld(t)
		m := meta("x")
		m.Hash = bad
		w.publish(w.publisher, time.Now(), m)
		_, err := w.update(t)
		var index *repo.IndexError
		if !errors.As(err, &index) || !strings.Contains(err.Error(), "64 lower-case") {
			t.Errorf("hash %q: got %v, want an IndexError", bad, err)
		}
		if got := names(t, w.root); got != "-test" {
			t.Errorf("hash %q: got %q", bad, got)
		}
	}
}

// TestConfigurationDecidesOnWhatIsStored: an index counts only under the address
// and the key that it was accepted with.
func TestConfigurationDecidesOnWhatIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(w.publisher, time.Now(), meta("nano"))
	w.mustUpdate(t)
	file, other := "etc/moss/repo.d/test.yaml", newPublisher(t)
	text := read(t, w.root, file)
	for what, changed := range map[string]string{
		"another key":     strings.Replace(text, w.public, other.public, 1),
		"another address": strings.Replace(text, "/r", "/elsewhere", 1),
		"no key":          strings.Replace(text, "key: "+w.public, "", 1),
		"disabled":        strings.Replace(text, "active: true", "active: false", 1),
	} {
		write(t, w.root, file, changed)
		want := "-test"
		if what == "disabled" {
			want = ""
		}
		if got := names(t, w.root); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	write(t, w.root, file, text)
	if got := names(t, w.root); got != "nano" {
		t.Errorf("as it was: got %q", got)
	}
	// A new key starts a new count of time: the old owner's clock says nothing.
	write(t, w.root, file, strings.Replace(text, w.public, other.public, 1))
	w.publish(other, time.Now().Add(-100*time.Hour), meta("theirs"))
	w.mustUpdate(t)
	if got := names(t, w.root); got != "theirs" {
		t.Errorf("with the new key: got %q", got)
	}
}

// TestSignedRepositoryTakesNoUnsignedStoredIndex: pinning a key must not bless
// what came before it.
func TestSignedRepositoryTakesNoUnsignedStoredIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("/r/stone.index", encode(t, meta("evil")))
	file := "etc/moss/repo.d/test.yaml"
	text := read(t, w.root, file)
	write(t, w.root, file, strings.Replace(text, "key: "+w.public, "unsigned: true", 1))
	w.mustUpdate(t)
	write(t, w.root, file, text)
	if got := names(t, w.root); got != "-test" {
		t.Errorf("got %q, want the unsigned index left out", got)
	}
}
