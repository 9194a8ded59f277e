package probe

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"
)

// Vendor is the GUID of all variables of the boot loader interface.
const Vendor = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// stored are the attributes of a variable that outlives the power: non-volatile,
// for the firmware's time and for the system's.
const stored = 7

// Variables are the boot loader's variables by name, as bytes.
type Variables map[string][]byte

// Text is a variable's content as the loader writes strings: UTF-16 that ends
// with NUL.
func Text(text string) []byte {
	var data []byte
	for _, unit := range utf16.Encode([]rune(text + "\x00")) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return data
}

// Strings splits a variable that holds several strings, each ending with NUL.
func (v Variables) Strings(name string) []string {
	var units []uint16
	for i := 0; i+1 < len(v[name]); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(v[name][i:]))
	}
	text := strings.TrimSuffix(string(utf16.Decode(units)), "\x00")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\x00")
}

// Text is the first of Strings, "" without one.
func (v Variables) Text(name string) string {
	if all := v.Strings(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// dump writes variables in the form of the shell's "dmpstore -l FILE"
// (AppendSingleVariableToFile of edk2's ShellPkg, the dmpstore command).
func (v Variables) dump() []byte {
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(v)) {
		encoded, le := Text(name), binary.LittleEndian
		var one []byte
		one = le.AppendUint32(one, uint32(len(encoded)))
		one = le.AppendUint32(one, uint32(len(v[name])))
		one = append(append(one, encoded...), guid()...)
		one = append(le.AppendUint32(one, stored), v[name]...)
		out = append(out, le.AppendUint32(one, crc32.ChecksumIEEE(one))...)
	}
	return out
}

// parseDump reads what "dmpstore -s FILE" wrote.
func parseDump(data []byte) (Variables, error) {
	le, all := binary.LittleEndian, Variables{}
	for len(data) > 0 {
		if len(data) < 8 {
			return nil, errors.New("dump of variables: cut short")
		}
		nameSize, size := int(le.Uint32(data)), int(le.Uint32(data[4:]))
		at := 8 + nameSize + 16 + 4
		if nameSize > len(data) || size > len(data) || len(data) < at+size+4 {
			return nil, errors.New("dump of variables: cut short")
		}
		name := Variables{"": data[8 : 8+nameSize]}.Text("")
		if got, want := crc32.ChecksumIEEE(data[:at+size]), le.Uint32(data[at+size:]); got != want {
			return nil, fmt.Errorf("dump of variable %s: checksum %08x, want %08x", name, got, want)
		}
		if bytes.Equal(data[8+nameSize:][:16], guid()) {
			all[name] = data[at : at+size]
		}
		data = data[at+size+4:]
	}
	return all, nil
}

// guid is Vendor in the mixed order of the firmware.
func guid() []byte {
	raw, _ := hex.DecodeString(strings.ReplaceAll(Vendor, "-", ""))
	slices.Reverse(raw[0:4])
	slices.Reverse(raw[4:6])
	slices.Reverse(raw[6:8])
	return raw
}
