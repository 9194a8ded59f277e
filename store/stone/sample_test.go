package stone

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
)

// source is a Source of bytes in memory.
func source(b []byte) Source {
	return Source{Hash: HashOf(b), Size: int64(len(b)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b)), nil
	}}
}

func sampleMeta() Meta {
	return Meta{
		Name: "nano", Version: "9.2", Release: 42, BuildRelease: 7, Arch: "x86_64", Summary: "an editor",
		Description: "two\nlines", SourceID: "nano", Homepage: "https://nano-editor.org/",
		Licenses: []string{"GPL-3.0-or-later", "GFDL-1.2-or-later"},
		Depends:  []Provider{{KindSoname, "libc.so.6(x86_64)"}, {KindName, "ncurses"}},
		Provides: []Provider{{KindBinary, "nano"}}, Conflicts: []Provider{{KindName, "pico"}},
		BuildDepends: []Provider{{KindPkgConfig, "zlib"}},
		URI:          "n/nano.stone", Hash: strings.Repeat("ab", 32), Size: 1 << 40,
		SourceURI: "https://example.org/r", SourcePath: "n/nano", SourceRef: "main",
	}
}

// sample is a small package with one of everything.
func sample() (Meta, []Layout, []Source) {
	big := bytes.Repeat([]byte("nano is an editor\n"), 500)
	small := []byte("set tabsize 8\n")
	layouts := []Layout{
		{Path: "bin/nano", Mode: 0o104755, Hash: HashOf(big), Xattrs: []Xattr{
			{"security.capability", []byte{1, 0, 0, 2, 0, 4, 0, 0}}, {"user.note", []byte("a/b")},
		}},
		{Path: "bin/rnano", Mode: 0o120777, Target: "nano"},
		{Path: "share/nano/rc", Mode: 0o100644, UID: 1, GID: 1 << 20, Hash: HashOf(small)},
		{Path: "share/nano/rc.copy", Mode: 0o100600, Hash: HashOf(small)},
		{Path: "share/nano/empty", Mode: 0o100644, Hash: EmptyHash()},
		{Path: "share/nano/spool", Mode: 0o041777},
		{Path: "share/nano/pipe", Mode: 0o010644},
	}
	return sampleMeta(), layouts, []Source{source(small), source(big), source(small), source(nil)}
}

// write puts a package into a folder of the test and gives its path.
func write(t testing.TB, m Meta, layouts []Layout, sources []Source) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), m.FileName())
	if err := Write(path, m, layouts, sources, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

func sampleBytes(t testing.TB) []byte {
	t.Helper()
	m, layouts, sources := sample()
	b, err := os.ReadFile(write(t, m, layouts, sources))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// payload is one payload as a hostile writer makes it: what is stored may
// disagree with every size and count, only the checksum is right.
type payload struct {
	kind        PayloadKind
	compression uint8
	plain       uint64
	records     uint32
	stored      []byte
}

// verbatimPayload stores plain as it is and tells the truth about it.
func verbatimPayload(kind PayloadKind, records int, plain []byte) payload {
	return payload{kind, CompressionNone, uint64(len(plain)), uint32(records), plain}
}

func (p payload) bytes() []byte {
	h := PayloadHeader{Stored: uint64(len(p.stored)), Plain: p.plain, Checksum: xxh3.Hash(p.stored),
		Records: p.records, Version: 1, Kind: p.kind, Compression: p.compression}
	return append(h.encode(), p.stored...)
}

func fileOf(kind FileType, payloads ...payload) []byte {
	b := encodePrelude(kind, len(payloads))
	for _, p := range payloads {
		b = append(b, p.bytes()...)
	}
	return b
}

func metaPayloadOf(t testing.TB, m Meta) payload {
	t.Helper()
	b, n, err := encodeMeta(m)
	if err != nil {
		t.Fatal(err)
	}
	return verbatimPayload(PayloadMeta, n, b)
}

// minimalMeta is the meta payload of a package that says nothing.
func minimalMeta(t testing.TB) payload { return metaPayloadOf(t, Meta{}) }

func read(b []byte) (*Reader, error) { return NewReader(bytes.NewReader(b), int64(len(b))) }

// compress makes one zstd frame of blocks that need a window of at most 8 MiB.
func compress(t testing.TB, plain []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(plain, nil)
}

// reheader replaces a frame's header: the blocks stay valid under any window
// that is at least as large.
func reheader(t testing.TB, stored, header []byte) []byte {
	t.Helper()
	var z zstd.Header
	if err := z.Decode(stored); err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(header), stored[z.HeaderSize:]...)
}

// windowHeader asks for a window of 1<<exponent bytes, without a content size.
func windowHeader(exponent int) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, frameMagic), 0, byte(exponent-10)<<3)
}
