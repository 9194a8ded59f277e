package deb

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	maxControl = 16 << 20 // plain bytes of control.tar; the largest in Debian 12 is below 8 MiB
	maxData    = 64 << 30 // plain bytes of data.tar
	maxEntries = 1 << 20  // tar entries: each costs memory in the plan
	// maxWindow bounds what a compressed stream may make us allocate. xz -9
	// asks for 64 MiB, zstd without --ultra --long for 8 MiB.
	maxWindow = 128 << 20
)

// errTooLarge is what a stream that expands without end becomes.
var errTooLarge = errors.New("more content than a package may hold")

// plain opens the decompressed stream of a tar member; its name says how it is
// compressed, as deb(5) has it.
func plain(r io.ReaderAt, m member) (io.ReadCloser, error) {
	_, ext, _ := strings.Cut(m.name, ".tar")
	in := bufio.NewReaderSize(m.section(r), 1<<18)
	switch ext {
	case "":
		return io.NopCloser(in), nil
	case ".gz":
		return gzip.NewReader(in)
	case ".xz":
		x, err := openXZ(m.section(r))
		return io.NopCloser(x), err
	case ".zst":
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("compression %q is not supported, only gz, xz and zst are", ext)
}

// walk calls visit for each entry of a tar member. It reads to the end of the
// compressed stream, beyond the end of the tar: the last checksum is there.
func walk(r io.ReaderAt, m member, limit int64, visit func(*tar.Header, io.Reader) error) error {
	stream, err := plain(r, m)
	if err != nil {
		return fmt.Errorf("open %s: %w", m.name, err)
	}
	defer stream.Close()
	in := &bounded{r: stream, left: limit}
	if err := entries(tar.NewReader(in), visit); err != nil {
		return fmt.Errorf("read %s: %w", m.name, err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return fmt.Errorf("read %s to its end: %w", m.name, err)
	}
	return nil
}

func entries(t *tar.Reader, visit func(*tar.Header, io.Reader) error) error {
	for range maxEntries {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		// The visitor judges names itself; a GODEBUG setting must not decide
		// whether a hostile one is named in the error.
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return err
		}
		if err := visit(h, t); err != nil {
			return err
		}
	}
	return fmt.Errorf("more than %d entries", maxEntries)
}

// bounded is io.LimitReader with an error instead of a silent end: a package
// cut short by its limit must not look complete.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Data calls visit for each file of the package, in the order of the archive.
// The reader is the content and is valid until visit returns. Headers are as
// found: names and types are not judged.
func (d *File) Data(visit func(*tar.Header, io.Reader) error) error {
	return walk(d.f, d.data, maxData, visit)
}
