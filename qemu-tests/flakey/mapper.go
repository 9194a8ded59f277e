package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The numbers are those of include/uapi/linux/dm-ioctl.h, version 4.
const (
	createDevice = 3
	resumeDevice = 6
	loadTable    = 9
	sendMessage  = 14

	headerSize = 312
	targetSize = 40

	suspend   = 1 << 1
	skipFlush = 1<<10 | 1<<11 // neither freeze the file system nor wait for what is queued: a disk that dies does not ask
)

const sector = 512

// segment is a run of a device's sectors and what becomes of them.
type segment struct {
	start, length uint64
	mode          string
}

// target is the segment in the words of Documentation/admin-guide/device-mapper.
// flakey with an up interval of 0 and a down interval of 1 is always down.
func (s segment) target(disk string) (kind, words string, err error) {
	at := fmt.Sprintf("%s %d", disk, s.start)
	switch s.mode {
	case "good":
		return "linear", at, nil
	case "all":
		return "flakey", at + " 0 1", nil
	case "writes":
		return "flakey", at + " 0 1 1 error_writes", nil
	case "drop":
		return "flakey", at + " 0 1 1 drop_writes", nil
	}
	if log, ok := strings.CutPrefix(s.mode, "log "); ok && s.start == 0 {
		return "log-writes", disk + " " + log, nil
	}
	return "", "", fmt.Errorf("mode %q: good, writes, all and drop are known", s.mode)
}

func open(name, disk string) error { return create(name, disk, "good") }

// openLog makes a device whose writes are kept in order, with the flushes between
// them (Documentation/admin-guide/device-mapper/log-writes.rst).
func openLog(name, disk, log string) error { return create(name, disk, "log "+log) }

// mark makes a line in the log. All that came before is in it then, and its
// beginning says how long it is.
func mark(name, text string) error {
	message := append(make([]byte, 8), "mark "+text+"\x00"...) // struct dm_target_msg
	if _, err := control(sendMessage, name, 0, message, 0); err != nil {
		return fmt.Errorf("mark the log of %s: %w", name, err)
	}
	return nil
}

func create(name, disk, mode string) error {
	answer, err := control(createDevice, name, 0, nil, 0)
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	device := binary.NativeEndian.Uint64(answer[40:])
	if err := set(name, disk, mode); err != nil {
		return err
	}
	fmt.Printf("/dev/dm-%d\n", device&0xff|device>>12&0xfff00)
	return nil
}

func set(name, disk, mode string) error {
	size, err := sectors(disk)
	if err != nil {
		return err
	}
	return replace(name, disk, []segment{{0, size, mode}})
}

// replace puts another table in place of the device's while it is in use.
func replace(name, disk string, segments []segment) error {
	var table []byte
	for _, s := range segments {
		kind, words, err := s.target(disk)
		if err != nil {
			return err
		}
		// The words end with a zero, and the next target is aligned.
		one := make([]byte, targetSize+len(words)/8*8+8)
		binary.NativeEndian.PutUint64(one, s.start)
		binary.NativeEndian.PutUint64(one[8:], s.length)
		binary.NativeEndian.PutUint32(one[20:], uint32(len(one)))
		copy(one[24:], kind)
		copy(one[targetSize:], words)
		table = append(table, one...)
	}
	if _, err := control(loadTable, name, 0, table, len(segments)); err != nil {
		return fmt.Errorf("load table of %s: %w", name, err)
	}
	for _, flags := range []uint32{suspend | skipFlush, 0} {
		if _, err := control(resumeDevice, name, flags, nil, 0); err != nil {
			return fmt.Errorf("change table of %s: %w", name, err)
		}
	}
	return nil
}

// control sends one command to the device mapper and returns its answer.
func control(command uintptr, name string, flags uint32, data []byte, targets int) ([]byte, error) {
	f, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := append(make([]byte, headerSize), data...)
	for at, n := range map[int]uint32{0: 4, 12: uint32(len(b)), 16: headerSize, 20: uint32(targets), 28: flags} {
		binary.NativeEndian.PutUint32(b[at:], n)
	}
	copy(b[48:175], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), 3<<30|headerSize<<16|0xfd<<8|command, uintptr(unsafe.Pointer(&b[0]))); errno != 0 {
		return nil, errno
	}
	return b, nil
}

func sectors(disk string) (uint64, error) {
	name, err := filepath.EvalSymlinks(disk)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(filepath.Join("/sys/class/block", filepath.Base(name), "size"))
	if err != nil {
		return 0, err
	}
	var size uint64
	_, err = fmt.Sscan(string(text), &size)
	return size, err
}

// spoil makes a table in which the blocks of files cannot be read or written.
func spoil(name, disk string, files []string) error {
	size, err := sectors(disk)
	if err != nil {
		return err
	}
	var bad []segment
	for _, file := range files {
		found, err := extents(file)
		if err != nil {
			return fmt.Errorf("find blocks of %s: %w", file, err)
		}
		bad = append(bad, found...)
	}
	slices.SortFunc(bad, func(a, b segment) int { return int(a.start) - int(b.start) })
	var all []segment
	var at uint64
	for _, s := range bad {
		if s.start > at {
			all = append(all, segment{at, s.start - at, "good"})
		}
		all = append(all, s)
		at = s.start + s.length
	}
	all = append(all, segment{at, size - at, "good"})
	if err := replace(name, disk, all); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(files, " "), err)
	}
	return nil
}
