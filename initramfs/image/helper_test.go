package image

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/u-root/u-root/pkg/cpio"
	"github.com/ulikunitz/xz"

	"moss/internal/testutil"
)

const modulesDir = "usr/lib/modules/6.1.0/"

// module is the content of a test module; every name has its own.
func module(name string) string { return "\x7fELF module " + name }

// root is a small system: ext4 with its softdep, one module in each compression,
// and virtio_blk in the kernel itself.
func root(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	testutil.Tree{
		modulesDir + "kernel/fs/ext4.ko":       module("ext4"),
		modulesDir + "kernel/fs/jbd2.ko.gz":    squeeze(t, "gzip", module("jbd2")),
		modulesDir + "kernel/crc32c-hw.ko.zst": squeeze(t, "zstd", module("crc32c_hw")),
		modulesDir + "kernel/odd_one.ko.xz":    squeeze(t, "xz", module("odd_one")),
		modulesDir + "kernel/unused.ko":        module("unused"),
		modulesDir + "modules.dep": "kernel/fs/ext4.ko: kernel/fs/jbd2.ko.gz\nkernel/fs/jbd2.ko.gz:\n" +
			"kernel/crc32c-hw.ko.zst:\nkernel/odd_one.ko.xz:\nkernel/unused.ko:\n",
		modulesDir + "modules.softdep": "softdep ext4 pre: crypto-crc32c\n",
		modulesDir + "modules.alias":   "alias crypto-crc32c crc32c_hw\nalias pci:v1* unused\n",
		modulesDir + "modules.builtin": "kernel/drivers/virtio_blk.ko\n",
		"usr/lib/moss/moss-init":       "0755:" + string(program(0)),
	}.Create(t, dir)
	return dir
}

// program is an ELF header with one segment of the given type.
func program(segment uint32) []byte {
	elf := make([]byte, 64+56)
	copy(elf, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(elf[16:], 2)  // ET_EXEC
	le.PutUint16(elf[18:], 62) // EM_X86_64
	le.PutUint32(elf[20:], 1)
	le.PutUint64(elf[32:], 64) // program headers follow
	le.PutUint16(elf[52:], 64)
	le.PutUint16(elf[54:], 56)
	le.PutUint16(elf[56:], 1)
	le.PutUint32(elf[64:], segment)
	return elf
}

func squeeze(t testing.TB, kind, text string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch kind {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	}
	if err == nil {
		_, err = io.WriteString(w, text)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func build(t testing.TB, cfg Config) ([]byte, Report) {
	t.Helper()
	var b bytes.Buffer
	report, err := Build(&b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), report
}

// records reads an uncompressed image with u-root's reader, not with List.
func records(t testing.TB, image []byte) map[string]cpio.Record {
	t.Helper()
	all, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(image)))
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]cpio.Record{}
	for _, r := range all {
		byName[r.Name] = r
	}
	return byName
}

func write(t testing.TB, root, name, text string) string {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
