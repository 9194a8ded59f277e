package activate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
)

// image is what the kernel and the dynamic loader read of an ELF file before
// they map it, and nothing else. debug/elf is not used: it goes by the section
// headers, which neither of them looks at and which strip(1) may remove, and it
// would add a sixth to the size of PID 1.
type image struct {
	shared bool // ET_DYN: a library or a position-independent program
	interp string
	loads  []segment
	dynamic
}

// segment is a PT_LOAD: filesz bytes at off in the file appear at vaddr.
type segment struct{ off, vaddr, filesz uint64 }

// errForeign is returned for a sound ELF file of another machine: the dynamic
// loader passes over such a library and searches on.
var errForeign = errors.New("is for another kind of machine")

// machine is how the ELF header names an architecture.
type machine struct {
	class, order byte
	number       uint16
}

// Values of the ELF header (System V ABI, chapter 4) that are needed here.
const (
	class64    = 2
	little     = 1
	big        = 2
	typeExec   = 2
	typeShared = 3

	segLoad    = 1
	segDynamic = 2
	segInterp  = 3

	// Linux refuses a program header table above 64 KiB (load_elf_phdrs).
	maxHeaders = 64 << 10
	header64   = 64
	phdr64     = 56
)

// thisMachine is that of the running program: PID 1 was built for the kernel
// that runs it. Every architecture named here is one that Go has with 64 bits.
func thisMachine() machine {
	numbers := map[string]machine{
		"amd64":   {class64, little, 62},
		"arm64":   {class64, little, 183},
		"riscv64": {class64, little, 243},
		"loong64": {class64, little, 258},
		"ppc64le": {class64, little, 21},
		"ppc64":   {class64, big, 21},
		"s390x":   {class64, big, 22},
	}
	return numbers[runtime.GOARCH]
}

func (m machine) byteOrder() binary.ByteOrder {
	if m.order == big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// readImage reads the headers of an ELF file of size bytes for machine m. It
// reads no more than the file can justify and checks that every segment lies
// inside the file: a library that was cut short fails only when it is mapped,
// and then it takes the whole boot with it.
func readImage(r io.ReaderAt, size int64, m machine) (*image, error) {
	file := &elfFile{r: r, size: uint64(max(size, 0)), order: m.byteOrder()}
	head, err := file.bytes(0, header64)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("is too short for an ELF file")
	}
	if err != nil {
		return nil, err
	}
	if string(head[:4]) != "\x7fELF" {
		return nil, errors.New("is not an ELF file")
	}
	if head[4] != m.class || head[5] != m.order || file.order.Uint16(head[18:]) != m.number {
		return nil, errForeign
	}
	kind := file.order.Uint16(head[16:])
	if kind != typeExec && kind != typeShared {
		return nil, errors.New("is an ELF file that is neither program nor library")
	}
	img := &image{shared: kind == typeShared}
	return img, img.read(file, head)
}

func (img *image) read(file *elfFile, head []byte) error {
	table, err := file.programHeaders(head)
	if err != nil {
		return err
	}
	var dynamicAt uint64
	for ; len(table) >= phdr64; table = table[phdr64:] {
		p := file.segment(table)
		switch file.order.Uint32(table) {
		case segLoad:
			err = img.load(file, p)
		case segInterp:
			img.interp, err = file.text(p.off, p.filesz)
		case segDynamic:
			dynamicAt = p.vaddr
		}
		if err != nil {
			return err
		}
	}
	if len(img.loads) == 0 {
		return errors.New("has nothing to load")
	}
	if dynamicAt == 0 {
		return nil
	}
	return img.dynamic.read(file, img.loads, dynamicAt)
}

func (img *image) load(file *elfFile, p segment) error {
	if p.off > file.size || p.filesz > file.size-p.off {
		return fmt.Errorf("is cut short: it needs %d bytes and has %d", p.off+p.filesz, file.size)
	}
	img.loads = append(img.loads, p)
	return nil
}

// elfFile is bounded reading of one file.
type elfFile struct {
	r     io.ReaderAt
	size  uint64
	order binary.ByteOrder
}

func (f *elfFile) programHeaders(head []byte) ([]byte, error) {
	off := f.order.Uint64(head[32:])
	each, count := uint64(f.order.Uint16(head[54:])), uint64(f.order.Uint16(head[56:]))
	if each != phdr64 || count == 0 || each*count > maxHeaders {
		return nil, errors.New("has no sound program headers")
	}
	table, err := f.bytes(off, each*count)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("is cut short: its program headers are missing")
	}
	return table, err
}

func (f *elfFile) segment(p []byte) segment {
	return segment{off: f.order.Uint64(p[8:]), vaddr: f.order.Uint64(p[16:]), filesz: f.order.Uint64(p[32:])}
}

// bytes reads n bytes at off, all of them or an error; callers bound n.
func (f *elfFile) bytes(off, n uint64) ([]byte, error) {
	if off > f.size || n > f.size-off {
		return nil, io.ErrUnexpectedEOF
	}
	buf := make([]byte, n)
	if _, err := f.r.ReadAt(buf, int64(off)); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf, nil
}

// longestName bounds every path and name in an ELF file; the kernel refuses a
// longer interpreter (PATH_MAX).
const longestName = 4096

// text reads a NUL-terminated name of which at most room bytes are there.
func (f *elfFile) text(off, room uint64) (string, error) {
	if off > f.size {
		return "", errors.New("is cut short: a name in it is missing")
	}
	buf, err := f.bytes(off, min(room, f.size-off, longestName))
	if err != nil {
		return "", err
	}
	for i, c := range buf {
		if c == 0 {
			return string(buf[:i]), nil
		}
	}
	return "", errors.New("holds a name without an end")
}
