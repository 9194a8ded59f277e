package repo_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/google/go-cmp/cmp"

	"moss/store/fetch"
	"moss/store/repo"
)

func TestUpdateStoresWhatWasSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	w.publish(w.publisher, at, meta("nano"), meta("vim"))
	u := w.mustUpdate(t)
	if want := (repo.Updated{Name: "test", Packages: 2, Changed: true, Time: u.Time}); !cmp.Equal(u, want) || !u.Time.Equal(at) {
		t.Errorf("got %+v, want %+v at %v", u, want, at)
	}
	all, err := repo.Available(w.root)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	p := all[0]
	if p.Meta.Name != "nano" || p.ID != hash("nano") || p.Size != 4096 || p.URL != w.URL+"/r/pool/nano.stone" || p.Repo != "test" {
		t.Errorf("got %+v", p)
	}
	// The files are minisign's own: `minisign -V` works on them.
	folder := filepath.Join(w.root, ".moss/repo/test")
	var key minisign.PublicKey
	if err := key.UnmarshalText([]byte(w.public)); err != nil {
		t.Fatal(err)
	}
	if !minisign.Verify(key, []byte(read(t, folder, "stone.index")), []byte(read(t, folder, "stone.index.minisig"))) {
		t.Error("the stored index does not verify")
	}
}

func TestUnchangedIndexIsNotSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(w.publisher, time.Now(), meta("nano"))
	w.mustUpdate(t)
	w.asked = nil
	if u := w.mustUpdate(t); u.Changed || u.Packages != 1 {
		t.Errorf("got %+v, want it unchanged", u)
	}
	if len(w.asked) != 2 || !strings.HasPrefix(w.asked[1], "/r/stone.index \"") {
		t.Errorf("asked %q, want If-None-Match", w.asked)
	}
	// A signature that is renewed moves the accepted time on: the old one is a
	// replay from then on.
	old := w.files["/r/stone.index.minisig"]
	w.publish(w.publisher, time.Now().Add(time.Hour), meta("nano"))
	if u := w.mustUpdate(t); u.Changed || !u.Time.After(time.Now()) {
		t.Errorf("got %+v, want the same index at a later time", u)
	}
	w.put("/r/stone.index.minisig", old)
	if _, err := w.update(t); err == nil {
		t.Error("the older signature was accepted")
	}
}

func TestDamagedStoredIndexIsFetchedAnew(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stone.index", "stone.index.minisig", "packages"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish(w.publisher, time.Now(), meta("nano"))
			w.mustUpdate(t)
			path := filepath.Join(".moss/repo/test", name)
			flipped := []byte(read(t, w.root, path))
			flipped[len(flipped)/2] ^= 1
			write(t, w.root, path, string(flipped))
			// One of the two forms is enough to go on with.
			if got := names(t, w.root); got != "nano" {
				t.Errorf("with %s damaged there is %q, want nano", name, got)
			}
			w.mustUpdate(t)
			folder := filepath.Join(w.root, ".moss/repo/test")
			if bytes.Equal([]byte(read(t, folder, name)), flipped) {
				t.Errorf("%s is still damaged after an update", name)
			}
		})
	}
}

func TestDamagedIndexWithoutItsQuickFormIsNotUsed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stone.index", "stone.index.minisig", "source"} {
		w := newWorld(t)
		w.publish(w.publisher, time.Now(), meta("nano"))
		w.mustUpdate(t)
		write(t, w.root, ".moss/repo/test/packages", "mossrep0, from another version of moss")
		if got := names(t, w.root); got != "nano" {
			t.Fatalf("from the index alone: got %q", got)
		}
		write(t, w.root, ".moss/repo/test/"+name, "rubbish\n")
		if got := names(t, w.root); got != "-test" {
			t.Errorf("with %s damaged: got %q, want it left out", name, got)
		}
	}
}

// TestAnotherIndexInTheStoredOnesPlace: what is well formed is still not what was
// accepted.
func TestAnotherIndexInTheStoredOnesPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("/u/stone.index", encode(t, meta("free")))
	add(t, w.root, repo.Repository{Name: "unsigned", URI: w.URL + "/u", Unsigned: true, Enabled: true})
	w.publish(w.publisher, time.Now(), meta("nano"))
	if _, err := repo.Update(t.Context(), w.root, nil, impatient()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"test", "unsigned"} {
		write(t, w.root, ".moss/repo/"+name+"/packages", "")
		write(t, w.root, ".moss/repo/"+name+"/stone.index", string(encode(t, meta("evil"))))
	}
	if got := names(t, w.root); got != "-test -unsigned" {
		t.Errorf("got %q, want both left out", got)
	}
}

// TestServerThatSaysUnchangedAndIsWrong: a cache between us and the publisher may
// hold on to an index; its signature shows that it is not the one.
func TestServerThatSaysUnchangedAndIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(w.publisher, time.Now().Add(-time.Hour), meta("old"))
	w.mustUpdate(t)
	w.stuck = true
	w.publish(w.publisher, time.Now(), meta("new"))
	w.mustUpdate(t)
	if got := names(t, w.root); got != "new" {
		t.Errorf("got %q, want new", got)
	}
}

func TestServerThatFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.update(t)
	var status *fetch.StatusError
	if !errors.As(err, &status) || !strings.Contains(err.Error(), "update repository test") {
		t.Errorf("nothing there: got %v, want a StatusError that names the repository", err)
	}
	w.publish(w.publisher, time.Now(), meta("nano"))
	w.put("/r/stone.index.minisig", bytes.Repeat([]byte("x"), 5000))
	var size *fetch.SizeError
	if _, err := w.update(t); !errors.As(err, &size) {
		t.Errorf("signature of 5000 bytes: got %v, want a SizeError", err)
	}
	w.Close()
	if _, err := w.update(t); err == nil || !strings.Contains(err.Error(), "update repository test") {
		t.Errorf("server gone: got %v", err)
	}
}

func TestUnsignedRepository(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("/u/stone.index", encode(t, meta("free")))
	add(t, w.root, repo.Repository{Name: "unsigned", URI: w.URL + "/u", Unsigned: true, Enabled: true, Priority: 5})
	w.publish(w.publisher, time.Now(), meta("nano"))
	all, err := repo.Update(t.Context(), w.root, nil, impatient())
	if err != nil || len(all) != 2 || !all[0].Unsigned || all[0].Name != "unsigned" || all[1].Unsigned {
		t.Fatalf("got %+v %v", all, err)
	}
	if got := names(t, w.root); got != "free nano" {
		t.Errorf("got %q, want the higher priority first", got)
	}
}

func TestOneFailureDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(w.publisher, time.Now(), meta("nano"))
	for _, name := range []string{"gone", "lost"} {
		add(t, w.root, repo.Repository{Name: name, URI: w.URL + "/" + name, Unsigned: true, Enabled: true})
	}
	all, err := repo.Update(t.Context(), w.root, nil, impatient())
	if err == nil || !strings.Contains(err.Error(), "repository gone") || !strings.Contains(err.Error(), "repository lost") {
		t.Errorf("got %v, want both named", err)
	}
	if len(all) != 1 || all[0].Name != "test" {
		t.Errorf("got %+v, want test updated", all)
	}
	if got := names(t, w.root); got != "nano -gone -lost" {
		t.Errorf("got %q", got)
	}
}

func TestRemoveForgetsTheIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(w.publisher, time.Now(), meta("nano"))
	w.mustUpdate(t)
	if err := repo.Remove(w.root, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(w.root, ".moss/repo/test")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stored index stayed: %v", err)
	}
}

func TestFileRepository(t *testing.T) {
	t.Parallel()
	root, dir, p := t.TempDir(), filepath.Join(t.TempDir(), "my stones #1"), newPublisher(t)
	index := encode(t, meta("nano"))
	write(t, dir, "stone.index", string(index))
	add(t, root, repo.Repository{Name: "local", URI: dir, Key: p.public, Enabled: true})
	_, err := repo.Update(t.Context(), root, nil, impatient())
	var untrusted *repo.UntrustedError
	if !errors.As(err, &untrusted) {
		t.Errorf("without a signature: got %v", err)
	}
	write(t, dir, "stone.index.minisig", string(p.sign(index, time.Now())))
	if _, err := repo.Update(t.Context(), root, nil, impatient()); err != nil {
		t.Fatal(err)
	}
	all, err := repo.Available(root)
	if err != nil || len(all) != 1 || !strings.HasSuffix(all[0].URL, "/my%20stones%20%231/pool/nano.stone") {
		t.Errorf("got %+v %v", all, err)
	}
}

// TestTwoUpdatesAtOnce: the older index must not win because it is stored last.
func TestTwoUpdatesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now().Add(-time.Hour)
	old := encode(t, meta("old"))
	w.put("/r/stone.index", old)
	w.put("/r/stone.index.minisig", w.sign(old, now))
	first := true
	w.before = func(path string) {
		if path != "/r/stone.index" || !first {
			return
		}
		first = false
		// While the outer update waits for its index a whole other one runs; the
		// outer one is then handed what it asked for, which is old by now.
		w.publish(w.publisher, now.Add(time.Minute), meta("new"))
		w.mustUpdate(t)
		w.put("/r/stone.index", old)
	}
	_, err := w.update(t)
	var untrusted *repo.UntrustedError
	if !errors.As(err, &untrusted) || !strings.Contains(err.Error(), "older than") {
		t.Errorf("got %v, want the older one refused", err)
	}
	if got := names(t, w.root); got != "new" {
		t.Errorf("got %q, want new", got)
	}
}
