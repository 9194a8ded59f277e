package fetch_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"moss/store/fetch"
)

// misdeed is one way for a server to go wrong.
type misdeed struct {
	handlers []http.HandlerFunc
	requests int    // how often it must have been asked
	want     string // in the error; "" when the file must arrive all the same
	part     bool   // the part must be kept
}

func misdeeds(data []byte) map[string]misdeed {
	header := func(name, value string, then http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(name, value)
			then(w, r)
		}
	}
	flush := func(data []byte) http.HandlerFunc { // chunked: no length announced
		return func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(data)
		}
	}
	partial := func(said string) http.HandlerFunc {
		return header("Content-Range", said, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(data[size/2:])
		})
	}
	longer := append(data[:size:size], 'x')
	list := func(h ...http.HandlerFunc) []http.HandlerFunc { return h }
	return map[string]misdeed{
		"truncated":                 {list(cut(data, size/2), good(data)), 2, "", false},
		"truncated for ever":        {list(cut(data, 10)), 5, "unexpected EOF", true},
		"404":                       {list(code(404)), 1, "404 Not Found", false},
		"403":                       {list(code(403)), 1, "403 Forbidden", false},
		"204, which brings nothing": {list(code(204)), 1, "204 No Content", false},
		"500 then ok":               {list(code(500), good(data)), 2, "", false},
		"500 for ever":              {list(code(500)), 5, "500 Internal Server Error", false},
		"announces longer":          {list(header("Content-Length", "307201", whole(longer))), 1, "307200 bytes were promised, the server has 307201 bytes", false},
		"announces shorter":         {list(header("Content-Length", "9", whole(data[:9]))), 1, "the server has 9 bytes", false},
		"sends longer":              {list(flush(longer)), 1, "307200 bytes were promised, the server has more", false},
		"sends shorter for ever":    {list(flush(data[:size/2])), 5, "the server has 153600 bytes", true},
		"wrong hash":                {list(good(content(2))), 1, "the content has SHA-256 " + sum(content(2)) + ", want " + sum(data), false},
		"encoded":                   {list(header("Content-Encoding", "gzip", whole(data))), 1, `encoded as "gzip"`, false},
		"range nobody asked for":    {list(partial("bytes 153600-307199/307200")), 1, "the server sends the range", false},
		"ignores Range":             {list(cut(data, size/2), whole(data)), 2, "", false},
		"range from elsewhere":      {list(cut(data, size/2), partial("bytes 0-153599/307200"), good(data)), 3, "", false},
		"range of another length":   {list(cut(data, size/2), partial("bytes 153600-307198/307199")), 2, "the server has 307199 bytes", true},
		"range from another byte":   {list(cut(data, size/2), partial("bytes 10-307199/307200"), good(data)), 3, "", false},
		"range that ends early":     {list(cut(data, size/2), partial("bytes 153600-200000/307200"), good(data)), 3, "", false},
		"range without an end":      {list(cut(data, size/2), partial("bytes 153600-"), good(data)), 3, "", false},
		"range of another version":  {list(cut(data, size/2), header("ETag", `"new"`, partial("bytes 153600-307199/307200")), good(data)), 3, "", false},
		"range not satisfiable":     {list(cut(data, size/2), code(416), good(data)), 3, "", false},
		"pieces that do not fit":    {list(cut(content(2), size/2), partial("bytes 153600-307199/307200"), good(data)), 3, "", false},
		"redirect to a file":        {list(redirect("file:///etc/passwd")), 1, "redirects to file:///etc/passwd, which is refused", false},
		"redirect to ftp":           {list(redirect("ftp://h/x")), 1, "redirects to ftp://h/x, which is refused", false},
		"redirect loop":             {list(redirect("/")), 11, "more than 10 redirects", false},
	}
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

func TestMisbehavingServer(t *testing.T) {
	data := content(1)
	for name, c := range misdeeds(data) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.handlers...)
			file := target(t, s.URL, data)
			err := run(t, file)
			if n := s.requests(); n != c.requests {
				t.Errorf("got %d requests, want %d", n, c.requests)
			}
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				arrived(t, file, data)
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, c.want)
			}
			if c.part {
				holds(t, file, "nano.stone.part")
			} else {
				holds(t, file)
			}
		})
	}
}

func TestErrorsSayWhatToDoNext(t *testing.T) {
	data := content(1)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    any
	}{
		"404":      {code(404), new(*fetch.StatusError)},
		"size":     {whole(data[:5]), new(*fetch.SizeError)},
		"hash":     {whole(content(2)), new(*fetch.HashError)},
		"redirect": {redirect("file:///x"), new(*fetch.SchemeError)},
	} {
		err := run(t, target(t, serve(t, c.handler).URL, data))
		var hint interface{ Hint() string }
		if !errors.As(err, c.want) || !errors.As(err, &hint) || hint.Hint() == "" {
			t.Errorf("%s: got %T %v, want %T with a hint", name, err, err, c.want)
		}
	}
}

func TestStalledConnectionIsTriedAgain(t *testing.T) {
	data := content(1)
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	s := serve(t, stall(data, size/2), silent, good(data))
	file := target(t, s.URL, data)
	var retried []error
	err := fetch.Files(t.Context(), []fetch.File{file}, fetch.Options{Wait: atOnce, Idle: 200 * time.Millisecond, Report: func(e fetch.Event) {
		if e.Kind == fetch.Retry {
			retried = append(retried, e.Err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
	if len(retried) != 2 || !strings.Contains(retried[0].Error(), "no byte for 200ms") {
		t.Errorf("got %v, want two connections given up", retried)
	}
	if got := s.header(t, 2, "Range"); got != "bytes=153600-" {
		t.Errorf("got %q, want the rest asked for", got)
	}
}

// TestSlowIsNotStalled needs real time: twenty pieces, longer in all than a
// connection may be silent.
func TestSlowIsNotStalled(t *testing.T) {
	data := content(1)
	slow := func(w http.ResponseWriter, _ *http.Request) {
		tick := time.NewTicker(75 * time.Millisecond)
		defer tick.Stop()
		for i := range 20 {
			<-tick.C
			_, _ = w.Write(data[i*size/20 : (i+1)*size/20])
			_ = http.NewResponseController(w).Flush()
		}
	}
	s := serve(t, slow)
	file := target(t, s.URL, data)
	err := fetch.Files(t.Context(), []fetch.File{file}, fetch.Options{Idle: time.Second, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
}

func TestHTTPSNeverBecomesHTTP(t *testing.T) {
	data := content(1)
	plain := serve(t, good(data))
	secure := httptest.NewTLSServer(redirect(plain.URL))
	defer secure.Close()
	file := target(t, secure.URL, data)
	err := fetch.Files(t.Context(), []fetch.File{file}, fetch.Options{Client: secure.Client()})
	if _, ok := errors.AsType[*fetch.SchemeError](err); !ok || plain.requests() != 0 {
		t.Errorf("got %v and %d requests in the clear, want a SchemeError and none", err, plain.requests())
	}
	_, err = fetch.Get(t.Context(), secure.URL, "", "", 1<<20, fetch.Options{Client: secure.Client()})
	if _, ok := errors.AsType[*fetch.SchemeError](err); !ok || plain.requests() != 0 {
		t.Errorf("document: got %v and %d requests in the clear, want a SchemeError and none", err, plain.requests())
	}
}

func TestRedirectIsFollowed(t *testing.T) {
	data := content(1)
	mirror := serve(t, cut(data, size/2), good(data))
	file := target(t, serve(t, redirect(mirror.URL+"/x")).URL, data)
	if err := run(t, file); err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
	if got := mirror.header(t, 1, "Range"); got != "bytes=153600-" {
		t.Errorf("got %q behind the redirect, want the rest asked for", got)
	}
}
