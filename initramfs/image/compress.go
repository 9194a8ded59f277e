package image

import (
	"cmp"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// window is how far back a compressed image may refer, in bytes. The kernel
// allocates this much to unpack it and refuses more than 128 MiB
// (lib/decompress_unzstd.c); 8 MiB holds the two largest modules of a kernel.
const window = 8 << 20

// xzDict is the same for xz. Small, because of memory at boot; the check must be
// CRC32, the only one that the kernel's decoder knows
// (Documentation/staging/xz.rst), and the default of every xz program is not.
const xzDict = 1 << 20

// compressor wraps w. Closing the result ends the stream and leaves w open.
func compressor(w io.Writer, kind string, level int) (io.WriteCloser, error) {
	switch kind {
	case "none":
		return plainWriter{w}, nil
	case "xz":
		return xz.WriterConfig{CheckSum: xz.CRC32, DictCap: xzDict}.NewWriter(w)
	}
	// One goroutine, so that the bytes cannot depend on the number of processors.
	// One stream gives one frame; the kernel calls an archive that goes on in a
	// second one junk (init/initramfs.c).
	return zstd.NewWriter(w,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(cmp.Or(level, 19))),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window),
		zstd.WithEncoderCRC(true))
}

// CompressError says that an image cannot be compressed in some way.
type CompressError struct{ Kind string }

func (e *CompressError) Error() string { return fmt.Sprintf("compression %q is not known", e.Kind) }

// Hint names the ways there are.
func (e *CompressError) Hint() string { return "use zstd, xz or none" }

func checkCompress(kind string) error {
	switch kind {
	case "", "zstd", "xz", "none":
		return nil
	}
	return &CompressError{kind}
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }
