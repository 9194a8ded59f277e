package image

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// window is how far back a compressed image may refer, in bytes. The kernel
// allocates this much to unpack it and refuses more than 128 MiB
// (lib/decompress_unzstd.c); 8 MiB holds the two largest modules of a kernel.
const window = 8 << 20

// best is the level of zstd that takes its time.
const best = 19

// xzDict is the same for xz. Small, because of memory at boot; the check must be
// CRC32, the only one that the kernel's decoder knows
// (Documentation/staging/xz.rst), and the default of every xz program is not.
const xzDict = 1 << 20

// compressor wraps w. Closing the result ends the stream and leaves w open.
func compressor(w io.Writer, kind string, level int, zstdProgram string) (io.WriteCloser, error) {
	switch kind {
	case "none":
		return plainWriter{w}, nil
	case "gzip":
		return gzip.NewWriterLevel(w, cmp.Or(level, gzip.BestCompression))
	case "xz":
		return xz.WriterConfig{CheckSum: xz.CRC32, DictCap: xzDict}.NewWriter(w)
	}
	if level = cmp.Or(level, best); zstdProgram != "" {
		return startZstd(w, zstdProgram, level)
	}
	// One goroutine, so that the bytes cannot depend on the number of processors.
	// One stream gives one frame; the kernel calls an archive that goes on in a
	// second one junk (init/initramfs.c).
	return zstd.NewWriter(w,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window),
		zstd.WithEncoderCRC(true))
}

// CompressError says that an image cannot be compressed in some way.
type CompressError struct{ Kind string }

func (e *CompressError) Error() string { return fmt.Sprintf("compression %q is not known", e.Kind) }

// Hint names the ways there are.
func (e *CompressError) Hint() string { return "use zstd, xz, gzip or none" }

func checkCompress(kind string, level int) error {
	most := map[string]int{"": 19, "zstd": 19, "gzip": 9, "xz": 0, "none": 0}
	highest, ok := most[kind]
	if !ok {
		return &CompressError{kind}
	}
	if level < 0 || level > highest {
		return fmt.Errorf("compression level %d is not one of %s (0 to %d, 0 is the best)", level, cmp.Or(kind, "zstd"), highest)
	}
	return nil
}

// external is zstd(1), which packs a tenth tighter at its best level than the
// library does.
type external struct {
	io.WriteCloser
	cmd    *exec.Cmd
	errors bytes.Buffer
}

// startZstd gives one frame with a window of 8 MiB at the levels allowed here,
// whatever the number of processors (zstd(1), --single-thread).
func startZstd(w io.Writer, path string, level int) (io.WriteCloser, error) {
	p := &external{cmd: exec.Command(path, fmt.Sprintf("-%d", level), "--single-thread", "--quiet", "--stdout")}
	p.cmd.Stdout, p.cmd.Stderr = w, &p.errors
	var err error
	if p.WriteCloser, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	return p, err
}

func (p *external) Close() error {
	err := errors.Join(p.WriteCloser.Close(), p.cmd.Wait())
	if err != nil {
		err = fmt.Errorf("compress with %s: %w: %s", p.cmd.Path, err, strings.TrimSpace(p.errors.String()))
	}
	return err
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }
