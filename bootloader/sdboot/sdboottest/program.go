// Package sdboottest makes EFI programs for tests: headers that firmware and
// debug/pe would take, and the section by which systemd-boot is known. Run, they
// would do nothing good.
package sdboottest

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
)

// Magic is what the section of systemd-boot holds.
func Magic(version string) string {
	return "#### LoaderInfo: systemd-boot " + version + " ####"
}

// Boot is a systemd-boot for a 64-bit PC.
func Boot(version string) string {
	return Program(pe.IMAGE_FILE_MACHINE_AMD64, Magic(version), false)
}

// Program is an EFI program with an .sdmagic section that holds text, of at most
// 512 bytes. A signed one ends in eight bytes that stand for a signature.
func Program(machine uint16, text string, signed bool) string {
	const dos, start, size = 64, 0x200, 0x200
	head := make([]byte, dos)
	copy(head, "MZ")
	head[0x3c] = dos
	optional := pe.OptionalHeader64{Magic: 0x20b, SizeOfHeaders: start, Subsystem: pe.IMAGE_SUBSYSTEM_EFI_APPLICATION, NumberOfRvaAndSizes: 16}
	tail := ""
	if signed {
		tail = "a-cert.."
		optional.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_SECURITY] = pe.DataDirectory{VirtualAddress: start + size, Size: uint32(len(tail))}
	}
	section := pe.SectionHeader32{VirtualSize: uint32(len(text)), VirtualAddress: 0x1000, SizeOfRawData: size, PointerToRawData: start}
	copy(section.Name[:], ".sdmagic")
	b := bytes.NewBuffer(head)
	b.WriteString("PE\x00\x00")
	for _, part := range []any{pe.FileHeader{Machine: machine, NumberOfSections: 1, SizeOfOptionalHeader: 240}, optional, section} {
		_ = binary.Write(b, binary.LittleEndian, part) // a buffer takes everything
	}
	b.Write(make([]byte, start-b.Len()))
	b.WriteString(text)
	b.Write(make([]byte, size-len(text)))
	b.WriteString(tail)
	return b.String()
}
