package early

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"moss/internal/testutil"
)

// recorder is a machine that writes down what it is asked for. A partition that
// is mounted is a folder that is linked there.
type recorder struct {
	t     *testing.T
	calls []string

	parts map[string]string // node -> folder that is its file system
	vars  testutil.Tree     // what is in efivarfs, once mounted
	fail  map[string]error  // by the call's first word

	kernel, images, line string // what load was given
	at                   func(call string)
}

func (r *recorder) note(words ...string) error {
	call := strings.Join(words, " ")
	r.calls = append(r.calls, call)
	if r.at != nil {
		r.at(words[0])
	}
	return r.fail[words[0]]
}

var errStays = errors.New("the machine is still here")

// restart and jump come back, as they do when the kernel refuses.
func (r *recorder) restart() error { return errors.Join(r.note("restart"), errStays) }
func (r *recorder) jump() error    { return errors.Join(r.note("jump"), errStays) }

func (r *recorder) load(kernel, images *os.File, line string) error {
	r.kernel, r.line = r.text(kernel), line
	if images != nil {
		r.images = r.text(images)
	}
	return r.note("load")
}

func (r *recorder) text(f *os.File) string {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *recorder) mount(source, dir, kind string, _ uintptr) error {
	if err := r.note("mount", filepath.Base(source), kind); err != nil {
		return err
	}
	if kind == "efivarfs" {
		r.vars.Create(r.t, dir)
		return nil
	}
	if err := os.Remove(dir); err != nil {
		return err
	}
	return os.Symlink(r.parts[filepath.Base(source)], dir)
}

func (r *recorder) unmount(dir string) error {
	return errors.Join(r.note("unmount"), os.Remove(dir))
}

func (r *recorder) pause(d time.Duration) { _ = r.note("pause", d.String()) }
func (r *recorder) enter(*os.File)        { _ = r.note("enter") }

func (r *recorder) called(word string) bool {
	return slices.ContainsFunc(r.calls, func(call string) bool { return strings.HasPrefix(call, word) })
}

// TestEnterNeedsAPerson: an end of input is nobody's answer.
func TestEnterNeedsAPerson(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	go func() { _, _ = out.WriteString("abc\n") }()
	hardware{}.enter(in)
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	came := make(chan bool)
	go func() { hardware{}.enter(in); close(came) }()
	select {
	case <-came:
		t.Error("the end of the input was taken for Enter")
	case <-time.After(50 * time.Millisecond):
	}
}
