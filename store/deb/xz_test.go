package deb

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"moss/internal/testutil/need"
	"moss/store/deb/debtest"
)

func readXZ(b []byte) ([]byte, error) {
	x, err := openXZ(io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(x)
}

// sample is text that packs into several blocks with back references.
func sample(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for len(b) < n {
		if len(b) > 100 && r.IntN(3) > 0 {
			at := r.IntN(len(b) - 50)
			b = append(b, b[at:at+50]...)
		} else {
			b = binary.LittleEndian.AppendUint64(b, r.Uint64())
		}
	}
	return b[:n]
}

func TestXZReadsWhatTheLibraryWrites(t *testing.T) {
	for _, check := range []byte{xz.None, xz.CRC32, xz.CRC64, xz.SHA256} {
		want := sample(300_000)
		var packed bytes.Buffer
		w, err := xz.WriterConfig{CheckSum: check, NoCheckSum: check == xz.None, BlockSize: 70_000}.NewWriter(&packed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := readXZ(packed.Bytes())
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("check %d: got %d bytes and %v, want %d", check, len(got), err, len(want))
		}
	}
}

// dpkg-deb packs with liblzma and several threads, which writes sizes into the
// block headers.
func TestXZReadsWhatXZWrites(t *testing.T) {
	program := need.Program(t, "xz")
	for _, args := range [][]string{{"-T2", "--block-size=65536"}, {"-T1", "-9e"}, {"-0", "--check=sha256"}} {
		want := sample(1 << 20)
		cmd := exec.Command(program, append(args, "-c")...)
		cmd.Stdin = bytes.NewReader(want)
		packed, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		got, err := readXZ(packed)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("xz %v: got %d bytes and %v, want %d", args, len(got), err, len(want))
		}
	}
}

func TestXZFindsDamage(t *testing.T) {
	plain := sample(300)
	good := debtest.Compress(t, "xz", plain)
	if got, err := readXZ(good); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("got %d bytes and %v, want %d", len(got), err, len(plain))
	}
	for n := range good {
		if _, err := readXZ(good[:n]); err == nil {
			t.Errorf("the first %d of %d bytes read without an error", n, len(good))
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if got, err := readXZ(bad); err == nil && !bytes.Equal(got, plain) {
			t.Errorf("byte %d changed: other content without an error", i)
		}
	}
	if _, err := readXZ(append(bytes.Clone(good), good...)); err == nil {
		t.Error("two streams read as one without an error")
	}
}

// Content that does not pack is stored as it is: only the check can tell that
// it has changed.
func TestXZProvesTheCheck(t *testing.T) {
	for _, check := range []byte{xz.CRC32, xz.CRC64, xz.SHA256} {
		var packed bytes.Buffer
		w, err := xz.WriterConfig{CheckSum: check}.NewWriter(&packed)
		if err != nil {
			t.Fatal(err)
		}
		plain := make([]byte, 1000)
		_, _ = rand.NewChaCha8([32]byte{}).Read(plain)
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(packed.Bytes(), plain[100:200])
		if at < 0 {
			t.Fatal("the content is not stored as it is")
		}
		packed.Bytes()[at] ^= 1
		if _, err := readXZ(packed.Bytes()); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("check %d: got %v, want a wrong checksum", check, err)
		}
	}
}

// A block header that asks for 4 GiB must not get them.
func TestXZRefusesHugeDictionary(t *testing.T) {
	for dict, want := range map[byte]string{40: "dictionary", 31: "dictionary", 41: "not supported"} {
		b := debtest.Compress(t, "xz", sample(100))
		head := b[xzEdge : xzEdge+(int(b[xzEdge])+1)*4]
		at := bytes.Index(head, []byte{xzLZMA2, 1})
		if at < 0 {
			t.Fatalf("no LZMA2 filter in % x", head)
		}
		head[at+2] = dict
		binary.LittleEndian.PutUint32(head[len(head)-4:], crc32.ChecksumIEEE(head[:len(head)-4]))
		if _, err := readXZ(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("dictionary byte %d: got %v, want an error about %q", dict, err, want)
		}
	}
}

func FuzzXZ(f *testing.F) {
	f.Add(debtest.Compress(f, "xz", sample(500)))
	f.Add(debtest.Compress(f, "xz", nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readXZ(b)
		if err != nil {
			return
		}
		// The library checks some fields that say again what is checked already.
		r, err := xz.NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		want, err := io.ReadAll(r)
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes, the library %d", len(got), len(want))
		}
	})
}

// BenchmarkXZ stands beside the program xz; the bytes are the plain ones.
func BenchmarkXZ(b *testing.B) {
	packed := debtest.Compress(b, "xz", sample(8<<20))
	b.Run("moss", func(b *testing.B) {
		b.SetBytes(8 << 20)
		for b.Loop() {
			if _, err := readXZ(packed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("xz", func(b *testing.B) {
		program := need.Program(b, "xz")
		b.SetBytes(8 << 20)
		for b.Loop() {
			cmd := exec.Command(program, "-dc")
			cmd.Stdin, cmd.Stdout = bytes.NewReader(packed), io.Discard
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
