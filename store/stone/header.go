package stone

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

const (
	headerSize    = 32
	formatVersion = 1
	preludeMagic  = "\x00mos"
	// integrity is a fixed pattern that a transfer in text mode would break.
	integrity = "\x00\x00\x01\x00\x00\x02\x00\x00\x03\x00\x00\x04\x00\x00\x05\x00\x00\x06\x00\x00\x07"
)

// FileType is what a file as a whole is for.
type FileType uint8

// The file types of version 1.
const (
	Binary     FileType = 1 // a package
	Delta      FileType = 2 // a difference between two packages
	Repository FileType = 3 // an index: one meta payload a package
	Manifest   FileType = 4 // what a build produced: one meta payload a package
)

// String is the type's word in messages.
func (t FileType) String() string {
	switch t {
	case Binary:
		return "binary"
	case Delta:
		return "delta"
	case Repository:
		return "repository"
	case Manifest:
		return "manifest"
	}
	return fmt.Sprintf("type%d", uint8(t))
}

// PayloadKind says what a payload's records are.
type PayloadKind uint8

// The payload kinds of version 1. Others are skipped.
const (
	PayloadMeta       PayloadKind = 1
	PayloadContent    PayloadKind = 2
	PayloadLayout     PayloadKind = 3
	PayloadIndex      PayloadKind = 4
	PayloadAttributes PayloadKind = 5
)

// String is the kind's word in messages.
func (k PayloadKind) String() string {
	switch k {
	case PayloadMeta:
		return "meta"
	case PayloadContent:
		return "content"
	case PayloadLayout:
		return "layout"
	case PayloadIndex:
		return "index"
	case PayloadAttributes:
		return "attributes"
	}
	return fmt.Sprintf("kind%d", uint8(k))
}

// How a payload's stored bytes are made from its plain ones.
const (
	CompressionNone uint8 = 1
	CompressionZstd uint8 = 2 // exactly one zstd frame
)

// PayloadHeader is one payload's header and where it stands.
type PayloadHeader struct {
	Offset      int64  // of the header, from the start of the file
	Stored      uint64 // bytes that follow the header
	Plain       uint64 // bytes after decompression
	Checksum    uint64 // xxh3-64 (seed 0) of the stored bytes
	Records     uint32 // of content: the number of files in old files, 0 in new ones
	Version     uint16
	Kind        PayloadKind
	Compression uint8
}

// start is where the stored bytes begin, end is one past them.
func (h PayloadHeader) start() int64 { return h.Offset + headerSize }
func (h PayloadHeader) end() int64   { return h.start() + int64(h.Stored) }

func (h PayloadHeader) known() bool { return h.Kind >= PayloadMeta && h.Kind <= PayloadAttributes }

func encodePrelude(t FileType, payloads int) []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, preludeMagic...)
	b = binary.BigEndian.AppendUint16(b, uint16(payloads))
	b = append(b, integrity...)
	b = append(b, byte(t))
	return binary.BigEndian.AppendUint32(b, formatVersion)
}

func decodePrelude(b []byte) (t FileType, payloads int, err error) {
	t = FileType(b[27])
	switch {
	case string(b[:4]) != preludeMagic:
		return 0, 0, malformed(0, "magic % x, want % x", b[:4], preludeMagic)
	case !bytes.Equal(b[6:27], []byte(integrity)):
		return 0, 0, malformed(6, "integrity pattern is damaged")
	case t < Binary || t > Manifest:
		return 0, 0, malformed(27, "unknown file type %d", b[27])
	}
	if v := binary.BigEndian.Uint32(b[28:]); v != formatVersion {
		return 0, 0, malformed(28, "format version %d, want %d", v, formatVersion)
	}
	return t, int(binary.BigEndian.Uint16(b[4:])), nil
}

func (h PayloadHeader) encode() []byte {
	b := make([]byte, 0, headerSize)
	b = binary.BigEndian.AppendUint64(b, h.Stored)
	b = binary.BigEndian.AppendUint64(b, h.Plain)
	b = binary.BigEndian.AppendUint64(b, h.Checksum)
	b = binary.BigEndian.AppendUint32(b, h.Records)
	b = binary.BigEndian.AppendUint16(b, h.Version)
	return append(b, byte(h.Kind), h.Compression)
}

// decodeHeader reads the header at offset; left is how many bytes of the file
// follow it, the one limit that a file cannot lie about.
func decodeHeader(b []byte, offset, left int64) (PayloadHeader, error) {
	h := PayloadHeader{
		Offset:      offset,
		Stored:      binary.BigEndian.Uint64(b),
		Plain:       binary.BigEndian.Uint64(b[8:]),
		Checksum:    binary.BigEndian.Uint64(b[16:]),
		Records:     binary.BigEndian.Uint32(b[24:]),
		Version:     binary.BigEndian.Uint16(b[28:]),
		Kind:        PayloadKind(b[30]),
		Compression: b[31],
	}
	return h, h.check(left)
}

func (h PayloadHeader) check(left int64) error {
	switch {
	case h.Version != formatVersion:
		return malformed(h.Offset+28, "%v payload version %d, want %d", h.Kind, h.Version, formatVersion)
	case h.Stored > uint64(left):
		return malformed(h.Offset, "%v payload stores %d bytes, the file has %d left", h.Kind, h.Stored, left)
	case !h.known():
		return nil
	case h.Compression != CompressionNone && h.Compression != CompressionZstd:
		return malformed(h.Offset+31, "%v payload has unknown compression %d", h.Kind, h.Compression)
	case h.Compression == CompressionNone && h.Stored != h.Plain:
		return malformed(h.Offset+8, "%v payload is not compressed but stores %d bytes for %d", h.Kind, h.Stored, h.Plain)
	case h.Plain > maxContent:
		return malformed(h.Offset+8, "%v payload of %d bytes, at most %d are supported", h.Kind, h.Plain, uint64(maxContent))
	}
	return nil
}
