package repo_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aead.dev/minisign"

	"moss/store/fetch"
	"moss/store/repo"
	"moss/store/stone"
)

// publisher owns a key and signs indexes, well or badly.
type publisher struct {
	t       testing.TB
	private minisign.PrivateKey
	public  string
}

func newPublisher(t testing.TB) publisher {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return publisher{t, private, public.String()}
}

func (p publisher) sign(index []byte, at time.Time) []byte {
	return p.signComment(index, fmt.Sprintf("timestamp:%d\tfile:stone.index\thashed", at.Unix()))
}

func (p publisher) signComment(index []byte, comment string) []byte {
	return minisign.SignWithComments(p.private, index, comment, "a test's")
}

// meta is a good package of an index.
func meta(name string) stone.Meta {
	return stone.Meta{Name: name, Version: "1.0", Release: 1, BuildRelease: 1, Arch: "x86_64", Summary: "a test's " + name,
		URI: "pool/" + name + ".stone", Hash: hash(name), Size: 4096}
}

func hash(seed string) string {
	h := stone.HashOf([]byte(seed)).String()
	return h + h
}

func encode(t testing.TB, metas ...stone.Meta) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := stone.Encode(&b, stone.Repository, metas); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// server serves documents that a test may change, and remembers what was asked.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	files  map[string][]byte
	asked  []string
	before func(path string) // called ahead of an answer
	stuck  bool              // answers every conditional request with "not modified"
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{files: map[string][]byte{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.before != nil {
		s.before(r.URL.Path)
	}
	s.mu.Lock()
	body, ok := s.files[r.URL.Path]
	s.asked = append(s.asked, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("If-None-Match")))
	s.mu.Unlock()
	if s.stuck && r.Header.Get("If-None-Match") != "" {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"`+stone.HashOf(body).String()+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func (s *server) put(name string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = body
}

// publish puts up a signed index.
func (s *server) publish(p publisher, at time.Time, metas ...stone.Meta) {
	index := encode(p.t, metas...)
	s.put("/r/stone.index", index)
	s.put("/r/stone.index.minisig", p.sign(index, at))
}

// impatient does not try again: what fails here fails by decision.
func impatient() repo.Options { return repo.Options{Options: fetch.Options{Retries: -1}} }

// world is a root with one repository, its server and its publisher.
type world struct {
	root string
	*server
	publisher
}

func newWorld(t testing.TB) world {
	t.Helper()
	w := world{t.TempDir(), newServer(t), newPublisher(t)}
	add(t, w.root, repo.Repository{Name: "test", URI: w.URL + "/r", Key: w.public, Enabled: true})
	return w
}

func add(t testing.TB, root string, r repo.Repository) {
	t.Helper()
	if err := repo.Add(root, r); err != nil {
		t.Fatal(err)
	}
}

func (w world) update(t testing.TB) (repo.Updated, error) {
	t.Helper()
	all, err := repo.Update(t.Context(), w.root, []string{"test"}, impatient())
	if err != nil {
		return repo.Updated{}, err
	}
	return all[0], nil
}

func (w world) mustUpdate(t testing.TB) repo.Updated {
	t.Helper()
	u, err := w.update(t)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// names are what the repositories have, in order; "-NAME" is one that cannot be used.
func names(t testing.TB, root string) string {
	t.Helper()
	known, err := repo.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range known.Packages {
		all = append(all, p.Meta.Name)
	}
	for _, u := range known.Unavailable {
		all = append(all, "-"+u.Repo)
	}
	return strings.Join(all, " ")
}

func write(t testing.TB, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func hint(err error) string {
	for err != nil {
		if h, ok := err.(interface{ Hint() string }); ok {
			return h.Hint()
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			err = e.Unwrap()[0]
		default:
			return ""
		}
	}
	return ""
}
