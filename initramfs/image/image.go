// Package image builds the early-boot image on the running system: a cpio
// archive (newc, Documentation/driver-api/early-userspace/buffer-format.rst in
// the kernel tree) with moss-init as /init and the modules that reach a root
// file system, and lists what such an image holds.
//
// Modules are stored without compression of their own: the image is compressed
// as a whole, which is smaller, and the kernel then loads them by finit_module
// without MODULE_INIT_COMPRESSED_FILE, which kernels before 5.17 lack.
//
// Equal input gives equal bytes, whatever the folders, times and processors.
// Boot files are named by their content, so an image that differs in a time
// stamp would fill the ESP with copies.
package image

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"moss/internal/atomicfile"
)

// Config says what to build.
type Config struct {
	// Root is the system whose /usr/lib/modules is read.
	Root string
	// Kernel is a version below Root/usr/lib/modules; "" is the newest there.
	Kernel string
	// Init is the static program that becomes /init; "" is moss-init of Root.
	Init string
	// Rescue puts a shell into the image, for moss.shell: Busybox, a static
	// program, "" is usr/bin/busybox of Root.
	Rescue  bool
	Busybox string
	// Modules are wanted besides the general ones, by name or alias. One that
	// the kernel does not have is an error.
	Modules []string
	// Compress is "zstd" (also ""), "xz" or "none".
	Compress string
	// Level is zstd's, 1 to 19; 0 is the best that is still quick.
	Level int
	// Time is the modification time of everything in the image, in seconds since
	// 1970, up to 2106. Zero is what makes two builds equal without more ado.
	Time int64
}

// Report says what was built.
type Report struct {
	Kernel   string
	Compress string
	Bytes    int64    // of the whole image, compressed
	Modules  []string // canonical names, sorted
	// Missing are the general modules that this kernel has neither as a file nor
	// in itself. That is no error: kernels differ.
	Missing []string
}

// Build writes an image to w. What was written before an error is of no use.
func Build(w io.Writer, cfg Config) (Report, error) {
	plan, err := makePlan(cfg)
	if err != nil {
		return Report{}, err
	}
	count := &counter{w: w}
	buffer := bufio.NewWriterSize(count, 1<<20)
	z, err := compressor(buffer, cfg.Compress, cfg.Level)
	if err != nil {
		return Report{}, err
	}
	err = errors.Join(writeArchive(z, plan.entries, cfg.Time), z.Close())
	if err == nil {
		err = buffer.Flush()
	}
	if err != nil {
		return Report{}, fmt.Errorf("write image: %w", err)
	}
	plan.report.Bytes = count.n
	return plan.report, nil
}

// BuildFile builds an image at path. The file appears whole or not at all; a
// file that was there before stays until then.
func BuildFile(path string, cfg Config) (Report, error) {
	pr, pw := io.Pipe()
	reports := make(chan Report, 1)
	go func() {
		report, err := Build(pw, cfg)
		reports <- report
		pw.CloseWithError(err)
	}()
	_, err := atomicfile.WriteFrom(path, pr, 0o644)
	// If writing failed the builder may still wait for its reader.
	pr.Close()
	report := <-reports
	if err != nil {
		return Report{}, fmt.Errorf("build %s: %w", path, err)
	}
	return report, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
