package testutil

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"runtime"
)

// StaticProgram is the smallest file that a kernel of this machine would start:
// an ELF header and one segment, no interpreter, no libraries. Run, it would
// crash; it stands for an init where only the check whether one could boot looks.
func StaticProgram() string {
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "riscv64": elf.EM_RISCV}[runtime.GOARCH]
	const header, segment = 64, 56
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Entry: 0x400000,
		Phoff: header, Ehsize: header, Phentsize: segment, Phnum: 1}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	p := elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: 0x400000, Filesz: header + segment, Memsz: header + segment, Align: 4096}
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, h) // a buffer takes everything
	_ = binary.Write(&b, binary.LittleEndian, p)
	return b.String()
}
