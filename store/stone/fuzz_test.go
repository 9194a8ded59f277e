package stone

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wellBehaved reads b whole; whatever it is, the answer is data or a
// FormatError inside the file.
func wellBehaved(t *testing.T, b []byte) *Reader {
	r, err := read(b)
	if err == nil {
		err = r.Check()
	}
	var fault *FormatError
	if err != nil && !errors.As(err, &fault) {
		t.Fatalf("error %v, want a FormatError", err)
	}
	if fault != nil && (fault.Offset < 0 || fault.Offset > int64(len(b))) {
		t.Fatalf("offset %d outside the file of %d bytes: %v", fault.Offset, len(b), fault)
	}
	if err != nil {
		return nil
	}
	return r
}

// sameAgain writes what was read and reads it again.
func sameAgain(t *testing.T, p *Package) {
	var out bytes.Buffer
	if err := Encode(&out, Manifest, p.Metas); err != nil {
		t.Fatalf("encode what was read: %v", err)
	}
	again, err := read(out.Bytes())
	if err != nil {
		t.Fatalf("read what was written: %v", err)
	}
	if diff := cmp.Diff(p.Metas, again.Package().Metas); diff != "" {
		t.Fatalf("metas (-first +again):\n%s", diff)
	}
	layouts, err := encodeLayouts(p.Layouts)
	if err != nil {
		t.Fatalf("encode layouts that were read: %v", err)
	}
	attributes, n, err := encodeAttributes(p.Layouts)
	if err != nil {
		t.Fatalf("encode attributes that were read: %v", err)
	}
	b := fileOf(Delta, verbatimPayload(PayloadLayout, len(p.Layouts), layouts), verbatimPayload(PayloadAttributes, n, attributes))
	if again, err = read(b); err != nil {
		t.Fatalf("read layouts that were written: %v", err)
	}
	if diff := cmp.Diff(p.Layouts, again.Package().Layouts); diff != "" {
		t.Fatalf("layouts (-first +again):\n%s", diff)
	}
}

func FuzzReader(f *testing.F) {
	for _, name := range []string{bison, nano} {
		// Real inputs are seeds where they are; the written ones always are.
		if b, err := os.ReadFile(realPath(name)); err == nil {
			f.Add(b)
		}
	}
	f.Add(sampleBytes(f))
	f.Add(fileOf(Binary, minimalMeta(f), verbatimPayload(PayloadContent, 0, []byte("x"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r := wellBehaved(t, b); r != nil {
			sameAgain(t, r.Package())
		}
	})
}

// FuzzPayloads gets past the checksums that stop FuzzReader: the records and
// frames are the fuzzer's, the file around them is right.
func FuzzPayloads(f *testing.F) {
	m, layouts, sources := sample()
	p, err := planPackage(m, layouts, sources)
	if err != nil {
		f.Fatal(err)
	}
	meta, layout, attrs, index := p.payloads[0].plain, p.payloads[1].plain, p.payloads[2].plain, p.payloads[3].plain
	content := make([]byte, p.total)
	f.Add(meta, byte(p.payloads[0].records), layout, byte(7), attrs, byte(2), index, byte(3), content)
	f.Add(minimalMeta(f).stored, byte(9), []byte{}, byte(0), []byte{}, byte(0), []byte{}, byte(0), []byte{})
	f.Fuzz(func(t *testing.T, m []byte, mn byte, l []byte, ln byte, a []byte, an byte, i []byte, in byte, c []byte) {
		for _, kind := range []FileType{Binary, Delta} {
			r := wellBehaved(t, fileOf(kind, verbatimPayload(PayloadMeta, int(mn), m), verbatimPayload(PayloadLayout, int(ln), l),
				verbatimPayload(PayloadAttributes, int(an), a), verbatimPayload(PayloadIndex, int(in), i), verbatimPayload(PayloadContent, 0, c)))
			if r != nil {
				sameAgain(t, r.Package())
			}
		}
	})
}

// FuzzFrame gives the decoder hostile frames behind right checksums, as
// metadata and as content.
func FuzzFrame(f *testing.F) {
	text := bytes.Repeat([]byte("a frame of some text\n"), 100)
	frame := compress(f, text)
	f.Add(frame, uint32(len(text)))
	f.Add(reheader(f, frame, windowHeader(31)), uint32(len(text)))
	f.Add(append(windowHeader(20), 0x03, 0x00, 0x10, 'x'), uint32(0x20000))
	f.Fuzz(func(t *testing.T, stored []byte, plain uint32) {
		as := func(kind PayloadKind) payload { return payload{kind, CompressionZstd, uint64(plain), 1, stored} }
		wellBehaved(t, fileOf(Binary, minimalMeta(t), as(PayloadContent)))
		wellBehaved(t, fileOf(Repository, as(PayloadMeta)))
	})
}

func FuzzProvider(f *testing.F) {
	for _, text := range []string{"nano", "soname(libc.so.6(x86_64))", "name(a(b))", "x)", "pkgconfig(", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProvider(text)
		if err != nil {
			return
		}
		if again, err := ParseProvider(p.String()); err != nil || again != p {
			t.Errorf("%q is %+v, written %q, read again %+v, %v", text, p, p, again, err)
		}
	})
}
