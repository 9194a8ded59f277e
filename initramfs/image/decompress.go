package image

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxModule bounds one module, in bytes: a damaged file must not eat the memory.
// The largest of Debian's is 11 MB.
const maxModule = 256 << 20

// format names what the first bytes of a file say it is compressed with, ""
// for none that the kernel knows (lib/decompress.c has the same table).
func format(head []byte) string {
	for _, f := range []struct{ name, magic string }{
		{"gzip", "\x1f\x8b"}, {"gzip", "\x1f\x9e"}, {"bzip2", "BZh"}, {"lzma", "\x5d\x00"},
		{"xz", "\xfd7zXZ\x00"}, {"lzo", "\x89LZ"}, {"lz4", "\x02\x21"}, {"zstd", "\x28\xb5\x2f\xfd"},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return f.name
		}
	}
	return ""
}

// decompress reads what is compressed in a format; close frees the decoder.
func decompress(r io.Reader, name string) (out io.Reader, close func(), err error) {
	switch name {
	case "gzip":
		out, err = gzip.NewReader(r)
	case "xz":
		out, err = xz.NewReader(r)
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, nil, err
		}
		return d, d.Close, nil
	default:
		return nil, nil, fmt.Errorf("%s is not read here (gzip, xz and zstd are)", name)
	}
	return out, func() {}, err
}

// readDecompressed reads a file that may be compressed; its content decides, not
// its name.
func readDecompressed(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = bufio.NewReader(f)
	head, err := r.(*bufio.Reader).Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if name := format(head); name != "" {
		plain, stop, err := decompress(r, name)
		if err != nil {
			return nil, err
		}
		defer stop()
		r = plain
	}
	data, err := io.ReadAll(io.LimitReader(r, maxModule+1))
	if err == nil && len(data) > maxModule {
		err = fmt.Errorf("larger than %d bytes", maxModule)
	}
	return data, err
}
