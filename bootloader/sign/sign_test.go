package sign_test

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/foxboron/go-uefi/authenticode"

	"moss/bootloader/sign"
	"moss/bootloader/sign/signtest"
	"moss/internal/testutil/need"
)

// TestSmallImages signs images whose length leaves every remainder, by two
// owners one after the other, and lets three implementations judge.
func TestSmallImages(t *testing.T) {
	first, second := newKeys(t), otherKeys(t)
	for tail := range 9 {
		path := file(t, signtest.Small(tail))
		for _, k := range []*sign.Keys{first, second} {
			if err := sign.Verify(path, k.ByDB()); !errors.Is(err, sign.ErrUnsigned) {
				t.Errorf("tail %d: got %v before signing, want %v", tail, err, sign.ErrUnsigned)
			}
			if err := k.Sign(path, path); err != nil {
				t.Fatal(err)
			}
		}
		for _, k := range []*sign.Keys{first, second} {
			if err := sign.Verify(path, k.ByDB()); err != nil {
				t.Errorf("tail %d: %v", tail, err)
			}
			judge(t, path, k)
		}
		if err := sign.Verify(path, []*x509.Certificate{first.PK.Cert}); !errors.Is(err, sign.ErrUnsigned) {
			t.Errorf("tail %d: got %v for a key that did not sign, want %v", tail, err, sign.ErrUnsigned)
		}
	}
}

// judge asks go-uefi, and sbverify where it is installed.
func judge(t *testing.T, path string, k *sign.Keys) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	image, err := authenticode.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	// It gives up at the first signature that is not by this certificate if it
	// cannot read it, so ours have to be readable too.
	if ok, err := image.Verify(k.DB.Cert); err != nil || !ok {
		t.Errorf("go-uefi on %s: got %v, %v", path, ok, err)
	}
	if sbverify, err := exec.LookPath("sbverify"); err == nil {
		run(t, sbverify, "--cert", filepath.Join(k.Dir, "keys/db/db.pem"), path)
	}
}

// TestRealImages: a kernel that Debian signed keeps that signature beside ours,
// and the loader, whose length is odd, gets its first.
func TestRealImages(t *testing.T) {
	k := newKeys(t)
	need.Program(t, "sbverify")
	for _, name := range []string{"kernel", "loader", "stub"} {
		t.Run(name, func(t *testing.T) {
			in, out := realImage(t, name), filepath.Join(t.TempDir(), "signed.efi")
			if err := k.Sign(in, out); err != nil {
				t.Fatal(err)
			}
			judge(t, out, k)
			if err := sign.Verify(out, k.ByDB()); err != nil {
				t.Error(err)
			}
			before, after := signatures(t, in), signatures(t, out)
			if len(after) != len(before)+1 {
				t.Fatalf("got %d signatures, want the %d from before and ours", len(after), len(before))
			}
			for i := range before {
				if !bytes.Equal(before[i], after[i]) {
					t.Errorf("signature %d has changed", i)
				}
			}
		})
	}
}

// TestFirmwareFindsTheHash: EDK II reads the name of the hash at byte 32 of the
// message, after lengths of two bytes, and the hash itself at the end of the
// content.
func TestFirmwareFindsTheHash(t *testing.T) {
	k := newKeys(t)
	path := file(t, signtest.Small(3))
	if err := k.Sign(path, path); err != nil {
		t.Fatal(err)
	}
	message := signatures(t, path)[0]
	sha256 := []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01}
	if message[1] != 0x82 || !bytes.Equal(message[32:41], sha256) {
		t.Errorf("got % x", message[:48])
	}
}

// signatures are the messages in a file, read apart from the package.
func signatures(t *testing.T, path string) [][]byte {
	t.Helper()
	data := read(t, path)
	opt := binary.LittleEndian.Uint32(data[0x3c:]) + 24
	from, size := binary.LittleEndian.Uint32(data[opt+112+32:]), binary.LittleEndian.Uint32(data[opt+112+36:])
	if size > 0 && int(from+size) != len(data) {
		t.Fatalf("signatures at %d, %d bytes, of %d", from, size, len(data))
	}
	var all [][]byte
	for table := data[from : from+size]; len(table) > 0; {
		n := binary.LittleEndian.Uint32(table)
		all = append(all, table[8:n])
		table = table[(n+7)/8*8:]
	}
	return all
}

// TestSigningAgain writes nothing where it would write the same, and gives the
// same bytes wherever it writes.
func TestSigningAgain(t *testing.T) {
	k := newKeys(t)
	in := file(t, signtest.Small(5))
	a, b, c := in+".a", in+".b", in+".c"
	for _, step := range [][2]string{{in, a}, {in, b}, {a, c}} {
		if err := k.Sign(step[0], step[1]); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Sign(a, a); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(a)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("signed in place again: got another file (%v)", err)
	}
	for _, other := range []string{b, c} {
		if !bytes.Equal(read(t, a), read(t, other)) {
			t.Errorf("%s differs from %s", other, a)
		}
	}
	if !bytes.Equal(read(t, in), signtest.Small(5)) {
		t.Error("the file that was read has changed")
	}
}

// TestEveryByteCounts changes each byte of a signed image. Only the checksum,
// which is not signed, may differ.
func TestEveryByteCounts(t *testing.T) {
	k := newKeys(t)
	path := file(t, signtest.Small(1))
	if err := k.Sign(path, path); err != nil {
		t.Fatal(err)
	}
	good := read(t, path)
	checksum := 0x58 + 64
	for i := range good {
		if i%7 != 0 && i > 0x200 {
			continue // the rest are like their neighbours
		}
		bad := bytes.Clone(good)
		bad[i] ^= 0x55
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		err := sign.Verify(path, k.ByDB())
		if free := i >= checksum && i < checksum+4; (err == nil) != free && !insignificant(good, i) {
			t.Errorf("byte %#x changed: got %v", i, err)
		}
	}
}

// insignificant: the filling behind the last signature, the revision of its
// frame, and the certificate that the message brings along, for which ours is
// taken anyway.
func insignificant(good []byte, i int) bool {
	from := int(binary.LittleEndian.Uint32(good[0x58+112+32:]))
	return i >= from+4 && i < from+6 || i > from+8+32 && !signedPart(good, i)
}

// signedPart: the content and all from the signer on.
func signedPart(good []byte, i int) bool {
	digest := bytes.Index(good, []byte("\x30\x17\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f"))
	signature := len(good) - 256 - 8
	return i >= digest && i < digest+80 || i >= signature && i < signature+240
}

// TestBorrowedSignature puts another image's hash into a signature and leaves
// the signed attributes as they were.
func TestBorrowedSignature(t *testing.T) {
	k := newKeys(t)
	ours, other := file(t, signtest.Small(0)), file(t, signtest.PE([]signtest.Section{{".text", "evil"}}, 0))
	for _, path := range []string{ours, other} {
		if err := k.Sign(path, path); err != nil {
			t.Fatal(err)
		}
	}
	hash := func(path string) []byte {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		image, err := authenticode.Parse(f)
		if err != nil {
			t.Fatal(err)
		}
		sigs, err := image.Signatures()
		if err != nil {
			t.Fatal(err)
		}
		a, err := authenticode.ParseAuthenticode(sigs[0].Certificate)
		if err != nil {
			t.Fatal(err)
		}
		return a.Digest
	}
	good, evil := signatures(t, ours)[0], signatures(t, other)[0]
	forged := bytes.Replace(good, hash(ours), hash(other), 1)
	data := bytes.Replace(read(t, other), evil, forged, 1)
	if bytes.Equal(forged, good) || bytes.Equal(data, read(t, other)) {
		t.Fatal("nothing was forged")
	}
	if err := sign.Verify(file(t, data), k.ByDB()); !errors.Is(err, sign.ErrUnsigned) {
		t.Errorf("got %v, want %v", err, sign.ErrUnsigned)
	}
}

func TestNoImage(t *testing.T) {
	k := newKeys(t)
	whole := signtest.Small(0)
	for name, data := range map[string][]byte{
		"empty": nil, "text": bytes.Repeat([]byte("the kernel\n"), 100), "cut": whole[:len(whole)-600], "headers alone": whole[:0x200],
		"DOS":                append([]byte("MZ"), make([]byte, 300)...),
		"signatures outside": with(whole, 0x58+112+32, 0x10, 0x20), "signatures inside": with(whole, 0x58+112+32, 0x400, 0x800),
		"signatures too long": with(whole, 0x58+112+36, 0xfffffff8), "no directories": with(whole, 0x58+108, 4),
		"huge headers": with(whole, 0x58+60, 0xfffffff0), "overlap": with(whole, 0x58+240+40+20, 0x400), "section beyond": with(whole, 0x58+240+16, 0xffffff00),
	} {
		path := file(t, data)
		if err := sign.Verify(path, k.ByDB()); !errors.Is(err, sign.ErrFormat) {
			t.Errorf("%s: verify: got %v, want %v", name, err, sign.ErrFormat)
		}
		if err := k.Sign(path, path); !errors.Is(err, sign.ErrFormat) || !bytes.Equal(read(t, path), data) {
			t.Errorf("%s: sign: got %v, want %v", name, err, sign.ErrFormat)
		}
	}
	if err := k.Sign("/nonexistent/kernel", "/nonexistent/out"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := sign.Verify("/dev/null", k.ByDB()); !errors.Is(err, sign.ErrFormat) {
		t.Errorf("got %v for a device", err)
	}
}

// with is data with 32-bit numbers put in at a place.
func with(data []byte, at int, values ...uint32) []byte {
	data = bytes.Clone(data)
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[at+i*4:], v)
	}
	return data
}

// FuzzVerify: whatever is in a file, it is an error and not a crash; and what
// can be signed verifies afterwards.
func FuzzVerify(f *testing.F) {
	k := newKeys(f)
	signed := file(f, signtest.Small(3))
	if err := k.Sign(signed, signed); err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, signtest.Small(0), signtest.Small(5), read(f, signed)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := file(t, data)
		_ = sign.Verify(path, k.ByDB())
		if err := k.Sign(path, path); err != nil {
			return
		}
		if err := sign.Verify(path, k.ByDB()); err != nil {
			t.Error(err)
		}
		if !bytes.HasPrefix(read(t, path), data[:0x58]) {
			t.Error("the first headers have changed")
		}
	})
}

func BenchmarkSign(b *testing.B) {
	k := newKeys(b)
	in := file(b, signtest.PE([]signtest.Section{{".text", strings.Repeat("1", 15<<20)}}, 1))
	b.SetBytes(15 << 20)
	for b.Loop() {
		if err := k.Sign(in, in+".signed"); err != nil {
			b.Fatal(err)
		}
	}
}
