package stone

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
	"golang.org/x/sys/unix"
)

// overshoot is how far a decoder may write past the plain size before it
// notices: one block.
const overshoot = maxBlock + 4096

// spilled is content that was decoded into a scratch file. It is read with
// pread, not through the mapping, so that a disk fault is an error.
type spilled struct {
	*io.SectionReader
	file *os.File
}

// Finish has nothing left to prove: spill proved it all.
func (s *spilled) Finish() error { return nil }

// Close gives the disk space back.
func (s *spilled) Close() error { return s.file.Close() }

// spill decodes a frame of any window. Source and target are mappings of files,
// so what the decoder looks back at is page cache and not heap.
func spill(src io.ReaderAt, h PayloadHeader, f frame, scratch string) (plainReader, error) {
	stored, err := mapStored(src, h, scratch)
	if err != nil {
		return nil, err
	}
	defer unix.Munmap(stored.all)
	out, err := scratchFile(scratch)
	if err != nil {
		return nil, err
	}
	if err := decodeInto(out, stored, h, f); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return &spilled{io.NewSectionReader(out, 0, int64(h.Plain)), out}, nil
}

func decodeInto(out *os.File, stored mapping, h PayloadHeader, f frame) error {
	size := int64(h.Plain) + overshoot
	if err := reserve(out, size); err != nil {
		return fmt.Errorf("reserve %d bytes of scratch space for %s: %w", size, out.Name(), err)
	}
	target, err := unix.Mmap(int(out.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map scratch space: %w", err)
	}
	defer unix.Munmap(target)
	return guarded(h, func() error { return decodeMapped(target, stored, h, f) })
}

// reserve allocates every block: a store into the mapping of a sparse file that
// finds the disk full is a SIGBUS. File systems without fallocate get zeros.
func reserve(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	zeros := make([]byte, maxBlock)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(size-at, int64(len(zeros)))], at); err != nil {
			return err
		}
	}
	return nil
}

func decodeMapped(target []byte, stored mapping, h PayloadHeader, f frame) error {
	if got := xxh3.Hash(stored.payload()); got != h.Checksum {
		return checksumError(h, got)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(h.Plain),
		zstd.WithDecoderMaxMemory(h.Plain), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer decoder.Close()
	got, err := decoder.DecodeAll(stored.withHeader(f, h.Plain), target[:0])
	if err != nil {
		return &FormatError{h.start(), "decompress content", err}
	}
	if uint64(len(got)) != h.Plain || &got[0] != &target[0] {
		return malformed(h.Offset+8, "content is %d bytes, its header says %d", len(got), h.Plain)
	}
	return nil
}

// guarded turns a fault in a mapping (the package was truncated by somebody, or
// its disk fails: SIGBUS) into an error instead of the end of the program, and
// so it does with a decoder that hostile blocks drive out of its bounds.
func guarded(h PayloadHeader, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			err = fmt.Errorf("read content payload at offset %#x: fault in a mapping: %v", h.start(), cause)
		default:
			err = &FormatError{h.start(), "decompress content", fmt.Errorf("decoder gave up: %v", cause)}
		}
	}()
	return f()
}

// mapping is the stored bytes of a payload, private: changing them changes
// nobody's file.
type mapping struct {
	all   []byte
	start int // of the stored bytes in all, never below headerSize
}

func (m mapping) payload() []byte { return m.all[m.start:] }

// withHeader puts another frame header right before the blocks. It may be
// longer than the one there; the payload header before it gives the room.
func (m mapping) withHeader(f frame, plain uint64) []byte {
	header := f.wholeHeader(plain)
	at := m.start + int(f.header) - len(header)
	copy(m.all[at:], header)
	return m.all[at:]
}

func mapStored(src io.ReaderAt, h PayloadHeader, scratch string) (mapping, error) {
	file, ok := src.(*os.File)
	if ok {
		return mapRange(file, h.Offset, h.end())
	}
	file, err := scratchFile(scratch)
	if err != nil {
		return mapping{}, err
	}
	defer file.Close()
	whole := io.NewSectionReader(src, h.Offset, h.end()-h.Offset)
	if _, err := io.Copy(file, whole); err != nil {
		return mapping{}, fmt.Errorf("copy content payload: %w", err)
	}
	return mapRange(file, 0, h.end()-h.Offset)
}

// mapRange maps a payload with its header.
func mapRange(file *os.File, from, to int64) (mapping, error) {
	page := from &^ int64(os.Getpagesize()-1)
	all, err := unix.Mmap(int(file.Fd()), page, int(to-page), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		return mapping{}, fmt.Errorf("map content payload: %w", err)
	}
	return mapping{all: all, start: int(from-page) + headerSize}, nil
}
