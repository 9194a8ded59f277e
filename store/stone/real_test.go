package stone

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	bashCompletion = "stones/bash-completion-2.11-1-1-x86_64.stone"
	bison          = "manifests/bison.manifest.x86_64.bin"
	nano           = "manifests/nano.manifest.x86_64.bin"
)

// real is the path of a file that another program wrote. Such files are not in
// this repository but beside it. The test helpers that know the place write
// packages, so they import this package and cannot be used here.
func real(t testing.TB, name string) string {
	t.Helper()
	path := realPath(name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("left out: the real file %s is not on this machine", name)
	}
	return path
}

func realPath(name string) string { return filepath.Join("..", "..", "..", "shared", "data", name) }

func readReal(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(real(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, path string) *Reader {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// contents reads every content into memory.
func contents(t testing.TB, r *Reader) map[Hash][]byte {
	t.Helper()
	got := map[Hash][]byte{}
	err := r.Contents(t.TempDir(), func(e IndexEntry, src io.Reader) error {
		b, err := io.ReadAll(src)
		got[e.Hash] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRealPackage(t *testing.T) {
	data := readReal(t, bashCompletion)
	sum := sha256.Sum256(data)
	if got, want := hex.EncodeToString(sum[:]), "13e2bce256b183ee0c721bd6cc438be8dcebf95850c8d851801e4ce000195d94"; got != want {
		t.Fatalf("sha256 %s, want %s", got, want)
	}
	r := open(t, real(t, bashCompletion))
	p := r.Package()
	want := []PayloadHeader{
		{0x20, 307, 522, 0xf747b76066220445, 11, 1, PayloadMeta, CompressionZstd},
		{0x173, 13792, 64731, 0x00080612c2aed8f1, 745, 1, PayloadLayout, CompressionZstd},
		{0x3773, 9070, 15168, 0xaef2da49e8b09548, 474, 1, PayloadIndex, CompressionZstd},
		{0x5b01, 145535, 872279, 0xf99daf817c7da14c, 474, 1, PayloadContent, CompressionZstd},
	}
	if diff := cmp.Diff(want, p.Payloads); diff != "" {
		t.Errorf("payloads (-want +got):\n%s", diff)
	}
	if p.Type != Binary {
		t.Errorf("type %v, want %v", p.Type, Binary)
	}
	if err := r.Check(); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestRealPackageMeta(t *testing.T) {
	p := open(t, real(t, bashCompletion)).Package()
	want := Meta{
		Name: "bash-completion", Version: "2.11", Release: 1, BuildRelease: 1, Arch: "x86_64",
		Summary: "Programmable completion functions for bash",
		Description: "bash-completion is a collection of command line command completions for the Bash shell, " +
			"collection of helper functions to assist in creating new completions, and set of facilities for " +
			"loading completions automatically on demand, as well as installing them.",
		SourceID: "bash-completion", Homepage: "https://github.com/scop/bash-completion",
		Licenses: []string{"GPL-2.0-or-later"},
		Provides: []Provider{{KindCMake, "bash-completion"}},
	}
	if diff := cmp.Diff([]Meta{want}, p.Metas); diff != "" {
		t.Errorf("meta (-want +got):\n%s", diff)
	}
	if got, want := p.Meta().FileName(), filepath.Base(bashCompletion); got != want {
		t.Errorf("file name %s, want %s", got, want)
	}
}

func TestRealPackageLayouts(t *testing.T) {
	r := open(t, real(t, bashCompletion))
	var regular, symlinks int
	for _, l := range r.Package().Layouts {
		switch {
		case l.IsRegular():
			regular++
		case l.IsSymlink():
			symlinks++
		}
		if bytes.ContainsRune([]byte(l.Path+l.Target), 0) {
			t.Errorf("%q -> %q holds the NUL of old writers", l.Path, l.Target)
		}
	}
	if got := []int{len(r.Package().Layouts), regular, symlinks}; !slices.Equal(got, []int{745, 474, 271}) {
		t.Errorf("layouts, regular, symlinks: %v, want 745 474 271", got)
	}
	l := r.Package().Layouts[3]
	want := Layout{Path: "share/bash-completion/completions/7za", Mode: 0o120777, Target: "7z"}
	if diff := cmp.Diff(want, l); diff != "" {
		t.Errorf("layout 3 (-want +got):\n%s", diff)
	}
}

func TestRealPackageContents(t *testing.T) {
	r := open(t, real(t, bashCompletion))
	got := contents(t, r)
	if len(got) != 474 {
		t.Fatalf("%d contents, want 474", len(got))
	}
	var total int
	for hash, b := range got {
		total += len(b)
		if HashOf(b) != hash {
			t.Errorf("content %v has hash %v", hash, HashOf(b))
		}
	}
	if total != 872279 {
		t.Errorf("%d bytes, want 872279", total)
	}
}

func TestRealManifests(t *testing.T) {
	p := open(t, real(t, bison)).Package()
	m := p.Meta()
	if p.Type != Manifest || m.Name != "bison" || m.Version != "3.8.2" || m.Release != 3 || m.BuildRelease != 0 {
		t.Errorf("type %v, package %+v", p.Type, m)
	}
	wantDeps := []Provider{{KindInterpreter, "/usr/lib/ld-linux-x86-64.so.2(x86_64)"}, {KindSoname, "libc.so.6(x86_64)"}}
	if diff := cmp.Diff(wantDeps, m.Depends); diff != "" {
		t.Errorf("bison depends (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Provider{{KindBinary, "bison"}, {KindBinary, "yacc"}}, m.Provides); diff != "" {
		t.Errorf("bison provides (-want +got):\n%s", diff)
	}
	m = open(t, real(t, nano)).Package().Meta()
	wantBuild := []Provider{{KindBinary, "msgfmt"}, {KindPkgConfig, "libmagic"}, {KindPkgConfig, "ncursesw"}, {KindPkgConfig, "zlib"}}
	if diff := cmp.Diff(wantBuild, m.BuildDepends); diff != "" {
		t.Errorf("nano build depends (-want +got):\n%s", diff)
	}
	if len(m.Depends) != 4 || m.Release != 42 {
		t.Errorf("nano: %d depends, release %d, want 4 and 42", len(m.Depends), m.Release)
	}
}
