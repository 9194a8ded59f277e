package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// mirror serves a folder by http on loopback, as well or as badly as a script
// tells it to, and remembers what it was asked.
type mirror struct {
	mu      sync.Mutex
	server  *httptest.Server
	dir     string
	mode    string // one of misbehaviours, "" is good
	suffix  string // of the paths that mode is for
	left    int    // requests that mode is still for; below 0 all
	log     []string
	stalled chan struct{} // one event for each request that hangs
}

// misbehaviours of a mirror; the handler gets the file's content.
func (m *mirror) misbehaviours() map[string]func(w http.ResponseWriter, r *http.Request, data []byte) {
	return map[string]func(w http.ResponseWriter, r *http.Request, data []byte){
		"404":      func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(http.StatusNotFound) },
		"500":      func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(http.StatusInternalServerError) },
		"longer":   func(w http.ResponseWriter, _ *http.Request, data []byte) { _, _ = w.Write(append(data, "more"...)) },
		"shorter":  func(w http.ResponseWriter, _ *http.Request, data []byte) { _, _ = w.Write(data[:len(data)-1]) },
		"changed":  func(w http.ResponseWriter, _ *http.Request, data []byte) { _, _ = w.Write(flipped(data)) },
		"redirect": func(w http.ResponseWriter, r *http.Request, _ []byte) { redirect(w, "file://"+m.file(r)) },
		"moved": func(w http.ResponseWriter, r *http.Request, _ []byte) {
			redirect(w, m.server.URL+"/moved"+r.URL.Path)
		},
		"truncated": func(w http.ResponseWriter, _ *http.Request, data []byte) {
			half(w, data)
			panic(http.ErrAbortHandler)
		},
		"slow": func(w http.ResponseWriter, r *http.Request, data []byte) {
			timer := time.NewTimer(300 * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
			}
			serveContent(w, r, data)
		},
		"stall": func(w http.ResponseWriter, r *http.Request, data []byte) {
			half(w, data)
			m.stalled <- struct{}{}
			<-r.Context().Done()
		},
	}
}

func flipped(data []byte) []byte {
	data[len(data)/2] ^= 1
	return data
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to) // http.Redirect would make a path of it
	w.WriteHeader(http.StatusFound)
}

// half announces the whole content and sends the first half of it.
func half(w http.ResponseWriter, data []byte) {
	w.Header().Set("ETag", tag(data))
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data[:len(data)/2])
	_ = http.NewResponseController(w).Flush()
}

func serveContent(w http.ResponseWriter, r *http.Request, data []byte) {
	w.Header().Set("ETag", tag(data))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

func tag(data []byte) string { return fmt.Sprintf("%q", strconv.Itoa(len(data))+string(data[:4])) }

func (m *mirror) file(r *http.Request) string {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/moved")
	return filepath.Join(m.dir, filepath.FromSlash(name))
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	act := m.note(r)
	data, err := os.ReadFile(m.file(r))
	switch {
	case err != nil:
		http.NotFound(w, r)
	case act != nil:
		act(w, r, data)
	default:
		serveContent(w, r, data)
	}
}

// note writes a request down and says how it is to be mistreated, if it is.
func (m *mirror) note(r *http.Request) func(http.ResponseWriter, *http.Request, []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Range")))
	if m.mode == "" || m.left == 0 || !strings.HasSuffix(r.URL.Path, m.suffix) || strings.HasPrefix(r.URL.Path, "/moved") {
		return nil
	}
	m.left--
	return m.misbehaviours()[m.mode]
}

func mirrorOf(ts *testscript.TestScript) *mirror { return ts.Value("mirror").(*mirror) }

// serve DIR starts the mirror on a folder, or points it to another; $URL is
// where.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	m := mirrorOf(ts)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dir = ts.MkAbs(args[0])
	if m.server == nil {
		m.server = httptest.NewServer(m)
		ts.Defer(m.close)
		ts.Setenv("URL", m.server.URL)
	}
}

// close first hangs up on those whose answers never end: Close would wait.
func (m *mirror) close() {
	m.server.CloseClientConnections()
	m.server.Close()
}

// misbehave MODE [SUFFIX [COUNT]] spoils the answers for paths with the suffix,
// for all requests or the next COUNT; misbehave none ends it.
func misbehave(ts *testscript.TestScript, _ bool, args []string) {
	m := mirrorOf(ts)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mode, m.suffix, m.left = args[0], "", -1
	if m.mode == "none" {
		m.mode = ""
	} else if m.misbehaviours()[m.mode] == nil {
		ts.Fatalf("misbehave: no mode %s", m.mode)
	}
	if len(args) > 1 {
		m.suffix = args[1]
	}
	if len(args) > 2 {
		var err error
		m.left, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
}

// awaitStall waits until a request hangs.
func awaitStall(ts *testscript.TestScript, _ bool, _ []string) {
	select {
	case <-mirrorOf(ts).stalled:
	case <-time.After(time.Minute):
		ts.Fatalf("no request came that could hang")
	}
}

// requests FILE writes what was asked since the last time, one request a line.
func requests(ts *testscript.TestScript, _ bool, args []string) {
	m := mirrorOf(ts)
	m.mu.Lock()
	defer m.mu.Unlock()
	text := ""
	for _, line := range m.log {
		text += line + "\n"
	}
	m.log = nil
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}
