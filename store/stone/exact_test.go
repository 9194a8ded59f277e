package stone

import (
	"bytes"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// unhex reads hand-written bytes; everything behind a '#' is a remark.
func unhex(t *testing.T, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tiny is a package small enough to write its bytes by hand.
func tiny(t *testing.T) []byte {
	m := Meta{Name: "x", Version: "1", Release: 2, BuildRelease: 3, Arch: "any", Licenses: []string{"MIT"},
		Depends: []Provider{{KindSoname, "c"}}, Provides: []Provider{{KindBinary, "x"}}, Conflicts: []Provider{{KindName, "y"}}}
	layouts := []Layout{
		{Path: "bin/x", Mode: 0o104755, UID: 1, GID: 2, Hash: HashOf([]byte("abc")), Xattrs: []Xattr{{"user.a", []byte{0xff}}}},
		{Path: "bin/y", Mode: 0o120777, Target: "x"},
		{Path: "e", Mode: 0o100644, Hash: EmptyHash()},
		{Path: "d", Mode: 0o040700},
	}
	b, err := os.ReadFile(write(t, m, layouts, []Source{source([]byte("abc"))}))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const tinyPlain = `
# meta
00000002 0001 09 00 7800           # name
00000002 0003 09 00 3100           # version
00000008 000b 08 00 0000000000000002
00000008 000d 08 00 0000000000000003
00000004 0002 09 00 616e7900       # architecture
00000001 0004 09 00 00             # summary
00000001 0005 09 00 00             # description
00000001 0007 09 00 00             # source id
00000001 0006 09 00 00             # homepage
00000004 000c 09 00 4d495400       # license
00000003 0008 0a 00 01 6300        # depends soname(c)
00000003 0009 0b 00 06 7800        # provides binary(x)
00000003 000a 0b 00 00 7900        # conflicts y
# layout
00000001 00000002 000089ed 00000000 0010 0005 01 0000000000000000000000
06b05ab6733a618578af5f94892f3950 62696e2f78
00000000 00000000 0000a1ff 00000000 0001 0005 02 0000000000000000000000
78 62696e2f79
00000000 00000000 000081a4 00000000 0010 0001 01 0000000000000000000000
99aa06d3014798d86001c324468d497f 65
00000000 00000000 000041c0 00000000 0000 0001 03 0000000000000000000000
64
# attributes
0000000000000012 0000000000000001
78617474722f757365722e612f62696e2f78 ff
# index
0000000000000000 0000000000000003 06b05ab6733a618578af5f94892f3950
0000000000000000 0000000000000000 99aa06d3014798d86001c324468d497f
# content
616263
`

func TestWrittenBytes(t *testing.T) {
	b := tiny(t)
	if diff := cmp.Diff(unhex(t, "006d6f73 0005 000001000002000003000004000005000006000007 01 00000001"), b[:32]); diff != "" {
		t.Errorf("prelude (-want +got):\n%s", diff)
	}
	r, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	// The stored size (8 bytes at 0) and the checksum (8 at 16) depend on the
	// encoder's choices; reading proved them, and the rest is written here.
	headers := []string{
		"0000000000000091 0000000d 0001 01 02",
		"00000000000000ad 00000004 0001 03 02",
		"0000000000000023 00000001 0001 05 02",
		"0000000000000040 00000002 0001 04 02",
		"0000000000000003 00000000 0001 02 02",
	}
	if len(r.Package().Payloads) != len(headers) {
		t.Fatalf("%d payloads, want %d", len(r.Package().Payloads), len(headers))
	}
	var plain []byte
	for i, h := range r.Package().Payloads {
		head := b[h.Offset:h.start()]
		if got, want := slices.Concat(head[8:16], head[24:]), unhex(t, headers[i]); !bytes.Equal(got, want) {
			t.Errorf("header %d: % x, want % x", i, got, want)
		}
		plain = append(plain, inflate(t, b[h.start():h.end()])...)
	}
	if diff := cmp.Diff(hex.Dump(unhex(t, tinyPlain)), hex.Dump(plain)); diff != "" {
		t.Errorf("plain bytes (-want +got):\n%s", diff)
	}
}

func inflate(t *testing.T, frame []byte) []byte {
	t.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b, err := d.DecodeAll(frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHeaderBytes(t *testing.T) {
	h := PayloadHeader{Stored: 0x0102030405060708, Plain: 0x1112131415161718, Checksum: 0x2122232425262728,
		Records: 0x31323334, Version: 0x4142, Kind: 0x51, Compression: 0x61}
	want := unhex(t, "0102030405060708 1112131415161718 2122232425262728 31323334 4142 51 61")
	if got := h.encode(); !bytes.Equal(got, want) {
		t.Errorf("header % x, want % x", got, want)
	}
}
