package system_test

import (
	"encoding/binary"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"

	"moss/store/stone"
)

// rawPayload is a payload as a hostile writer makes it: every field may lie, the
// checksum is right so that the lie is looked at.
type rawPayload struct {
	kind, compression byte
	version           uint16
	records           uint32
	plain             uint64
	data              []byte
}

// Payload kinds and compressions of the .stone v1 format.
const (
	kindMeta, kindContent, kindLayout, kindIndex = 1, 2, 3, 4
	stored, squeezed                             = 1, 2
)

func plain(kind byte, records uint32, data []byte) rawPayload {
	return rawPayload{kind: kind, compression: stored, version: 1, records: records, plain: uint64(len(data)), data: data}
}

// rawStone writes a package file field by field.
func rawStone(payloads ...rawPayload) []byte {
	b := append([]byte("\x00mos"), 0, byte(len(payloads)))
	b = append(b, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 0, 5, 0, 0, 6, 0, 0, 7)
	b = binary.BigEndian.AppendUint32(append(b, 1), 1)
	for _, p := range payloads {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p.data)))
		b = binary.BigEndian.AppendUint64(b, p.plain)
		b = binary.BigEndian.AppendUint64(b, xxh3.Hash(p.data))
		b = binary.BigEndian.AppendUint32(b, p.records)
		b = binary.BigEndian.AppendUint16(b, p.version)
		b = append(append(b, p.kind, p.compression), p.data...)
	}
	return b
}

// rawMeta is a metadata payload of a package called evil, version 1.
func rawMeta() rawPayload {
	var b []byte
	count := uint32(0)
	text := func(tag uint16, value string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(value)+1))
		b = append(binary.BigEndian.AppendUint16(b, tag), 9, 0)
		b = append(append(b, value...), 0)
		count++
	}
	number := func(tag uint16, value uint64) {
		b = binary.BigEndian.AppendUint32(b, 8)
		b = append(binary.BigEndian.AppendUint16(b, tag), 8, 0)
		b = binary.BigEndian.AppendUint64(b, value)
		count++
	}
	text(1, "evil")
	text(3, "1")
	number(11, 1)
	number(13, 1)
	for tag, value := range map[uint16]string{2: "x86_64", 4: "s", 5: "d", 6: "h", 7: "evil"} {
		text(tag, value)
	}
	return plain(kindMeta, count, b)
}

func rawLayout(mode uint32, source, target string) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 8), mode) // uid, gid 0
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(source)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(target)))
	kind := map[uint32]byte{0o100000: 1, 0o120000: 2, 0o040000: 3, 0o020000: 4, 0o060000: 5, 0o010000: 6, 0o140000: 7}[mode&0o170000]
	b = append(append(b, kind), make([]byte, 11)...)
	return append(append(b, source...), target...)
}

func rawFile(target string, content []byte) []byte {
	h := stone.HashOf(content)
	return rawLayout(0o100644, string(h[:]), target)
}

func rawIndex(start, end uint64, h stone.Hash) []byte {
	b := binary.BigEndian.AppendUint64(nil, start)
	return append(binary.BigEndian.AppendUint64(b, end), h[:]...)
}

// squeeze makes one zstd frame.
func squeeze(t testing.TB, data []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(data, nil)
}
