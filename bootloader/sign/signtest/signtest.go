// Package signtest makes images to sign, for tests.
package signtest

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Section is a part of a small image: its name and what it holds.
type Section [2]string

// PE is a PE32+ image with these sections and a tail that belongs to none.
// It does not run; its parts are where those of a real one are.
func PE(rows []Section, tail int) []byte {
	const at, opt, dirs, head = 0x40, 0x58, 0x58 + 112, 0x400
	out := make([]byte, head)
	le := binary.LittleEndian
	copy(out, "MZ")
	le.PutUint32(out[0x3c:], at)
	copy(out[at:], "PE\x00\x00")
	le.PutUint16(out[at+4:], 0x8664)
	le.PutUint16(out[at+6:], uint16(len(rows)))
	le.PutUint16(out[at+20:], 240)
	le.PutUint16(out[at+22:], 0x206)
	le.PutUint16(out[opt:], 0x20b)
	le.PutUint32(out[opt+32:], 0x1000)
	le.PutUint32(out[opt+36:], 0x200)
	le.PutUint32(out[opt+60:], head)
	le.PutUint16(out[opt+68:], 10) // EFI application
	le.PutUint32(out[dirs-4:], 16)
	memory := uint32(0x1000)
	for i, r := range rows {
		e := out[opt+240+i*40:]
		copy(e, r[0])
		raw := (len(r[1]) + 511) / 512 * 512
		le.PutUint32(e[8:], uint32(len(r[1])))
		le.PutUint32(e[12:], memory)
		le.PutUint32(e[16:], uint32(raw))
		le.PutUint32(e[20:], uint32(len(out)))
		le.PutUint32(e[36:], 0x60000020)
		out = append(out, r[1]...)
		out = append(out, make([]byte, raw-len(r[1]))...)
		memory += uint32((len(r[1]) + 4095) / 4096 * 4096)
	}
	le.PutUint32(out[opt+56:], memory)
	return append(out, bytes.Repeat([]byte{0x7e}, tail)...)
}

// Small is a PE with two sections and a tail of some bytes.
func Small(tail int) []byte {
	return PE([]Section{{".text", strings.Repeat("\xcc", 700)}, {".data", "some data"}}, tail)
}
