package early

import (
	"encoding/binary"
	"io"
	"strings"
)

// isUnified tells whether a program of UEFI carries a kernel in a section, instead
// of being one (Unified Kernel Image specification). What cannot be read is not.
func isUnified(f io.ReaderAt) bool {
	head := make([]byte, 64)
	if _, err := f.ReadAt(head, 0); err != nil || string(head[:2]) != "MZ" {
		return false
	}
	at := int64(binary.LittleEndian.Uint32(head[60:]))
	coff := make([]byte, 24)
	if _, err := f.ReadAt(coff, at); err != nil || string(coff[:4]) != "PE\x00\x00" {
		return false
	}
	at += 24 + int64(binary.LittleEndian.Uint16(coff[20:]))
	for range min(binary.LittleEndian.Uint16(coff[6:]), 96) {
		section := make([]byte, 40)
		if _, err := f.ReadAt(section, at); err != nil {
			return false
		}
		if strings.TrimRight(string(section[:8]), "\x00") == ".linux" {
			return true
		}
		at += 40
	}
	return false
}
