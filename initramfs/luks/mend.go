package luks

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// mend puts the second copy of a header in the first one's place, in memory:
// the disk is left to cryptsetup, which mends it when it next writes.
func mend(device io.ReaderAt, h *Header) (*os.File, error) {
	data := make([]byte, h.size)
	if _, err := device.ReadAt(data, h.copy); err != nil {
		return nil, fmt.Errorf("read second LUKS2 header: %w", err)
	}
	copy(data, magic)
	clear(data[256:264]) // the copy's own place
	sum := checksum(data)
	copy(data[checksumAt:], sum[:])
	fd, err := unix.MemfdCreate("luks-header", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make room for LUKS header: %w", err)
	}
	f := os.NewFile(uintptr(fd), "luks-header")
	if err := fill(f, device, data, 2*h.size, h.end); err != nil {
		return nil, fmt.Errorf("copy LUKS header: %w", errors.Join(err, f.Close()))
	}
	return f, nil
}

// fill writes the header, and the key slots from start to end as they are on
// the device.
func fill(f *os.File, device io.ReaderAt, header []byte, start, end int64) error {
	if _, err := f.WriteAt(header, 0); err != nil {
		return err
	}
	if end <= start {
		return nil
	}
	_, err := io.Copy(io.NewOffsetWriter(f, start), io.NewSectionReader(device, start, end-start))
	return err
}
