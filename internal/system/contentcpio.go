package system

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Sizes of a newc header (Documentation/driver-api/early-userspace/buffer-format.rst).
const (
	newcHeader = 110
	newcFields = 8      // hexadecimal digits each, after a magic of 6
	maxName    = 4096   // of a name in the archive
	maxMembers = 10_000 // no microcode has as many
)

// isMicrocode tells an image that holds nothing but CPU microcode. The kernel
// looks for that before it can decompress anything, so only in the uncompressed
// archives that come first (Documentation/arch/x86/microcode.rst). An initramfs
// that has its microcode in front is none: it would overlay others otherwise than
// its name says.
func isMicrocode(path string) bool {
	name := strings.ToLower(filepath.Base(path))
	if strings.Contains(name, "microcode") || strings.Contains(name, "ucode") {
		return true
	}
	file, err := os.Open(path)
	if err != nil {
		return false // whoever copies it will say so
	}
	defer file.Close()
	return onlyMicrocode(file)
}

func onlyMicrocodeIn(paths []string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool { return !isMicrocode(path) })
}

func onlyMicrocode(r io.ReaderAt) bool {
	found := false
	at := int64(0)
	for range maxMembers {
		name, next, ok := member(r, at)
		if !ok {
			return false
		}
		if name == "TRAILER!!!" {
			return found && zeroFrom(r, next)
		}
		found = found || strings.HasPrefix(name, "kernel/x86/microcode/")
		// dracut marks its early archive with a file of this name.
		if name != "." && name != "early_cpio" && name != "kernel" && !strings.HasPrefix(name, "kernel/") {
			return false
		}
		at = next
	}
	return false
}

// member reads the header at an offset: a name, and where the next header is.
func member(r io.ReaderAt, at int64) (name string, next int64, ok bool) {
	var head [newcHeader]byte
	if _, err := r.ReadAt(head[:], at); err != nil {
		return "", 0, false
	}
	if magic := string(head[:6]); magic != "070701" && magic != "070702" {
		return "", 0, false
	}
	field := func(i int) int64 {
		n, err := strconv.ParseUint(string(head[6+i*newcFields:][:newcFields]), 16, 32)
		if err != nil {
			return -1
		}
		return int64(n)
	}
	size, length := field(6), field(11)
	if size < 0 || length < 1 || length > maxName {
		return "", 0, false
	}
	text := make([]byte, length)
	if _, err := r.ReadAt(text, at+newcHeader); err != nil {
		return "", 0, false
	}
	return strings.TrimPrefix(string(bytes.TrimRight(text, "\x00")), "./"), align(align(at+newcHeader+length) + size), true
}

func align(n int64) int64 { return (n + 3) &^ 3 }

// zeroFrom: after the last archive there is only padding.
func zeroFrom(r io.ReaderAt, at int64) bool {
	block := make([]byte, 4096)
	for {
		n, err := r.ReadAt(block, at)
		if len(bytes.Trim(block[:n], "\x00")) > 0 {
			return false
		}
		if err != nil {
			return err == io.EOF
		}
		at += int64(n)
	}
}
