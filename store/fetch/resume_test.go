package fetch_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"moss/store/fetch"
)

// interrupt begins file and cancels when half of it is here.
func interrupt(t *testing.T, file fetch.File) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := fetch.Files(ctx, []fetch.File{file}, fetch.Options{Report: func(e fetch.Event) {
		if e.Bytes >= size/2 {
			cancel()
		}
	}})
	if _, ok := errors.AsType[*fetch.StoppedError](err); !ok {
		t.Fatalf("got %v, want a StoppedError", err)
	}
	if n := partSize(t, file); n != size/2 {
		t.Fatalf("got a part of %d bytes, want %d", n, size/2)
	}
}

func TestPartIsKeptAndContinuedByALaterRun(t *testing.T) {
	data := content(1)
	s := serve(t, stall(data, size/2), good(data))
	file := target(t, s.URL, data)
	interrupt(t, file)
	var begun int64
	err := fetch.Files(t.Context(), []fetch.File{file}, fetch.Options{Report: func(e fetch.Event) {
		if e.Kind == fetch.Begin {
			begun = e.Bytes
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
	if begun != size/2 {
		t.Errorf("begun at %d, want %d", begun, size/2)
	}
	if got := s.header(t, 1, "Range"); got != "bytes=153600-" {
		t.Errorf("asked for %q, want the rest only", got)
	}
	if got, want := s.header(t, 1, "If-Range"), `"`+sum(data)[:8]+`"`; got != want {
		t.Errorf("If-Range is %q, want %q", got, want)
	}
}

func TestCompletePartNeedsNoServer(t *testing.T) {
	data := content(1)
	s := serve(t, stall(data, size/2), code(500))
	file := target(t, s.URL, data)
	interrupt(t, file)
	part, err := os.OpenFile(file.Path+".part", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(data[size/2:]); err != nil {
		t.Fatal(err)
	}
	part.Close()
	if err := run(t, file); err != nil || s.requests() != 1 {
		t.Fatalf("got %v after %d requests, want none but the first", err, s.requests())
	}
	arrived(t, file, data)
}

// TestPartsThatAreNotContinued says which parts a later run throws away.
func TestPartsThatAreNotContinued(t *testing.T) {
	data, other := content(1), content(2)
	for name, change := range map[string]func(t *testing.T, f *fetch.File){
		"of another content": func(_ *testing.T, f *fetch.File) { f.SHA256 = sum(other) },
		"of another size":    func(_ *testing.T, f *fetch.File) { f.Size, f.SHA256 = size+1, sum(append(other[:size:size], 'x')) },
		"of another address": func(_ *testing.T, f *fetch.File) { f.URL += "/elsewhere"; f.SHA256 = sum(other) },
		"without a note": func(t *testing.T, f *fetch.File) {
			f.SHA256 = sum(other)
			if err := unix.Removexattr(f.Path+".part", "user.moss.download"); err != nil {
				t.Fatal(err)
			}
		},
		"without a hash":              func(_ *testing.T, f *fetch.File) { f.SHA256 = "" },
		"without a hash in both runs": func(*testing.T, *fetch.File) {},
		"longer than the file": func(t *testing.T, f *fetch.File) {
			if err := os.Truncate(f.Path+".part", size+5); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := other
			if name == "of another size" {
				want = append(other[:size:size], 'x')
			}
			if name == "longer than the file" {
				want = data
			}
			s := serve(t, stall(data, size/2), good(want))
			file := target(t, s.URL, data)
			if name == "without a hash in both runs" {
				file.SHA256 = ""
			}
			interrupt(t, file)
			change(t, &file)
			if err := run(t, file); err != nil {
				t.Fatal(err)
			}
			arrived(t, file, want)
			if got := s.header(t, 1, "Range"); got != "" {
				t.Errorf("asked for %q, want the whole file", got)
			}
		})
	}
}

// TestDamagedPartIsBegunAgain is the part that a power cut left: its length
// was on the disk before its bytes.
func TestDamagedPartIsBegunAgain(t *testing.T) {
	data := content(1)
	s := serve(t, stall(data, size/2), good(data))
	file := target(t, s.URL, data)
	interrupt(t, file)
	part, err := os.OpenFile(file.Path+".part", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.WriteAt(make([]byte, 4096), size/4); err != nil {
		t.Fatal(err)
	}
	part.Close()
	if err := run(t, file); err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
	if s.requests() != 3 || s.header(t, 2, "Range") != "" {
		t.Errorf("got %d requests, the last for %q, want 3 and the whole file", s.requests(), s.header(t, 2, "Range"))
	}
}

// TestFileThatChangesBetweenPieces has no hash: only If-Range keeps a mixture
// of two versions from being taken for a file.
func TestFileThatChangesBetweenPieces(t *testing.T) {
	before, after := content(1), content(2)
	s := serve(t, cut(before, size/2), good(after))
	file := target(t, s.URL, after)
	file.SHA256 = ""
	if err := run(t, file); err != nil {
		t.Fatal(err)
	}
	arrived(t, file, after)
	if got, want := s.header(t, 1, "If-Range"), `"`+sum(before)[:8]+`"`; got != want {
		t.Errorf("If-Range is %q, want %q", got, want)
	}
}

// TestProgressForgivesFailures has a server that drops every connection after
// 70 KiB: five pieces, with patience for one failure in a row.
func TestProgressForgivesFailures(t *testing.T) {
	data := content(1)
	short := func(w http.ResponseWriter, r *http.Request) {
		good(data)(&limited{ResponseWriter: w, left: 70 << 10}, r)
	}
	s := serve(t, short)
	file := target(t, s.URL, data)
	if err := fetch.Files(t.Context(), []fetch.File{file}, fetch.Options{Wait: atOnce, Retries: 1}); err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
	if n := s.requests(); n != 5 {
		t.Errorf("got %d requests, want 5", n)
	}
}

// limited breaks the connection after left bytes of the body.
type limited struct {
	http.ResponseWriter
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n, err := l.ResponseWriter.Write(b[:min(l.left, len(b))])
	if l.left -= n; l.left == 0 {
		_ = http.NewResponseController(l.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func TestWeakValidatorsAreNoneWithoutAHash(t *testing.T) {
	data := content(1)
	weak := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `W/"1"`)
		w.Header().Set("Content-Length", "307200")
		_, _ = w.Write(data[:size/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	s := serve(t, weak, good(data))
	file := target(t, s.URL, data)
	file.SHA256 = ""
	if err := run(t, file); err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
	if got := s.header(t, 1, "Range"); got != "" {
		t.Errorf("asked for %q, want the whole file: nothing says that the pieces fit", got)
	}
}

func TestOneWriterAPart(t *testing.T) {
	data := content(1)
	s := serve(t, stall(data, size/2), good(data))
	file := target(t, s.URL, data)
	interrupt(t, file)
	held, err := os.Open(file.Path + ".part")
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	err = run(t, file)
	if _, ok := errors.AsType[*fetch.BusyError](err); !ok || partSize(t, file) != size/2 {
		t.Errorf("got %v, want a BusyError and the part as it was", err)
	}
	held.Close()
	if err := run(t, file); err != nil {
		t.Fatal(err)
	}
	arrived(t, file, data)
}

func TestPartThatIsASymlinkIsNotFollowed(t *testing.T) {
	data := content(1)
	s := serve(t, good(data))
	file := target(t, s.URL, data)
	victim := t.TempDir() + "/shadow"
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, file.Path+".part"); err != nil {
		t.Fatal(err)
	}
	if err := run(t, file); !errors.Is(err, unix.ELOOP) {
		t.Errorf("got %v, want ELOOP", err)
	}
	if got, _ := os.ReadFile(victim); string(got) != "precious" {
		t.Errorf("the file behind the link holds %q", got)
	}
}
