package stone

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"moss/internal/testutil/need"
)

// farContent repeats its first mebibyte further back than StreamWindow.
func farContent() []byte {
	head, err := io.ReadAll(newNoise(9, 1<<20))
	if err != nil {
		panic(err)
	}
	return append(append(bytes.Clone(head), make([]byte, StreamWindow+1<<20)...), head...)
}

// farFrame compresses it with a window that reaches back that far.
func farFrame(t *testing.T, plain []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true), zstd.WithWindowSize(128<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var b bytes.Buffer
	e.Reset(&b)
	if _, err := e.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 3<<19 {
		t.Fatalf("%d bytes: the second mebibyte was not found in the window", b.Len())
	}
	return b.Bytes()
}

// widePackage has one content in the given frame.
func widePackage(t testing.TB, plain, stored []byte) []byte {
	entry := []IndexEntry{{0, uint64(len(plain)), HashOf(plain)}}
	return fileOf(Binary, minimalMeta(t), verbatimPayload(PayloadLayout, 0, nil), verbatimPayload(PayloadIndex, 1, encodeIndex(entry)),
		payload{PayloadContent, CompressionZstd, uint64(len(plain)), 0, stored})
}

// checksummed sets the flag that the frame of farFrame needs.
func checksummed(header []byte) []byte {
	header[4] |= 1 << 2
	return header
}

func TestWideWindow(t *testing.T) {
	plain := farContent()
	stored := farFrame(t, plain)
	single := binary.LittleEndian.AppendUint64([]byte("\x28\xb5\x2f\xfd\xe0"), uint64(len(plain)))
	for name, frame := range map[string][]byte{
		"128 MiB":                    stored,
		"2 GiB":                      reheader(t, stored, checksummed(windowHeader(31))),
		"content size as the window": reheader(t, stored, checksummed(single)),
	} {
		b := widePackage(t, plain, frame)
		path := filepath.Join(t.TempDir(), "wide.stone")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		inMemory, err := read(b)
		if err != nil {
			t.Fatal(err)
		}
		for kind, r := range map[string]*Reader{"file": open(t, path), "memory": inMemory} {
			scratch := t.TempDir()
			if err := r.CheckIn(scratch); err != nil {
				t.Errorf("%s from %s: %v", name, kind, err)
			}
			if left, _ := os.ReadDir(scratch); len(left) > 0 {
				t.Errorf("%s from %s left %v behind", name, kind, left)
			}
		}
	}
}

// The zstd program makes the frames that other writers make.
func TestWideWindowOfZstdProgram(t *testing.T) {
	need.Program(t, "zstd")
	plain := farContent()
	path := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(path, plain, 0o644); err != nil {
		t.Fatal(err)
	}
	fromFile := exec.Command("zstd", "-q", "-1", "--long=31", "-c", path)
	fromPipe := exec.Command("zstd", "-q", "-1", "--long=31", "-c")
	fromPipe.Stdin = bytes.NewReader(plain)
	for name, cmd := range map[string]*exec.Cmd{"known size": fromFile, "unknown size": fromPipe} {
		stored, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var z zstd.Header
		if err := z.Decode(stored); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, single segment %v, window %d", name, len(stored), z.SingleSegment, z.WindowSize)
		r, err := read(widePackage(t, plain, stored))
		if err == nil {
			err = r.CheckIn(t.TempDir())
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWideWindowMalformed(t *testing.T) {
	plain := farContent()
	frame := farFrame(t, plain)
	wide := reheader(t, frame, checksummed(windowHeader(31)))
	flipped := bytes.Clone(wide)
	flipped[len(flipped)-1] ^= 1 // the frame's own checksum
	for name, c := range map[string]struct {
		plain  []byte
		stored []byte
	}{
		"frame checksum": {plain, flipped},
		"too long":       {plain[:len(plain)-1], wide},
		"too short":      {append(bytes.Clone(plain), 0), wide},
		"other content":  {append(bytes.Clone(plain[:len(plain)-1]), 'x'), wide},
	} {
		wantFormatError(t, name, widePackage(t, c.plain, c.stored))
	}
}

func TestWideWindowWithoutScratch(t *testing.T) {
	plain := farContent()
	r, err := read(widePackage(t, plain, farFrame(t, plain)))
	if err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	var fault *FormatError
	if err := r.CheckIn(missing); !errors.Is(err, os.ErrNotExist) || errors.As(err, &fault) {
		t.Errorf("error %v, want one about the missing scratch folder", err)
	}
}

// A package that shrinks under its mapping raises SIGBUS, which would end the
// program.
func TestWideWindowFileShrinks(t *testing.T) {
	plain := farContent()
	path := filepath.Join(t.TempDir(), "wide.stone")
	if err := os.WriteFile(path, widePackage(t, plain, farFrame(t, plain)), 0o644); err != nil {
		t.Fatal(err)
	}
	r := open(t, path)
	f, err := scanFrame(r.src, *r.content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, r.content.start()+4096); err != nil {
		t.Fatal(err)
	}
	if _, err = spill(r.src, *r.content, f, t.TempDir()); err == nil || !strings.Contains(err.Error(), "fault in a mapping") {
		t.Errorf("error %v, want a fault in a mapping", err)
	}
}
