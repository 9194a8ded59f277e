package efivar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Encode is text as the loader stores it: UTF-16 in little endian with a NUL at
// the end.
func Encode(text string) []byte {
	var out []byte
	for _, unit := range append(utf16.Encode([]rune(text)), 0) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return out
}

// Decode reads one string, up to its NUL or the end.
func Decode(data []byte) (string, error) {
	if len(data)%2 != 0 {
		return "", fmt.Errorf("decode UTF-16: %d bytes, want an even number", len(data))
	}
	var units []uint16
	for i := 0; i < len(data); i += 2 {
		unit := binary.LittleEndian.Uint16(data[i:])
		if unit == 0 {
			break
		}
		units = append(units, unit)
	}
	return string(utf16.Decode(units)), nil
}

// DecodeList reads the strings of a variable that holds several, each with its
// own NUL, as LoaderEntries does.
func DecodeList(data []byte) ([]string, error) {
	var list []string
	for len(data) > 0 {
		text, err := Decode(data)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
		data = data[min(len(data), len(Encode(text))):]
	}
	return list, nil
}

// Text reads a variable of the loader as a string.
func Text(vars Vars, name string) (string, error) {
	data, _, err := vars.Read(Loader(name))
	if err != nil {
		return "", err
	}
	text, err := Decode(data)
	if err != nil {
		return "", fmt.Errorf("read EFI variable %s: %w", name, err)
	}
	return text, nil
}

// SetText writes a string for the loader, to last until it is changed.
func SetText(vars Vars, name, text string) error {
	if strings.ContainsRune(text, 0) {
		return fmt.Errorf("write EFI variable %s: %w", name, errors.New("a NUL in the text"))
	}
	return vars.Write(Loader(name), Encode(text), Stored)
}
