package activate

import (
	"bytes"
	"encoding/binary"
)

// ElfSpec describes a library or program that holds no code: headers, names and
// a dynamic section, which is all that a loader looks at to find its needs.
type ElfSpec struct {
	Interp, Soname, Rpath, Runpath string
	Needed                         []string
	Program                        bool // ET_EXEC
}

// Bytes lays the file out in one segment: headers, strings, symbols, dynamic.
func (s ElfSpec) Bytes() []byte {
	strs := []byte{0}
	str := func(text string) uint64 {
		off := len(strs)
		strs = append(append(strs, text...), 0)
		return uint64(off)
	}
	interp := str(s.Interp)
	var dyn []uint64
	for _, name := range s.Needed {
		dyn = append(dyn, 1, str(name))
	}
	for tag, text := range map[uint64]string{14: s.Soname, 15: s.Rpath, 29: s.Runpath} {
		if text != "" {
			dyn = append(dyn, tag, str(text))
		}
	}
	const headers = 64 + 4*56
	symbols := (headers + uint64(len(strs)) + 7) &^ 7
	hash := symbols + 24
	dynamic := hash + 16
	dyn = append(dyn, 4, hash, 5, headers, 10, uint64(len(strs)), 6, symbols, 11, 24, 0, 0)
	end := dynamic + uint64(len(dyn))*8

	var out bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&out, binary.LittleEndian, v)
		}
	}
	put([]byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	put(s.kind(), uint16(62), uint32(1), uint64(0), uint64(64), uint64(0), uint32(0))
	put(uint16(64), uint16(56), uint16(4), uint16(0), uint16(0), uint16(0))
	segment := func(kind, flags uint32, off, size, align uint64) {
		put(kind, flags, off, off, off, size, size, align)
	}
	if s.Interp != "" {
		segment(3, 4, headers+interp, uint64(len(s.Interp)+1), 1)
	} else {
		segment(0, 0, 0, 0, 0)
	}
	segment(1, 6, 0, end, 4096)
	segment(2, 6, dynamic, uint64(len(dyn))*8, 8)
	segment(0x6474e551, 6, 0, 0, 16) // not executable: a loader makes no other use of the stack
	out.Write(strs)
	out.Write(make([]byte, int(symbols)-out.Len()+24))
	put([]uint32{1, 1, 0, 0}, dyn)
	return out.Bytes()
}

func (s ElfSpec) kind() uint16 {
	if s.Program {
		return 2
	}
	return 3
}
