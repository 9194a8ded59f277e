package fetch_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"moss/store/fetch"
)

func TestDocumentIsNotSentTwice(t *testing.T) {
	data := content(1)
	s := serve(t, good(data))
	first, err := fetch.Get(t.Context(), s.URL, "", "", size, fetch.Options{})
	if err != nil || string(first.Data) != string(data) || first.ETag == "" || first.NotModified {
		t.Fatalf("got %d bytes, ETag %q, %v, want all of it", len(first.Data), first.ETag, err)
	}
	second, err := fetch.Get(t.Context(), s.URL, first.ETag, "", size, fetch.Options{})
	if err != nil || !second.NotModified || len(second.Data) != 0 || second.ETag != first.ETag {
		t.Errorf("got %+v, %v, want not modified", second, err)
	}
	if got := s.header(t, 1, "If-None-Match"); got != first.ETag {
		t.Errorf("asked with %q, want %q", got, first.ETag)
	}
}

func TestDocumentByDate(t *testing.T) {
	const date = "Sat, 01 Nov 2025 10:00:00 GMT"
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-Modified-Since") == date {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Last-Modified", date)
		_, _ = w.Write([]byte("x"))
	})
	first, err := fetch.Get(t.Context(), s.URL, "", "", 1, fetch.Options{})
	if err != nil || first.LastModified != date {
		t.Fatalf("got %+v, %v", first, err)
	}
	if second, err := fetch.Get(t.Context(), s.URL, "", first.LastModified, 1, fetch.Options{}); err != nil || !second.NotModified {
		t.Errorf("got %+v, %v, want not modified", second, err)
	}
}

func TestDocumentRefused(t *testing.T) {
	data := content(1)
	endless := func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		for r.Context().Err() == nil {
			if _, err := w.Write(data); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    any
	}{
		"announced too large": {whole(data), new(*fetch.SizeError)},
		"endless":             {endless, new(*fetch.SizeError)},
		"304 nobody asked":    {code(304), new(*fetch.StatusError)},
		"404":                 {code(404), new(*fetch.StatusError)},
		"redirect to a file":  {redirect("file:///etc/passwd"), new(*fetch.SchemeError)},
	} {
		s := serve(t, c.handler)
		if doc, err := fetch.Get(t.Context(), s.URL, "", "", 1000, fetch.Options{}); !errors.As(err, c.want) || len(doc.Data) != 0 || s.requests() != 1 {
			t.Errorf("%s: got %d bytes, %v after %d requests, want %T after one", name, len(doc.Data), err, s.requests(), c.want)
		}
	}
}

func TestDocumentIsTriedAgain(t *testing.T) {
	data := content(1)
	s := serve(t, code(500), cut(data, 1000), good(data))
	doc, err := fetch.Get(t.Context(), s.URL, "", "", size, fetch.Options{Wait: atOnce})
	if err != nil || string(doc.Data) != string(data) {
		t.Errorf("got %d bytes, %v, want all of it at the third attempt", len(doc.Data), err)
	}
}

func TestDocumentIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel(errors.New("interrupt"))
		<-r.Context().Done()
	})
	_, err := fetch.Get(ctx, s.URL, "", "", size, fetch.Options{})
	if _, ok := errors.AsType[*fetch.StoppedError](err); !ok || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want a StoppedError", err)
	}
}

func TestLocalDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stone.index")
	if err := os.WriteFile(path, []byte("index"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{path, "file://" + path} {
		if doc, err := fetch.Get(t.Context(), address, `"x"`, "", 5, fetch.Options{}); err != nil || string(doc.Data) != "index" {
			t.Errorf("%s: got %+v, %v", address, doc, err)
		}
	}
	_, err := fetch.Get(t.Context(), path, "", "", 4, fetch.Options{})
	if _, ok := errors.AsType[*fetch.SizeError](err); !ok {
		t.Errorf("got %v, want a SizeError", err)
	}
	if _, err := fetch.Get(t.Context(), path+".absent", "", "", 4, fetch.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}
