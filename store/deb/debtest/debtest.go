// Package debtest makes Debian packages for tests, good ones and hostile ones,
// without any of Debian's tools.
package debtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Package is what goes into a .deb. Nothing is checked.
type Package struct {
	Name        string // of the file, without .deb
	Control     string // the control file; Stanza makes one
	Scripts     map[string]string
	Files       []File
	Compression string // of both tars: "", "gz", "xz", "zst"
}

// File is one entry of the data archive, in the order of the archive.
type File struct {
	Name     string // as in the tar: "./usr/bin/x"
	Body     string
	Type     byte  // 0 is a regular file, or a folder if Name ends in a slash
	Mode     int64 // 0 is 0644, of folders 0755
	UID, GID int
	Link     string
	PAX      map[string]string
}

// Stanza is a control file with the mandatory fields and more lines.
func Stanza(name, version string, more ...string) string {
	lines := append([]string{
		"Package: " + name, "Version: " + version, "Architecture: amd64",
		"Maintainer: Nobody <nobody@example.org>", "Description: the " + name + " package",
	}, more...)
	return strings.Join(lines, "\n") + "\n"
}

// Write puts the package into dir and returns its path.
func (p Package) Write(t testing.TB, dir string) string {
	t.Helper()
	control := []File{{Name: "./", Type: tar.TypeDir}, {Name: "./control", Body: p.Control}}
	for name, body := range p.Scripts {
		control = append(control, File{Name: "./" + name, Body: body, Mode: 0o755})
	}
	file := filepath.Join(dir, p.Name+".deb")
	ar := Ar(
		Member{"debian-binary", "2.0\n"},
		Member{p.tarName("control"), string(Compress(t, p.Compression, Tar(t, control)))},
		Member{p.tarName("data"), string(Compress(t, p.Compression, Tar(t, p.Files)))},
	)
	if err := os.WriteFile(file, ar, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func (p Package) tarName(part string) string {
	if p.Compression == "" {
		return part + ".tar"
	}
	return part + ".tar." + p.Compression
}

// Member is one file of an ar archive.
type Member struct{ Name, Body string }

// Ar makes an ar archive.
func Ar(members ...Member) []byte {
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", m.Name, 0, 0, 0, 0o100644, len(m.Body), m.Body)
		if len(m.Body)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// Tar makes a tar archive.
func Tar(t testing.TB, files []File) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(f.header()); err != nil {
			t.Fatalf("tar header of %q: %v", f.Name, err)
		}
		if _, err := io.WriteString(w, f.Body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (f File) header() *tar.Header {
	h := &tar.Header{
		Name: f.Name, Typeflag: f.Type, Mode: f.Mode, Uid: f.UID, Gid: f.GID,
		Size: int64(len(f.Body)), Linkname: f.Link, PAXRecords: f.PAX,
	}
	if h.Typeflag == 0 && strings.HasSuffix(f.Name, "/") {
		h.Typeflag = tar.TypeDir
	} else if h.Typeflag == 0 {
		h.Typeflag = tar.TypeReg
	}
	if h.Mode == 0 && h.Typeflag == tar.TypeDir {
		h.Mode = 0o755
	} else if h.Mode == 0 {
		h.Mode = 0o644
	}
	return h
}

// Compress is b in the compression named by a file ending.
func Compress(t testing.TB, kind string, b []byte) []byte {
	t.Helper()
	if kind == "" {
		return b
	}
	var out bytes.Buffer
	w, err := compressor(kind, &out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func compressor(kind string, out io.Writer) (io.WriteCloser, error) {
	switch kind {
	case "gz":
		return gzip.NewWriter(out), nil
	case "xz":
		return xz.NewWriter(out)
	case "zst":
		return zstd.NewWriter(out)
	}
	return nil, fmt.Errorf("no compressor for %q", kind)
}
