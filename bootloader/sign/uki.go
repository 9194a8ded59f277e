package sign

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"moss/internal/atomicfile"
)

// Image is what goes into a unified kernel image. Files are paths.
type Image struct {
	// Stub is systemd's linux<arch>.efi.stub, which finds the rest in its own
	// file and starts it.
	Stub string
	// OSRelease and Uname tell people and loaders what it is. Cmdline is what
	// the kernel gets; under Secure Boot the stub takes no other.
	OSRelease, Cmdline, Uname string
	Kernel                    string
	// Initrds are unpacked in this order: microcode first.
	Initrds []string
}

// WriteUKI writes a unified kernel image to out, atomically. It holds the
// sections that systemd-stub(7) names, behind those of the stub, each at the
// next free page of memory. Equal input gives equal bytes. Only the owner may read
// it: an initrd can hold secrets, as a key for a disk.
func WriteUKI(out string, in Image) error {
	err := in.unified(func(r io.Reader) error {
		_, err := atomicfile.WriteFrom(out, r, 0o600)
		return err
	})
	if err != nil {
		return fmt.Errorf("write unified kernel image %s: %w", out, err)
	}
	return nil
}

// WriteUKITo writes what WriteUKI makes to w.
func WriteUKITo(w io.Writer, in Image) error {
	err := in.unified(func(r io.Reader) error {
		_, err := io.Copy(w, r)
		return err
	})
	if err != nil {
		return fmt.Errorf("make unified kernel image: %w", err)
	}
	return nil
}

// unified gives the image as a stream, whose files are open as long as use runs.
func (in Image) unified(use func(io.Reader) error) (err error) {
	stub, err := openPE(in.Stub)
	if err != nil {
		return fmt.Errorf("read stub %s: %w", in.Stub, err)
	}
	defer func() { err = errors.Join(err, stub.file.Close()) }()
	if err := startable(in.Kernel); err != nil {
		return err
	}
	adds, done, err := in.sections()
	defer done()
	if err != nil {
		return err
	}
	b := builder{im: stub.im, head: bytes.Clone(stub.im.head)}
	if err := b.start(stub.file); err != nil {
		return fmt.Errorf("read stub %s: %w", in.Stub, err)
	}
	for _, add := range adds {
		if err := b.add(add); err != nil {
			return err
		}
	}
	return use(b.stream())
}

// startable: the stub hands the kernel to the firmware, which starts PE images
// and nothing else.
func startable(kernel string) error {
	p, err := openPE(kernel)
	if err != nil {
		return fmt.Errorf("read kernel %s: %w", kernel, err)
	}
	return p.file.Close()
}

// added is a section to be: a name and what it is read from, one file behind
// the other.
type added struct {
	name  string
	parts []part
}

type part struct {
	r    io.ReaderAt
	size int64
}

func (a added) size() (n int64) {
	for i, p := range a.parts {
		n += p.size
		if i < len(a.parts)-1 {
			n += gap(p.size)
		}
	}
	return n
}

// gap is what an initrd is filled up with before the next: the kernel looks for
// an archive at multiples of four bytes.
func gap(size int64) int64 { return (4 - size%4) % 4 }

// sections opens the files; done closes them, after errors too.
func (in Image) sections() (adds []added, done func(), err error) {
	var files []*os.File
	done = func() {
		for _, f := range files {
			_ = f.Close() // only read from
		}
	}
	open := func(paths ...string) (parts []part) {
		for _, path := range paths {
			f, info, one := openRegular(path)
			if one != nil {
				err = errors.Join(err, one)
				continue
			}
			files = append(files, f)
			parts = append(parts, part{f, info.Size()})
		}
		return parts
	}
	text := func(s string) []part { return []part{{bytes.NewReader([]byte(s)), int64(len(s))}} }
	// The kernel stands last, as ukify has it: what it needs in memory beyond
	// its file must not be another section's.
	for _, a := range []added{{".osrel", text(in.OSRelease)}, {".cmdline", text(in.Cmdline)}, {".uname", text(in.Uname)},
		{".initrd", open(in.Initrds...)}, {".linux", open(in.Kernel)}} {
		if a.size() > 0 {
			adds = append(adds, a)
		}
	}
	return adds, done, err
}

func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() == 0) {
		err = fmt.Errorf("read %s: empty or no file", path)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// builder lays sections behind those of a stub.
type builder struct {
	im     *image
	head   []byte
	body   []io.Reader // of the file, behind the headers
	offset int64       // where the next section begins in the file
	memory int64       // and in memory

	fileAlign, pageAlign int64
	rows                 int64
	initialized          int64 // bytes of data
}

// Offsets in the headers: of the COFF header from its start, of the optional
// header from its own.
const (
	coffRows, coffSymbols, coffCount = 2, 8, 12
	optData, optPage, optFile        = 8, 32, 36
	optImage                         = 56
)

func (b *builder) start(r io.ReaderAt) error {
	im := b.im
	b.fileAlign, b.pageAlign = int64(im.u32(im.opt+optFile)), int64(im.u32(im.opt+optPage))
	if !power(b.fileAlign, 1<<16) || !power(b.pageAlign, 1<<21) {
		return badf("alignment of %d and %d", b.fileAlign, b.pageAlign)
	}
	b.pageAlign = max(b.pageAlign, 4096)
	b.rows = int64(len(im.sections))
	b.initialized = int64(im.u32(im.opt + optData))
	end, memory, err := im.extent()
	if err != nil {
		return err
	}
	// Symbols of a stub that was linked with them lie behind its last section:
	// nothing reads them, and they are left behind. So are signatures.
	b.put32(im.opt-coffSize+4+coffSymbols, 0)
	b.put32(im.opt-coffSize+4+coffCount, 0)
	b.put32(im.certDir, 0)
	b.put32(im.certDir+4, 0)
	b.put32(im.checksum, 0)
	b.offset, b.memory = up(end, b.fileAlign), up(memory, b.pageAlign)
	b.body = []io.Reader{whole(r, span{int64(len(im.head)), end}), zeros(b.offset - end)}
	return nil
}

// extent is the end of the sections in the file and in memory. Overlap in
// memory means that the file is broken, or was put together with addresses
// that somebody guessed; the firmware would load one over the other.
func (im *image) extent() (end, memory int64, err error) {
	end = int64(len(im.head))
	for i, s := range im.sections {
		from, to := s.inMemory()
		for _, other := range im.sections[:i] {
			if f, t := other.inMemory(); from < t && f < to {
				return 0, 0, badf("sections %q and %q overlap in memory", other.name, s.name)
			}
		}
		if s.length > 0 {
			end = max(end, int64(s.offset)+int64(s.length))
		}
		memory = max(memory, to)
	}
	return end, memory, nil
}

func (s section) inMemory() (from, to int64) {
	return int64(s.address), int64(s.address) + int64(s.memory)
}

// flags of a section: initialized data, readable.
const readOnlyData = 0x40000040

func (b *builder) add(a added) error {
	for _, s := range b.im.sections {
		if s.name == a.name {
			return badf("the stub has a section %s already", a.name)
		}
	}
	row := b.im.table + b.rows*rowSize
	if row+rowSize > int64(len(b.head)) || !allZero(b.head[row:row+rowSize]) {
		return badf("no place in the stub's headers for section %s", a.name)
	}
	size := a.size()
	length := up(size, b.fileAlign)
	if b.offset+length > math.MaxInt32 || b.memory+size > math.MaxInt32 {
		return badf("more than 2 GiB with section %s", a.name)
	}
	copy(b.head[row:], a.name)
	for i, v := range []int64{size, b.memory, length, b.offset} {
		b.put32(row+8+int64(i)*4, v)
	}
	b.put32(row+36, readOnlyData)
	for i, p := range a.parts {
		b.body = append(b.body, whole(p.r, span{0, p.size}))
		if i < len(a.parts)-1 {
			b.body = append(b.body, zeros(gap(p.size)))
		}
	}
	b.body = append(b.body, zeros(length-size))
	b.rows++
	b.offset += length
	b.initialized += length
	b.memory = up(b.memory+size, b.pageAlign)
	return nil
}

// stream is the file, with the sums in its headers put right.
func (b *builder) stream() io.Reader {
	binary.LittleEndian.PutUint16(b.head[b.im.opt-coffSize+4+coffRows:], uint16(b.rows))
	b.put32(b.im.opt+optData, b.initialized)
	b.put32(b.im.opt+optImage, b.memory)
	return io.MultiReader(append([]io.Reader{bytes.NewReader(b.head)}, b.body...)...)
}

func (b *builder) put32(at, v int64) { binary.LittleEndian.PutUint32(b.head[at:], uint32(v)) }

func zeros(n int64) io.Reader { return bytes.NewReader(make([]byte, n)) }

func up(n, align int64) int64 { return (n + align - 1) / align * align }

func power(n, most int64) bool { return n > 0 && n <= most && n&(n-1) == 0 }

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
