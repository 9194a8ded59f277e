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
	"io/fs"

	"moss/internal/atomicfile"
)

// Config says what to build.
type Config struct {
	// Root is the system whose /usr/lib/modules is read.
	Root string
	// Usr is the tree that is, or will be, /usr of Root; "" is Root/usr.
	Usr string
	// Kernel is a version below Usr/lib/modules; "" is the newest there.
	Kernel string
	// Init is the static program that becomes /init; "" is moss-init of Usr.
	Init string
	// Rescue puts a shell into the image, for moss.shell: Busybox, "" is
	// usr/bin/busybox of Usr. A dynamic one brings its libraries.
	Rescue  bool
	Busybox string
	// Mode is whose modules the image has.
	Mode Mode
	// Host is the root folder of the running machine, for ModeHost: its sys and
	// proc are read. "" says that there is none.
	Host string
	// Modules are wanted besides those of the mode, by name or alias. One that
	// the kernel does not have is an error. Omit leaves modules out again.
	Modules, Omit []string
	// Files are taken as they are, folders with what is in them; Programs with
	// the interpreter and the libraries that they need. A program without a slash
	// is looked for in the usual folders.
	Files, Programs []string
	// Firmware brings what the modules name, as far as the system has it; No
	// leaves it out.
	Firmware Want
	// Microcode is a file of microcode, or "" (all that the system has, in
	// ModeHost that of this processor), or "no".
	Microcode string
	// LUKS brings moss-unlock and its modules. Auto asks the program (in
	// ModeGeneric), the root (in ModeHost), or whether dm_crypt is wanted.
	LUKS Want
	// Fsck brings the tool that checks the root's file system. Auto does in
	// ModeHost if /etc/fstab asks for checks.
	Fsck Want
	// Keymap is a table of loadkmap's format for the console, nil for none.
	Keymap []byte
	// Compress is "zstd" (also ""), "xz", "gzip" or "none".
	Compress string
	// Level is zstd's, 1 to 19, or gzip's, 1 to 9; 0 is the best.
	Level int
	// Zstd is the path of the program zstd, which packs a tenth tighter than the
	// library that does it otherwise.
	Zstd string
	// Time is the modification time of everything in the image, in seconds since
	// 1970, up to 2106. Zero is what makes two builds equal without more ado.
	Time int64
}

// Mode is whose modules an image has.
type Mode string

const (
	// ModeGeneric serves any machine; "" is the same.
	ModeGeneric Mode = "generic"
	// ModeHost serves the running machine and its root, and no other.
	ModeHost Mode = "host"
	// ModeList has Config.Modules and what they depend on.
	ModeList Mode = "list"
)

// Want is whether something goes into an image.
type Want string

const (
	// Auto goes by what is there; "" is the same.
	Auto Want = "auto"
	// Yes is an error where it cannot be had.
	Yes Want = "yes"
	// No leaves it out.
	No Want = "no"
)

// Report says what was built.
type Report struct {
	Kernel   string
	Compress string
	Bytes    int64    // of the whole image, compressed
	Modules  []string // canonical names, sorted
	Firmware []string // files of it, sorted
	// Microcode is the number of its bytes.
	Microcode int64
	LUKS      bool
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
	if err := writeMicrocode(buffer, plan.microcode, cfg.Time); err != nil {
		return Report{}, fmt.Errorf("write image: %w", err)
	}
	z, err := compressor(buffer, cfg.Compress, cfg.Level, cfg.Zstd)
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
	perm := fs.FileMode(0o644)
	if len(cfg.Files) > 0 {
		perm = 0o600 // one of them may be a key
	}
	_, err := atomicfile.WriteFrom(path, pr, perm)
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
