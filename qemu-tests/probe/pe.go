// Package probe asks the real systemd-boot what it makes of a partition: which
// entries it shows, in which order, which one it starts, what it renames. Many
// partitions are asked in one run of a virtual machine, by a script of the shell
// that is built into the firmware. No operating system takes part: what the
// entries name are programs of a few bytes that give up at once, so that the
// loader returns to the script.
package probe

import (
	"encoding/binary"
	"slices"
)

// Kinds of a program, the subsystem numbers of the PE format. An application
// goes from memory when it returns, a driver that returns success stays.
const (
	application = 10
	driver      = 11
)

const (
	headers = 0x200  // of the file, and its alignment
	base    = 0x1000 // where the only section begins in memory, and the alignment there
)

// started is a variable of the loader's vendor that only Image sets.
const started = "ProbeStarted"

// Image is an EFI program that the loader can start as a kernel: it sets a
// variable that says so and returns EFI_ABORTED. What follows its code is payload,
// of any size; the firmware reads all of it.
func Image(payload []byte) []byte {
	name := Text(started)
	code := []byte{
		0x48, 0x83, 0xec, 0x38, // sub rsp, 0x38
		0x48, 0x8b, 0x42, 0x58, // mov rax, [rdx+0x58]: the system table's runtime services
		0x48, 0x8d, 0x0d, 42, 0, 0, 0, // lea rcx, [rip+42]: the name, at 57
		0x48, 0x8d, 0x15, byte(35 + len(name)), 0, 0, 0, // lea rdx, [rip+…]: the GUID behind it
		0x41, 0xb8, 6, 0, 0, 0, // mov r8d, 6: until the next reset
		0x41, 0xb9, 1, 0, 0, 0, // mov r9d, 1: one byte
		0x48, 0x89, 0x4c, 0x24, 0x20, // mov [rsp+0x20], rcx: any
		0xff, 0x50, 0x58, // call [rax+0x58]: SetVariable
		0x48, 0xb8, 0x15, 0, 0, 0, 0, 0, 0, 0x80, // mov rax, EFI_ABORTED
		0x48, 0x83, 0xc4, 0x38, // add rsp, 0x38
		0xc3, // ret
	}
	return program(application, slices.Concat(code, name, guid(), payload))
}

// hasty is a driver that makes the boot service Stall return at once when it is
// to wait for a second or more. The loader shows each error for three seconds,
// and every program here ends with one.
func hasty() []byte {
	return program(driver, []byte{
		0x48, 0x8b, 0x42, 0x60, // mov rax, [rdx+0x60]: the system table's boot services
		0x4c, 0x8b, 0x80, 0xf8, 0, 0, 0, // mov r8, [rax+0xf8]: Stall
		0x4c, 0x89, 0x05, 0x23, 0, 0, 0, // mov [rip+0x23], r8: to 53
		0x4c, 0x8d, 0x05, 0x0a, 0, 0, 0, // lea r8, [rip+0xa]: 35
		0x4c, 0x89, 0x80, 0xf8, 0, 0, 0, // mov [rax+0xf8], r8
		0x31, 0xc0, // xor eax, eax
		0xc3, // ret
		// 35: the new Stall; rcx is the time in microseconds.
		0x48, 0x81, 0xf9, 0x40, 0x42, 0x0f, 0, // cmp rcx, 1000000
		0x73, 0x06, // jae 50
		0xff, 0x25, 0x03, 0, 0, 0, // jmp [rip+3]: through 53
		// 50
		0x31, 0xc0, // xor eax, eax
		0xc3,                   // ret
		0, 0, 0, 0, 0, 0, 0, 0, // 53: the old Stall
	})
}

// program is a PE32+ file for x86-64 with one section and no relocations: code must
// run at any address.
func program(kind uint16, code []byte) []byte {
	le := binary.LittleEndian
	raw := (len(code) + headers - 1) / headers * headers
	file := make([]byte, headers+raw)
	copy(file, "MZ")
	le.PutUint32(file[60:], 64)
	copy(file[64:], "PE\x00\x00")
	coff, opt, section := file[68:], file[88:], file[88+240:]
	le.PutUint16(coff[0:], 0x8664) // x86-64
	le.PutUint16(coff[2:], 1)      // sections
	le.PutUint16(coff[16:], 240)   // size of the optional header
	le.PutUint16(coff[18:], 0x22)  // executable, large addresses
	le.PutUint16(opt[0:], 0x20b)   // PE32+
	le.PutUint32(opt[4:], uint32(raw))
	le.PutUint32(opt[16:], base) // entry point
	le.PutUint32(opt[20:], base) // of code
	le.PutUint32(opt[32:], base) // section alignment
	le.PutUint32(opt[36:], headers)
	le.PutUint32(opt[56:], uint32(base+(raw+base-1)/base*base)) // size in memory
	le.PutUint32(opt[60:], headers)
	le.PutUint16(opt[68:], kind)
	le.PutUint32(opt[108:], 16) // directories, all empty
	copy(section, ".text")
	le.PutUint32(section[8:], uint32(raw))
	le.PutUint32(section[12:], base)
	le.PutUint32(section[16:], uint32(raw))
	le.PutUint32(section[20:], headers)
	le.PutUint32(section[36:], 0xe0000020) // code, executable, readable, writable
	copy(file[headers:], code)
	return file
}
