package world

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

const plainName = "vmlinux"

// unpackKernel takes the ELF file out of a kernel image. QEMU starts that by its
// PVH note, with no BIOS and without the image's own unpacking, which under
// emulation takes longer than all else that the kernel does before /init.
func unpackKernel(ctx context.Context, image, plain string) error {
	data, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	packed, err := payload(data)
	if err != nil {
		return fmt.Errorf("unpack kernel %s: %w", image, err)
	}
	out, err := os.Create(plain)
	if err != nil {
		return err
	}
	// The program and not a library: the stream has a filter for x86.
	unpack := exec.CommandContext(ctx, "xz", "--decompress", "--single-stream", "--stdout")
	var said bytes.Buffer
	unpack.Stdin, unpack.Stdout, unpack.Stderr = bytes.NewReader(packed), out, &said
	if err := errors.Join(unpack.Run(), out.Close()); err != nil {
		return fmt.Errorf("unpack kernel %s: %w: %s", image, err, said.Bytes())
	}
	return nil
}

// payload is the compressed kernel in an image (Linux: Documentation/arch/x86/boot.rst,
// setup_sects, payload_offset and payload_length).
func payload(image []byte) ([]byte, error) {
	const sectsAt, magicAt, offsetAt, headerEnd = 0x1f1, 0x202, 0x248, 0x250
	if len(image) < headerEnd || !bytes.Equal(image[magicAt:magicAt+4], []byte("HdrS")) {
		return nil, errors.New("it has no boot header")
	}
	start := (int(image[sectsAt])+1)*512 + int(binary.LittleEndian.Uint32(image[offsetAt:]))
	end := start + int(binary.LittleEndian.Uint32(image[offsetAt+4:]))
	if start > end || end > len(image) {
		return nil, errors.New("it is shorter than its header says")
	}
	if !bytes.HasPrefix(image[start:end], []byte("\xfd7zXZ\x00")) {
		return nil, errors.New("it is not packed with xz")
	}
	return image[start:end], nil
}
