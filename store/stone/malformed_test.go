package stone

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func record(uid, gid, mode uint32, kind byte, source, path string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uid)
	b = binary.BigEndian.AppendUint32(b, gid)
	b = binary.BigEndian.AppendUint32(b, mode)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(source)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(path)))
	b = append(b, kind)
	b = append(b, make([]byte, 11)...)
	return append(append(b, source...), path...)
}

func metaRecordOf(t tag, prim byte, value string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(value)))
	b = binary.BigEndian.AppendUint16(b, uint16(t))
	return append(append(b, prim, 0), value...)
}

func attributeOf(key, value string) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(key)))
	b = binary.BigEndian.AppendUint64(b, uint64(len(value)))
	return append(append(b, key...), value...)
}

// withMeta is the minimal meta payload and one more record.
func withMeta(t *testing.T, extra []byte) payload {
	p := minimalMeta(t)
	return verbatimPayload(PayloadMeta, int(p.records)+1, append(bytes.Clone(p.stored), extra...))
}

func TestMalformedRecords(t *testing.T) {
	meta := minimalMeta(t)
	empty := EmptyHash()
	regular := record(0, 0, 0o100644, 1, string(empty[:]), "a")
	link := record(0, 0, 0o120777, 2, "x", "b")
	layout := func(n int, b ...[]byte) payload { return verbatimPayload(PayloadLayout, n, slices.Concat(b...)) }
	attrs := func(n int, b ...[]byte) payload { return verbatimPayload(PayloadAttributes, n, slices.Concat(b...)) }
	index := func(e ...IndexEntry) payload { return verbatimPayload(PayloadIndex, len(e), encodeIndex(e)) }
	content := verbatimPayload(PayloadContent, 0, []byte("abcdef"))
	abc, def := HashOf([]byte("abc")), HashOf([]byte("def"))
	for _, c := range []struct {
		want string
		file []payload
	}{
		{"package without a meta payload", []payload{layout(1, link)}},
		{"second meta payload", []payload{meta, meta}},
		{"second layout payload", []payload{meta, layout(1, link), layout(1, link)}},
		{"license has type 8", []payload{withMeta(t, metaRecordOf(tagLicense, 8, "12345678"))}},
		{"name appears twice", []payload{withMeta(t, metaRecordOf(tagName, 9, "x\x00"))}},
		{"name is missing", []payload{verbatimPayload(PayloadMeta, 0, nil)}},
		{"holds a NUL byte", []payload{withMeta(t, metaRecordOf(tagLicense, 9, "a\x00b"))}},
		{"unknown dependency kind 9", []payload{withMeta(t, metaRecordOf(tagDepends, 10, "\x09x\x00"))}},
		{"want a dependency", []payload{withMeta(t, metaRecordOf(tagDepends, 10, ""))}},
		{"want an integer", []payload{withMeta(t, metaRecordOf(tagPackageSize, 8, "1234"))}},
		{"package size is negative", []payload{withMeta(t, metaRecordOf(tagPackageSize, 5, "\xff\xff\xff\xff"))}},
		{"value wants 4294967295 bytes", []payload{withMeta(t, []byte("\xff\xff\xff\xff\x00\x01\x09\x00"))}},
		{"bytes follow the last record", []payload{verbatimPayload(PayloadMeta, int(meta.records), append(bytes.Clone(meta.stored), 0))}},
		{"record wants 8 bytes, 0 are left", []payload{verbatimPayload(PayloadMeta, 1<<32-1, meta.stored)}},
		{"has 15 bytes, want 16", []payload{meta, layout(1, record(0, 0, 0o100644, 1, string(empty[:15]), "a"))}},
		{"type 2 do not agree", []payload{meta, layout(1, record(0, 0, 0o100644, 2, "x", "a"))}},
		{"mode 0644 and type 1", []payload{meta, layout(1, record(0, 0, 0o644, 1, string(empty[:]), "a"))}},
		{"but has source", []payload{meta, layout(1, record(0, 0, 0o040755, 3, "x", "a"))}},
		{"path holds a NUL byte", []payload{meta, layout(1, record(0, 0, 0o120777, 2, "x", "a\x00b"))}},
		{"source holds a NUL byte", []payload{meta, layout(1, record(0, 0, 0o120777, 2, "x\x00y", "a"))}},
		{"path \"a\" appears twice", []payload{meta, layout(2, regular, regular)}},
		{"which the index lacks", []payload{meta, layout(1, record(0, 0, 0o100644, 1, string(abc[:]), "a"))}},
		{"starts at 3, after its end 2", []payload{meta, index(IndexEntry{3, 2, abc}), content}},
		{"content payload at 6", []payload{meta, index(IndexEntry{0, 7, abc}), content}},
		{"content payload at 0", []payload{meta, index(IndexEntry{0, 3, abc})}},
		{"share bytes from 2", []payload{meta, index(IndexEntry{0, 3, abc}, IndexEntry{2, 5, def}), content}},
		{"appears twice", []payload{meta, index(IndexEntry{0, 3, abc}, IndexEntry{3, 6, abc}), content}},
		{"has hash", []payload{meta, index(IndexEntry{0, 3, def}), content}},
		{"has hash", []payload{meta, index(IndexEntry{0, 0, def}), content}},
		{"has hash", []payload{meta, index(IndexEntry{0, 0, def})}},
		{"which no layout has", []payload{meta, layout(1, link), attrs(1, attributeOf("xattr/user.a/c", "v"))}},
		{"which no layout has", []payload{meta, attrs(1, attributeOf("xattr/user.a/", "v"))}},
		{"is not xattr/", []payload{meta, layout(1, link), attrs(1, attributeOf("xattr//b", "v"))}},
		{"of \"b\" appears twice", []payload{meta, layout(1, link), attrs(2, attributeOf("xattr/u/b", "v"), attributeOf("xattr/u/b", "v"))}},
		{"key wants 18446744073709551615 bytes", []payload{meta, attrs(1, bytes.Repeat([]byte{0xff}, 16))}},
	} {
		if fault := wantFormatError(t, c.want, fileOf(Binary, c.file...)); fault != nil && !strings.Contains(fault.Error(), c.want) {
			t.Errorf("error %q, want %q in it", fault, c.want)
		}
	}
}

// Records without compression are named by their exact place.
func TestOffsetOfRecord(t *testing.T) {
	meta := minimalMeta(t)
	good := record(0, 0, 0o120777, 2, "x", "b")
	bad := record(0, 0, 0o120777, 3, "x", "c")
	b := fileOf(Binary, meta, verbatimPayload(PayloadLayout, 2, slices.Concat(good, bad)))
	fault := wantFormatError(t, "type 3", b)
	if want := int64(32 + 32 + len(meta.stored) + 32 + len(good) + layoutRecord); fault != nil && fault.Offset != want {
		t.Errorf("offset %d, want %d: %v", fault.Offset, want, fault)
	}
}

func TestMalformedHeaders(t *testing.T) {
	whole := fileOf(Binary, minimalMeta(t))
	for _, c := range []struct {
		want   string
		at     int
		value  byte
		offset int64
	}{
		{"magic", 1, 'n', 0},
		{"integrity", 10, 1, 6},
		{"unknown file type 5", 27, 5, 27},
		{"unknown file type 0", 27, 0, 27},
		{"format version 2", 31, 2, 28},
		{"header of payload 2 of 2", 5, 2, int64(len(whole))},
		{"follow the last payload", 5, 0, 32},
		{"the file has", 32, 1, 32},
		{"payload is not compressed", 40, 1, 40},
		{"payload version 2", 32 + 29, 2, 32 + 28},
		{"unknown compression 3", 32 + 31, 3, 32 + 31},
		{"checksum", 32 + 16, 0xff, 64},
	} {
		b := bytes.Clone(whole)
		b[c.at] = c.value
		fault := wantFormatError(t, c.want, b)
		if fault == nil {
			continue
		}
		if fault.Offset != c.offset || !strings.Contains(fault.Error(), c.want) {
			t.Errorf("byte %d: %v, want offset %d and %q", c.at, fault, c.offset, c.want)
		}
	}
	if fault := wantFormatError(t, "garbage", append(bytes.Clone(whole), 0)); fault != nil && fault.Offset != int64(len(whole)) {
		t.Errorf("garbage: %v, want offset %d", fault, len(whole))
	}
}

// What a newer writer may add does not disturb: unknown payload kinds (their
// checksum still counts), tags and attribute keys.
func TestUnknownIsSkipped(t *testing.T) {
	meta := withMeta(t, metaRecordOf(999, 77, "?"))
	unknown := payload{kind: 9, compression: 7, plain: 1 << 50, records: 5, stored: []byte("later")}
	layout := verbatimPayload(PayloadLayout, 1, record(0, 0, 0o120777, 2, "x\x00", "b\x00"))
	attrs := verbatimPayload(PayloadAttributes, 1, attributeOf("colour/b", "red"))
	b := fileOf(Binary, meta, unknown, layout, attrs)
	r, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]Layout{{Path: "b", Mode: 0o120777, Target: "x"}}, r.Package().Layouts); diff != "" {
		t.Errorf("layouts (-want +got):\n%s", diff)
	}
	b[bytes.Index(b, []byte("later"))] ^= 1
	wantFormatError(t, "checksum of the unknown payload", b)
}

func TestMalformedContent(t *testing.T) {
	abc := HashOf([]byte("abc"))
	frame := compress(t, []byte("abcdef"))
	for _, c := range []struct {
		want    string
		content payload
	}{
		{"unexpected EOF", payload{PayloadContent, CompressionZstd, 6, 0, nil}},
		{"zstd frame header", payload{PayloadContent, CompressionZstd, 6, 0, []byte("not a frame at all")}},
		{"skippable frame", payload{PayloadContent, CompressionZstd, 6, 0, []byte("\x50\x2a\x4d\x18\x00\x00\x00\x00")}},
		{"holds 6 bytes, its payload 7", payload{PayloadContent, CompressionZstd, 7, 0, reheader(t, frame, []byte("\x28\xb5\x2f\xfd\x20\x06"))}},
		{"content ends after 6 bytes", payload{PayloadContent, CompressionZstd, 7, 0, reheader(t, compressed(t, "abcdef"), windowHeader(20))}},
		{"longer than the 5 bytes", payload{PayloadContent, CompressionZstd, 5, 0, reheader(t, frame, windowHeader(20))}},
		{"blocks can hold at most", payload{PayloadContent, CompressionZstd, 1 << 32, 0, reheader(t, frame, windowHeader(31))}},
		{"zstd window of", payload{PayloadContent, CompressionZstd, 6, 0, reheader(t, frame, windowHeader(32))}},
		{"zstd frame ends at", payload{PayloadContent, CompressionZstd, 6, 0, slices.Concat(frame, frame)}},
		{"zstd frame ends at", payload{PayloadContent, CompressionZstd, 6, 0, slices.Concat(frame, []byte{0})}},
		{"needs dictionary 7", payload{PayloadContent, CompressionZstd, 6, 0, reheader(t, frame, []byte("\x28\xb5\x2f\xfd\x21\x07\x06"))}},
		{"reserved zstd block", payload{PayloadContent, CompressionZstd, 6, 0, append(windowHeader(20), 7, 0, 0)}},
		{"at most 131072 are allowed", payload{PayloadContent, CompressionZstd, 6, 0, append(windowHeader(20), 0xfd, 0xff, 0xff)}},
		{"decompress content", payload{PayloadContent, CompressionZstd, 6, 0, append(windowHeader(20), 4<<3|2<<1|1, 0, 0, 0xff, 0xff, 0xff, 0xff)}},
		{"checksum", payload{PayloadContent, CompressionNone, 6, 0, nil}},
	} {
		b := fileOf(Binary, minimalMeta(t), verbatimPayload(PayloadIndex, 1, encodeIndex([]IndexEntry{{0, 3, abc}})), c.content)
		if c.want == "checksum" {
			b = fileOf(Binary, minimalMeta(t), verbatimPayload(PayloadContent, 0, []byte("abcdef")))
			b[len(b)-1] ^= 1
		}
		if fault := wantFormatError(t, c.want, b); fault != nil && !strings.Contains(fault.Error(), c.want) {
			t.Errorf("error %q, want %q in it", fault, c.want)
		}
	}
}

// compressed is a frame whose one block could hold more than it does.
func compressed(t *testing.T, text string) []byte {
	frame := compress(t, []byte(text))
	// A compressed block with raw literals of that length and no sequences.
	block := append([]byte{byte(len(text) << 3)}, text...)
	block = append(block, 0)
	size := len(block)<<3 | 2<<1 | 1
	header := frame[:len(frame)-3-len(text)]
	return slices.Concat(header, []byte{byte(size), byte(size >> 8), byte(size >> 16)}, block)
}

// Files of a few hundred bytes that claim gigabytes, in every place that has a
// number, must not make the reader allocate.
func TestLiesDoNotAllocate(t *testing.T) {
	const claim = 4 << 30
	meta := minimalMeta(t)
	frame := compress(t, []byte("abcdef"))
	abc := HashOf([]byte("abc"))
	single := binary.LittleEndian.AppendUint64([]byte("\x28\xb5\x2f\xfd\xe0"), claim)
	single32 := binary.LittleEndian.AppendUint64([]byte("\x28\xb5\x2f\xfd\xe0"), MaxPayload)
	files := map[string][]byte{
		"records":        fileOf(Binary, payload{PayloadMeta, CompressionNone, meta.plain, 1<<32 - 1, meta.stored}),
		"layout records": fileOf(Binary, meta, payload{PayloadLayout, CompressionNone, 0, 1<<32 - 1, nil}),
		"index records":  fileOf(Binary, meta, payload{PayloadIndex, CompressionNone, 0, 1<<32 - 1, nil}),
		"meta plain":     fileOf(Binary, payload{PayloadMeta, CompressionZstd, claim, 9, reheader(t, frame, windowHeader(31))}),
		"layout plain":   fileOf(Binary, meta, payload{PayloadLayout, CompressionZstd, MaxPayload, 9, reheader(t, frame, windowHeader(31))}),
		"layout segment": fileOf(Binary, meta, payload{PayloadLayout, CompressionZstd, MaxPayload, 9, reheader(t, frame, single32)}),
		"index end": fileOf(Binary, meta, verbatimPayload(PayloadIndex, 1, encodeIndex([]IndexEntry{{0, claim, abc}})),
			payload{PayloadContent, CompressionZstd, claim, 0, reheader(t, frame, windowHeader(31))}),
		"content segment": fileOf(Binary, meta, payload{PayloadContent, CompressionZstd, claim, 0, reheader(t, frame, single)}),
		"content window":  fileOf(Binary, meta, payload{PayloadContent, CompressionZstd, 6, 0, reheader(t, frame, windowHeader(31))}),
		"stream window":   fileOf(Binary, meta, payload{PayloadContent, CompressionZstd, 6, 0, reheader(t, frame, windowHeader(26))}),
		"record length":   fileOf(Binary, withMeta(t, []byte("\xff\xff\xff\xff\x00\x01\x09\x00"))),
		"key length":      fileOf(Binary, meta, verbatimPayload(PayloadAttributes, 1, slices.Concat([]byte{0, 0, 0, 1}, make([]byte, 12)))),
		"stored":          append(encodePrelude(Binary, 1), PayloadHeader{Stored: claim, Plain: claim, Version: 1, Kind: PayloadMeta, Compression: 1}.encode()...),
	}
	for name, b := range files {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := read(b)
		if err == nil {
			err = r.Contents(t.TempDir(), func(_ IndexEntry, src io.Reader) error { _, err := io.Copy(io.Discard, src); return err })
		}
		runtime.ReadMemStats(&after)
		if harmless := strings.HasSuffix(name, " window"); (err == nil) != harmless {
			t.Errorf("%s: error %v", name, err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
			t.Errorf("%s: %d bytes were allocated for a file of %d (%v)", name, got, len(b), err)
		}
	}
}

// The kind of a payload is under no checksum: damaged, the layout would be
// skipped as unknown and the package install as nothing.
func TestLayoutThatIsNoLongerOneIsMissed(t *testing.T) {
	b := sampleBytes(t)
	r, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range r.Package().Payloads {
		if h.Kind == PayloadLayout {
			b[h.Offset+30] = 99
		}
	}
	wantFormatError(t, "layout of unknown kind", b)
}
