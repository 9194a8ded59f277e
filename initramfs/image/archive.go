package image

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"
	"golang.org/x/sys/unix"
)

const (
	modeFile = unix.S_IFREG
	modeDir  = unix.S_IFDIR
	modeLink = unix.S_IFLNK
	modeChar = unix.S_IFCHR

	modeKinds = unix.S_IFMT
)

// writeArchive writes entries, which must be in order and without doubles, as
// one newc archive. Inode numbers count up and link counts are those of a fresh
// tree: cpio.MakeReproducible would write a link count of 2^32-1, on which the
// kernel looks for hard links among the inode numbers.
func writeArchive(w io.Writer, entries []entry, mtime int64) error {
	records, seen := cpio.Newc.Writer(w), map[string]bool{".": true}
	for i, e := range entries {
		if seen[e.name] || !seen[path.Dir(e.name)] {
			// The writer would drop a double without a word, and the kernel what
			// comes before its folder.
			return fmt.Errorf("archive %s: it comes twice, or before its folder", e.name)
		}
		seen[e.name] = true
		rec, err := record(e)
		if err != nil {
			return err
		}
		rec.Ino = uint64(i) + 1
		rec.MTime = uint64(mtime)
		if err := records.WriteRecord(rec); err != nil {
			return fmt.Errorf("archive %s: %w", e.name, err)
		}
	}
	return cpio.WriteTrailer(records)
}

func record(e entry) (cpio.Record, error) {
	info := cpio.Info{Name: e.name, Mode: e.mode, NLink: 1, Rmajor: e.major, Rminor: e.minor}
	switch e.mode & unix.S_IFMT {
	case modeDir:
		info.NLink = 2
		return cpio.Record{Info: info}, nil
	case modeLink:
		info.FileSize = uint64(len(e.target))
		return cpio.Record{Info: info, ReaderAt: strings.NewReader(e.target)}, nil
	case modeFile:
		data, err := e.read()
		if err != nil {
			return cpio.Record{}, err
		}
		info.FileSize = uint64(len(data))
		return cpio.Record{Info: info, ReaderAt: bytes.NewReader(data)}, nil
	}
	return cpio.Record{Info: info}, nil
}
