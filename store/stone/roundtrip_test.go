package stone

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil/need"
)

func TestRoundTrip(t *testing.T) {
	m, layouts, sources := sample()
	r := open(t, write(t, m, layouts, sources))
	if diff := cmp.Diff([]Meta{m}, r.Package().Metas); diff != "" {
		t.Errorf("meta (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(layouts, r.Package().Layouts); diff != "" {
		t.Errorf("layouts (-want +got):\n%s", diff)
	}
	got := contents(t, r)
	if len(got) != 3 {
		t.Errorf("%d contents, want 3: two files and the empty one", len(got))
	}
	for hash, b := range got {
		if HashOf(b) != hash {
			t.Errorf("content %v has hash %v", hash, HashOf(b))
		}
	}
	if err := r.Check(); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestRoundTripWithoutFiles(t *testing.T) {
	m := Meta{Name: "meta-package"}
	p := open(t, write(t, m, nil, nil)).Package()
	var kinds []PayloadKind
	for _, h := range p.Payloads {
		kinds = append(kinds, h.Kind)
	}
	if diff := cmp.Diff([]PayloadKind{PayloadMeta, PayloadLayout}, kinds); diff != "" {
		t.Errorf("payloads (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(m, p.Meta()); diff != "" {
		t.Errorf("meta (-want +got):\n%s", diff)
	}
}

// An empty file needs no source: its index record is 0..0 and the content
// payload holds nothing.
func TestRoundTripEmptyFileOnly(t *testing.T) {
	layouts := []Layout{{Path: "share/x", Mode: 0o100644, Hash: EmptyHash()}}
	r := open(t, write(t, Meta{Name: "x"}, layouts, nil))
	if diff := cmp.Diff([]IndexEntry{{Hash: EmptyHash()}}, r.Package().Index); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	if got := contents(t, r); len(got) != 1 || len(got[EmptyHash()]) != 0 {
		t.Errorf("contents %v, want one empty one", got)
	}
}

func TestRoundTripOfRealPackage(t *testing.T) {
	r := open(t, real(t, bashCompletion))
	want := contents(t, r)
	var sources []Source
	for _, b := range want {
		sources = append(sources, source(b))
	}
	again := open(t, write(t, r.Package().Meta(), r.Package().Layouts, sources))
	if diff := cmp.Diff(r.Package().Metas, again.Package().Metas); diff != "" {
		t.Errorf("meta (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(r.Package().Layouts, again.Package().Layouts); diff != "" {
		t.Errorf("layouts (-want +got):\n%s", diff)
	}
	if got := contents(t, again); !maps.EqualFunc(want, got, bytes.Equal) {
		t.Errorf("contents differ: %d, want %d", len(got), len(want))
	}
	size := func(r *Reader) int64 { p := r.Package().Payloads; return p[len(p)-1].end() }
	t.Logf("rewritten: %d bytes, the original has %d", size(again), size(r))
}

func TestWriteIsDeterministic(t *testing.T) {
	if a, b := sampleBytes(t), sampleBytes(t); !bytes.Equal(a, b) {
		t.Error("two runs gave different bytes")
	}
}

func TestEncode(t *testing.T) {
	other := sampleMeta()
	other.Name = "pico"
	for _, metas := range [][]Meta{nil, {sampleMeta()}, {sampleMeta(), other}} {
		var b bytes.Buffer
		if err := Encode(&b, Repository, metas); err != nil {
			t.Fatal(err)
		}
		r, err := read(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(metas, r.Package().Metas); diff != "" || r.Package().Type != Repository {
			t.Errorf("type %v, metas (-want +got):\n%s", r.Package().Type, diff)
		}
	}
	if err := Encode(&bytes.Buffer{}, Binary, nil); err == nil {
		t.Error("a binary package was encoded without layouts")
	}
}

// decoded is what testdata/decode.py prints.
type decoded struct {
	Type       FileType
	Metas      [][][3]any
	Layouts    []struct{ Path, Source string }
	Index      [][3]any
	Attributes [][2]string
	Contents   map[string]string
}

func decodeIndependently(t *testing.T, path string) decoded {
	t.Helper()
	for _, program := range []string{"python3", "zstd"} {
		need.Program(t, program)
	}
	cmd := exec.Command("python3", filepath.Join("testdata", "decode.py"), path)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("decode.py: %v: %s", err, err.(*exec.ExitError).Stderr)
	}
	var d decoded
	if err := json.Unmarshal(out, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestIndependentDecoderAgrees(t *testing.T) {
	m, layouts, sources := sample()
	path := write(t, m, layouts, sources)
	d := decodeIndependently(t, path)
	compareDecoded(t, d, open(t, path))
	wantAttributes := [][2]string{
		{"xattr/security.capability/bin/nano", "0100000200040000"},
		{"xattr/user.note/bin/nano", hex.EncodeToString([]byte("a/b"))},
	}
	if diff := cmp.Diff(wantAttributes, d.Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if got, want := d.Metas[0][0][2], any("nano"); got != want {
		t.Errorf("first record is %v, want %v", got, want)
	}
}

func TestIndependentDecoderAgreesOnRealPackage(t *testing.T) {
	path := real(t, bashCompletion)
	r := open(t, path)
	compareDecoded(t, decodeIndependently(t, path), r)
	var sources []Source
	for _, b := range contents(t, r) {
		sources = append(sources, source(b))
	}
	path = write(t, r.Package().Meta(), r.Package().Layouts, sources)
	compareDecoded(t, decodeIndependently(t, path), open(t, path))
}

func compareDecoded(t *testing.T, d decoded, r *Reader) {
	t.Helper()
	p := r.Package()
	if d.Type != p.Type || len(d.Layouts) != len(p.Layouts) || len(d.Index) != len(p.Index) {
		t.Fatalf("type %v, %d layouts, %d contents; want %v, %d, %d",
			p.Type, len(p.Layouts), len(p.Index), d.Type, len(d.Layouts), len(d.Index))
	}
	for i, l := range p.Layouts {
		source := l.Target
		if l.IsRegular() {
			source = l.Hash.String()
		}
		if l.Path != d.Layouts[i].Path || source != d.Layouts[i].Source {
			t.Errorf("layout %d: %q %q, want %q %q", i, l.Path, source, d.Layouts[i].Path, d.Layouts[i].Source)
		}
	}
	got := map[string]string{}
	for hash, b := range contents(t, r) {
		sum := sha256.Sum256(b)
		got[hash.String()] = hex.EncodeToString(sum[:])
	}
	if diff := cmp.Diff(d.Contents, got); diff != "" {
		t.Errorf("sha256 of contents (-want +got):\n%s", diff)
	}
}
