package sdboot

import (
	"bytes"
	"debug/pe"
	"errors"
	"fmt"
	"strings"
)

// Program is what an EFI program says of itself.
type Program struct {
	// Arch is the EFI machine name ("x64").
	Arch string
	// Version is systemd-boot's, "" for a program that is not systemd-boot.
	Version string
	// Signed: it carries a signature. Nothing here knows whose.
	Signed bool
}

// machines are the names of the PE machines (PE format, "Machine Types"; UEFI
// 2.10, 3.5.1.1).
func machines() map[uint16]string {
	return map[uint16]string{
		pe.IMAGE_FILE_MACHINE_AMD64: "x64", pe.IMAGE_FILE_MACHINE_I386: "ia32", pe.IMAGE_FILE_MACHINE_ARM64: "aa64",
		pe.IMAGE_FILE_MACHINE_ARMNT: "arm", pe.IMAGE_FILE_MACHINE_THUMB: "arm",
		pe.IMAGE_FILE_MACHINE_RISCV64: "riscv64", pe.IMAGE_FILE_MACHINE_LOONGARCH64: "loongarch64",
	}
}

// Parse reads the headers of an EFI program. It fails for what no firmware would
// start: another kind of file, or one whose end is missing.
func Parse(data []byte) (Program, error) {
	file, err := pe.NewFile(bytes.NewReader(data))
	if err != nil {
		return Program{}, fmt.Errorf("parse EFI program: %w", err)
	}
	arch, ok := machines()[file.Machine]
	if !ok {
		return Program{}, fmt.Errorf("parse EFI program: unknown machine %#x", file.Machine)
	}
	subsystem, certificates := optional(file)
	if subsystem != pe.IMAGE_SUBSYSTEM_EFI_APPLICATION {
		return Program{}, fmt.Errorf("parse EFI program: subsystem %d, want an EFI application", subsystem)
	}
	size := uint64(len(data))
	// The certificates are the one directory that is named by its place in the
	// file, because it is never loaded.
	if uint64(certificates.VirtualAddress)+uint64(certificates.Size) > size {
		return Program{}, errTruncated
	}
	for _, section := range file.Sections {
		if uint64(section.Offset)+uint64(section.Size) > size {
			return Program{}, errTruncated
		}
	}
	return Program{Arch: arch, Version: magic(file), Signed: certificates.Size > 0}, nil
}

var errTruncated = errors.New("parse EFI program: its end is missing")

func optional(file *pe.File) (subsystem uint16, certificates pe.DataDirectory) {
	var directories []pe.DataDirectory
	switch header := file.OptionalHeader.(type) {
	case *pe.OptionalHeader64:
		subsystem = header.Subsystem
		directories = header.DataDirectory[:min(header.NumberOfRvaAndSizes, uint32(len(header.DataDirectory)))]
	case *pe.OptionalHeader32:
		subsystem = header.Subsystem
		directories = header.DataDirectory[:min(header.NumberOfRvaAndSizes, uint32(len(header.DataDirectory)))]
	}
	if len(directories) > pe.IMAGE_DIRECTORY_ENTRY_SECURITY {
		certificates = directories[pe.IMAGE_DIRECTORY_ENTRY_SECURITY]
	}
	return subsystem, certificates
}

const (
	magicSection = ".sdmagic"
	magicHead    = "#### LoaderInfo: systemd-boot "
	magicTail    = " ####"
)

// magic is the version in the section by which systemd-boot is known to
// bootctl. The stub of unified kernels has the section too, with another name in
// it.
func magic(file *pe.File) string {
	section := file.Section(magicSection)
	if section == nil {
		return ""
	}
	data, err := section.Data()
	if err != nil {
		return ""
	}
	data, _, _ = bytes.Cut(data, []byte{0})
	text, head := strings.CutPrefix(string(data), magicHead)
	version, tail := strings.CutSuffix(strings.TrimRight(text, "\n"), magicTail)
	if !head || !tail || strings.ContainsFunc(version, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return version
}
