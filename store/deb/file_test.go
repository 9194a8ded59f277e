package deb_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/store/deb"
	"moss/store/deb/debtest"
)

func TestReadsEveryCompression(t *testing.T) {
	for _, kind := range []string{"", "gz", "xz", "zst"} {
		t.Run("tar."+kind, func(t *testing.T) {
			file := debtest.Package{
				Name: "hello", Control: debtest.Stanza("hello", "1.0-1"), Compression: kind,
				Scripts: map[string]string{"postinst": "setcap cap_net_raw+ep /usr/bin/hello\n"},
				Files:   []debtest.File{{Name: "./usr/"}, {Name: "./usr/bin/hello", Body: "hi", Mode: 0o4755, UID: 7}},
			}.Write(t, t.TempDir())
			d, err := deb.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			c, err := d.Control()
			if err != nil || c.Package != "hello" || len(c.Capabilities) != 1 {
				t.Errorf("got control %+v and %v, want package hello with one capability", c, err)
			}
			var got []string
			err = d.Data(func(h *tar.Header, r io.Reader) error {
				body, err := io.ReadAll(r)
				got = append(got, fmt.Sprintf("%s %o %d %s", h.Name, h.Mode, h.Uid, body))
				return err
			})
			want := "./usr/ 755 0 |./usr/bin/hello 4755 7 hi"
			if err != nil || strings.Join(got, "|") != want {
				t.Errorf("got %q and %v, want %q", got, err, want)
			}
		})
	}
}

func write(t *testing.T, members ...debtest.Member) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.deb")
	if err := os.WriteFile(file, debtest.Ar(members...), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOpenRefuses(t *testing.T) {
	version := debtest.Member{Name: "debian-binary", Body: "2.0\n"}
	control, data := debtest.Member{Name: "control.tar"}, debtest.Member{Name: "data.tar"}
	for name, test := range map[string]struct {
		members []debtest.Member
		want    string
	}{
		"nothing":               {nil, "no debian-binary"},
		"other first member":    {[]debtest.Member{control, version, data}, "no debian-binary"},
		"format 3":              {[]debtest.Member{{Name: "debian-binary", Body: "3.0\n"}, control, data}, "not known"},
		"format 0.939":          {[]debtest.Member{{Name: "debian-binary", Body: "0.939000\n"}, control, data}, "not known"},
		"data before control":   {[]debtest.Member{version, data, control}, `unexpected member "data.tar"`},
		"no data":               {[]debtest.Member{version, control}, "no control.tar and data.tar"},
		"foreign member":        {[]debtest.Member{version, control, {Name: "evil"}, data}, `unexpected member "evil"`},
		"look-alike of control": {[]debtest.Member{version, {Name: "control.tarx"}, data}, "unexpected member"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := deb.Open(write(t, test.members...))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %q", err, test.want)
			}
		})
	}
	ignored := write(t, version, debtest.Member{Name: "_extra"}, control, debtest.Member{Name: "_more"}, data, debtest.Member{Name: "signature"})
	d, err := deb.Open(ignored)
	if err != nil {
		t.Fatalf("members to be ignored: %v", err)
	}
	d.Close()
	if _, err := deb.Open(t.TempDir()); err == nil {
		t.Error("a folder was opened as a package")
	}
}

func TestControlRefuses(t *testing.T) {
	tarOf := func(files ...debtest.File) string { return string(debtest.Tar(t, files)) }
	good := tarOf(debtest.File{Name: "./control", Body: debtest.Stanza("a", "1")})
	for name, test := range map[string]struct{ member, body, want string }{
		"no control file":         {"control.tar", tarOf(debtest.File{Name: "./md5sums"}), "no control file"},
		"control is a symlink":    {"control.tar", tarOf(debtest.File{Name: "./control", Type: tar.TypeSymlink, Link: "/etc/passwd"}), "not a regular file"},
		"control of 2 MiB":        {"control.tar", tarOf(debtest.File{Name: "./control", Body: strings.Repeat("#", 2<<20)}), "at most"},
		"unknown compression":     {"control.tar.bz2", good, `".bz2" is not supported`},
		"not what the name says":  {"control.tar.gz", good, "open control.tar.gz"},
		"not a tar":               {"control.tar", strings.Repeat("x", 1024), "read control.tar"},
		"tar cut in a file":       {"control.tar", good[:600], "read control.tar"},
		"expands without an end":  {"control.tar.zst", string(debtest.Compress(t, "zst", make([]byte, 17<<20))), "more content"},
		"gzip with a wrong check": {"control.tar.gz", breakLast(debtest.Compress(t, "gz", []byte(good))), "to its end"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := deb.Open(write(t, debtest.Member{Name: "debian-binary", Body: "2.0\n"},
				debtest.Member{Name: test.member, Body: test.body}, debtest.Member{Name: "data.tar"}))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if _, err := d.Control(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %q", err, test.want)
			}
		})
	}
}

// breakLast damages the checksum that stands before the length at the end of a
// gzip stream, after everything that a tar reader looks at.
func breakLast(b []byte) string {
	b = bytes.Clone(b)
	b[len(b)-8] ^= 1
	return string(b)
}

func TestDataHandsOverTheVisitorsError(t *testing.T) {
	file := debtest.Package{Name: "x", Control: debtest.Stanza("x", "1"), Files: []debtest.File{{Name: "../up", Body: "x"}}}.Write(t, t.TempDir())
	d, err := deb.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	stop := errors.New("stop")
	// The name must reach the visitor, whatever GODEBUG says about insecure paths.
	t.Setenv("GODEBUG", "tarinsecurepath=0")
	err = d.Data(func(h *tar.Header, _ io.Reader) error { return fmt.Errorf("%s: %w", h.Name, stop) })
	if !errors.Is(err, stop) || !strings.Contains(err.Error(), "../up") {
		t.Errorf("got %v, want the visitor's error about ../up", err)
	}
}
