package image

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Entry is one path in an image.
type Entry struct {
	Name   string
	Mode   uint32 // st_mode: kind and permissions
	Size   int64  // of the content, in bytes
	Target string // of a symlink
}

// List reads an image as the kernel does (init/initramfs.c): archives one after
// another with zero bytes between them, first uncompressed ones (microcode), then
// at most one that is compressed with gzip, xz or zstd and runs to the end. The
// entries come in the image's order, paths that come twice twice.
func List(r io.Reader) ([]Entry, error) {
	l := lister{r: bufio.NewReaderSize(r, 1<<16), each: func() (io.Writer, func(Entry)) { return io.Discard, func(Entry) {} }}
	return l.list()
}

func (l *lister) list() ([]Entry, error) {
	if err := l.archives(true); err != nil {
		return nil, err
	}
	if !l.any {
		return nil, errors.New("list image: it is empty")
	}
	return l.entries, nil
}

type lister struct {
	r       *bufio.Reader
	entries []Entry
	any     bool
	// each gives, for an entry, where its content goes and who hears that it is
	// through.
	each func() (io.Writer, func(Entry))
}

func (l *lister) archives(mayCompress bool) error {
	for {
		head, err := l.r.Peek(6)
		switch {
		case len(head) == 0 && errors.Is(err, io.EOF):
			return nil
		case len(head) == 0:
			return fmt.Errorf("list image: %w", err)
		case head[0] == 0:
			_, err = l.r.Discard(1)
		case head[0] == '0':
			err = l.archive()
		case mayCompress && format(head) != "":
			return l.compressed(format(head))
		default:
			return errors.New("list image: neither a cpio archive nor compressed in a way the kernel knows")
		}
		if err != nil {
			return err
		}
	}
}

func (l *lister) compressed(name string) error {
	plain, stop, err := decompress(l.r, name)
	if err != nil {
		return fmt.Errorf("list image: %w", err)
	}
	defer stop()
	inner := lister{r: bufio.NewReaderSize(plain, 1<<16), each: l.each}
	err = inner.archives(false)
	l.entries = append(l.entries, inner.entries...)
	l.any = l.any || inner.any
	return err
}

// archive reads one archive to its trailer.
func (l *lister) archive() error {
	l.any = true
	for {
		content, done := l.each()
		e, err := readEntry(l.r, content)
		if err != nil {
			last := "its start"
			if n := len(l.entries); n > 0 {
				last = l.entries[n-1].Name
			}
			return fmt.Errorf("list image: after %s: %w", last, err)
		}
		if e.Name == trailer {
			return nil
		}
		l.entries = append(l.entries, e)
		done(e)
	}
}
