package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/store/fetch"
)

func TestFileArrives(t *testing.T) {
	data := content(1)
	s := serve(t, good(data))
	file := target(t, s.URL, data)
	if err := run(t, file); err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
	if agent, coding := s.header(t, 0, "User-Agent"), s.header(t, 0, "Accept-Encoding"); agent != "moss" || coding != "identity" {
		t.Errorf("got %q and %q, want moss and identity", agent, coding)
	}
	if info, err := os.Stat(file.Path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("got %v, %v, want mode 0644", info.Mode(), err)
	}
	if n, err := unix.Llistxattr(file.Path, nil); err != nil || n != 0 {
		t.Errorf("got %d bytes of attribute names, %v, want none on a complete file", n, err)
	}
}

func TestPresentFileIsNotFetchedAgain(t *testing.T) {
	data := content(1)
	s := serve(t, good(data))
	file := target(t, s.URL, data)
	for range 2 {
		if err := run(t, file); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.requests(); n != 1 {
		t.Errorf("got %d requests, want 1", n)
	}
	if err := os.WriteFile(file.Path, make([]byte, len(data)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(t, file); err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
	if n := s.requests(); n != 2 {
		t.Errorf("got %d requests, want 2: what is there has another content", n)
	}
}

func TestWorkersWorkAtTheSameTime(t *testing.T) {
	const workers = 3
	data := content(1)
	var together sync.WaitGroup
	together.Add(workers)
	meet := func(w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait() // for ever, if they come one after the other; a panic, if there is one more
		good(data)(w, r)
	}
	s := serve(t, meet, meet, meet, good(data))
	var files []fetch.File
	for i := range 20 {
		file := target(t, fmt.Sprint(s.URL, "/", i), data)
		file.Name = fmt.Sprint(i)
		files = append(files, file)
	}
	var mu sync.Mutex
	running, most, kinds := 0, 0, map[string]int{}
	report := func(e fetch.Event) {
		mu.Lock()
		defer mu.Unlock()
		kinds[e.Kind]++
		switch e.Kind {
		case fetch.Batch:
			if e.Files != 20 || e.Total != 20*size {
				t.Errorf("got a batch of %d files, %d bytes, want 20 and %d", e.Files, e.Total, 20*size)
			}
		case fetch.Begin:
			running++
			most = max(most, running)
		case fetch.Done:
			running--
		}
	}
	if err := fetch.Files(t.Context(), files, fetch.Options{Workers: workers, Report: report}); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		arrived(t, file, data)
	}
	if most != workers {
		t.Errorf("got %d at a time, want %d", most, workers)
	}
	if kinds[fetch.Batch] != 1 || kinds[fetch.Begin] != 20 || kinds[fetch.Done] != 20 || kinds[fetch.Failed] != 0 {
		t.Errorf("got %v, want 1 batch, 20 begun and 20 done", kinds)
	}
}

func TestOneFailureStopsTheBatchAndKeepsTheParts(t *testing.T) {
	data := content(1)
	half := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/large", stall(data, size/2))
	mux.HandleFunc("/absent", func(w http.ResponseWriter, _ *http.Request) {
		<-half
		w.WriteHeader(http.StatusNotFound)
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	large, absent := target(t, s.URL+"/large", data), target(t, s.URL+"/absent", data)
	large.Name, absent.Name = "large", "absent"
	var once sync.Once
	var said error
	err := fetch.Files(t.Context(), []fetch.File{large, absent}, fetch.Options{Report: func(e fetch.Event) {
		if e.Name == "large" && e.Bytes == size/2 {
			once.Do(func() { close(half) })
		}
		if e.Name == "large" && e.Kind == fetch.Failed {
			said = e.Err
		}
	}})
	if status, ok := errors.AsType[*fetch.StatusError](err); !ok || status.Code != 404 || !strings.HasPrefix(err.Error(), "fetch absent: ") {
		t.Errorf("got %v, want the 404 of the absent one", err)
	}
	if _, ok := errors.AsType[*fetch.StoppedError](said); !ok {
		t.Errorf("the other one failed with %v, want that it was stopped", said)
	}
	if n := partSize(t, large); n != size/2 {
		t.Errorf("got a part of %d bytes, want %d", n, size/2)
	}
	holds(t, absent)
}

func TestRefusedBeforeAnythingIsDone(t *testing.T) {
	dir := t.TempDir()
	a := fetch.File{URL: "http://h/a", Path: filepath.Join(dir, "a"), Size: 1}
	with := func(change func(*fetch.File)) fetch.File {
		f := a
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		files []fetch.File
		want  string
	}{
		"same path":       {[]fetch.File{a, with(func(f *fetch.File) { f.Path = dir + "/./a"; f.Name = "b" })}, "fetch a and b: both would be written to"},
		"part of another": {[]fetch.File{a, with(func(f *fetch.File) { f.Path += ".part" })}, "both would be written to"},
		"no bound":        {[]fetch.File{with(func(f *fetch.File) { f.Size = 0 })}, "a size of 0 and a bound of 0 bytes"},
		"above its bound": {[]fetch.File{with(func(f *fetch.File) { f.Max, f.Size = 5, 6 })}, "a size of 6 and a bound of 5"},
		"hash is a path":  {[]fetch.File{with(func(f *fetch.File) { f.SHA256 = "../../etc/passwd" })}, "is no SHA-256"},
		"short hash":      {[]fetch.File{with(func(f *fetch.File) { f.SHA256 = "abcd" })}, "is no SHA-256"},
		"no path":         {[]fetch.File{with(func(f *fetch.File) { f.Path = "" })}, "no path"},
		"unknown scheme":  {[]fetch.File{with(func(f *fetch.File) { f.URL = "ftp://h/a" })}, "only http, https and file"},
		"file on a host":  {[]fetch.File{with(func(f *fetch.File) { f.URL = "file://h/a" })}, "three slashes"},
		"no host":         {[]fetch.File{with(func(f *fetch.File) { f.URL = "http:///a" })}, "names no server"},
		"password":        {[]fetch.File{with(func(f *fetch.File) { f.URL = "ftp://me:secret@h/a" })}, "ftp://me:xxxxx@h/a"},
	} {
		t.Run(name, func(t *testing.T) {
			err := fetch.Files(t.Context(), c.files, fetch.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, c.want)
			}
			holds(t, a)
		})
	}
}

func TestWaitsBetweenAttemptsGrowAndObeyTheServer(t *testing.T) {
	data := content(1)
	later := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	s := serve(t, code(500), code(502), later, good(data))
	var waits []time.Duration
	err := fetch.Files(t.Context(), []fetch.File{target(t, s.URL, data)}, fetch.Options{Wait: func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}})
	if err != nil || len(waits) != 3 {
		t.Fatalf("got %v, %v, want three waits", waits, err)
	}
	for i, least := range []time.Duration{500 * time.Millisecond, time.Second, 7 * time.Second} {
		if waits[i] < least || waits[i] > 2*least {
			t.Errorf("wait %d: got %v, want about %v", i, waits[i], least)
		}
	}
}

func TestCancelEndsAWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, code(500))
	err := fetch.Files(ctx, []fetch.File{target(t, s.URL, content(1))}, fetch.Options{Report: func(e fetch.Event) {
		if e.Kind == fetch.Retry {
			cancel()
		}
	}})
	if _, ok := errors.AsType[*fetch.StoppedError](err); !ok || !errors.Is(err, context.Canceled) || s.requests() != 1 {
		t.Errorf("got %v after %d requests, want stopped after 1", err, s.requests())
	}
}

func TestTLS(t *testing.T) {
	data := content(1)
	s := httptest.NewUnstartedServer(good(data))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the client that hangs up below
	s.StartTLS()
	defer s.Close()
	file := target(t, s.URL, data)
	if err := fetch.Files(t.Context(), []fetch.File{file}, fetch.Options{Client: s.Client()}); err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)

	stranger := target(t, s.URL, data)
	tries := 0
	err := fetch.Files(t.Context(), []fetch.File{stranger}, fetch.Options{Wait: func(context.Context, time.Duration) error { tries++; return nil }})
	if err == nil || !strings.Contains(err.Error(), "certificate") || tries != 0 {
		t.Errorf("got %v after %d more tries, want a certificate refused at once", err, tries)
	}
	holds(t, stranger)
}

func TestLocalFiles(t *testing.T) {
	data := content(1)
	dir := t.TempDir()
	from := filepath.Join(dir, "a b.stone")
	if err := os.WriteFile(from, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{from, "file://" + strings.ReplaceAll(from, " ", "%20"), "file:" + from, "file://localhost" + from} {
		file := target(t, address, data)
		if err := run(t, file); err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		arrived(t, file, data)
		if same, _ := os.ReadFile(from); !bytes.Equal(same, data) {
			t.Errorf("%s: the source has changed", address)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file fetch.File
		want string
	}{
		"absent": {target(t, dir+"/absent", data), "no such file"},
		"pipe":   {target(t, dir+"/pipe", data), "not a regular file"},
		"folder": {target(t, dir, data), "not a regular file"},
		"size":   {target(t, from, data[1:]), "307199 bytes were promised, the server has 307200 bytes"},
		"hash":   {target(t, from, content(2)), "want " + sum(content(2))},
	} {
		if err := run(t, c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		holds(t, c.file)
	}
}
