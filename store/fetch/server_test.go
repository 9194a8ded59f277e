package fetch_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"moss/store/fetch"
)

// size is more than one chunk of the reader and more than an attempt must gain
// to count as progress.
const size = 300 << 10

func content(seed uint64) []byte {
	data := make([]byte, size)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// server answers the n-th request with the n-th handler, the last one for ever
// after, and remembers what was asked.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	asked    []http.Header
	handlers []http.HandlerFunc
}

func serve(t *testing.T, handlers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{handlers: handlers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	handler := s.handlers[min(len(s.asked), len(s.handlers)-1)]
	s.asked = append(s.asked, r.Header.Clone())
	s.mu.Unlock()
	handler(w, r)
}

func (s *server) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *server) header(t *testing.T, n int, name string) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n >= len(s.asked) {
		t.Fatalf("request %d never came, there were %d", n, len(s.asked))
	}
	return s.asked[n].Get(name)
}

// good serves data as a web server does: ranges, If-Range, entity tag.
func good(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+sum(data)[:8]+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// whole knows nothing of ranges.
func whole(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }
}

func code(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) }
}

// cut announces all of data, sends n bytes of it and drops the connection.
func cut(data []byte, n int) http.HandlerFunc {
	return broken(data, n, func(*http.Request) {})
}

// stall sends n bytes and then nothing more until the client goes.
func stall(data []byte, n int) http.HandlerFunc {
	return broken(data, n, func(r *http.Request) { <-r.Context().Done() })
}

func broken(data []byte, n int, then func(*http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+sum(data)[:8]+`"`)
		w.Header().Set("Content-Length", "307200")
		_, _ = w.Write(data[:n])
		_ = http.NewResponseController(w).Flush()
		then(r)
		panic(http.ErrAbortHandler)
	}
}

// target is a file to fetch data from address, into a folder of its own.
func target(t *testing.T, address string, data []byte) fetch.File {
	t.Helper()
	return fetch.File{URL: address, Path: filepath.Join(t.TempDir(), "nano.stone"), Size: int64(len(data)), SHA256: sum(data)}
}

// at once is how tests wait between attempts.
func atOnce(context.Context, time.Duration) error { return nil }

func run(t *testing.T, file fetch.File) error {
	t.Helper()
	return fetch.Files(t.Context(), []fetch.File{file}, fetch.Options{Wait: atOnce, Idle: 20 * time.Second})
}

func arrived(t *testing.T, file fetch.File, data []byte) {
	t.Helper()
	got, err := os.ReadFile(file.Path)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("got %d bytes, %v, want the %d that were served", len(got), err, len(data))
	}
	holds(t, file, filepath.Base(file.Path))
}

// holds checks the names in the folder of file.
func holds(t *testing.T, file fetch.File, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file.Path))
	if err != nil || len(entries) != len(want) {
		t.Fatalf("the folder holds %v, %v, want %v", entries, err, want)
	}
	for i, entry := range entries {
		if entry.Name() != want[i] {
			t.Errorf("the folder holds %s, want %s", entry.Name(), want[i])
		}
	}
}

func partSize(t *testing.T, file fetch.File) int64 {
	t.Helper()
	info, err := os.Stat(file.Path + ".part")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
