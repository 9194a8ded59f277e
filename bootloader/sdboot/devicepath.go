package sdboot

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"moss/bootloader/efivar"
)

// Partition is where the ESP is, as firmware names it. The zero value is "not on
// a GPT disk, or not known".
type Partition struct {
	// PARTUUID is the partition's GUID in lower case with hyphens.
	PARTUUID string
	// Number counts from 1.
	Number uint32
	// Start and Size are in blocks of SectorSize bytes: the disk's own, not the
	// 512 of sysfs.
	Start, Size uint64
	SectorSize  uint32
}

// Option is a load option, the content of a Boot#### variable (UEFI 2.10,
// 3.1.3).
type Option struct {
	Attributes  uint32
	Description string
	// Path is the list of device paths as it is, Data what the program gets.
	Path, Data []byte
}

// active makes firmware try the option (LOAD_OPTION_ACTIVE).
const active = 1

// Device path nodes (UEFI 2.10, 10.3).
const (
	mediaPath, hardDrive, filePath = 4, 1, 4
	endPath, endAll                = 0x7f, 0xff
	hardDriveSize                  = 42
	formatGPT, signatureGUID       = 2, 2
)

// Bytes is the variable's content.
func (o Option) Bytes() []byte {
	out := binary.LittleEndian.AppendUint32(nil, o.Attributes)
	out = binary.LittleEndian.AppendUint16(out, uint16(len(o.Path)))
	return slices.Concat(out, efivar.Encode(o.Description), o.Path, o.Data)
}

// ParseOption takes a variable's content apart. Bytes gives the same content
// back.
func ParseOption(data []byte) (Option, error) {
	if len(data) < 6 {
		return Option{}, fmt.Errorf("parse load option: %d bytes are too few", len(data))
	}
	o := Option{Attributes: binary.LittleEndian.Uint32(data)}
	length, rest := int(binary.LittleEndian.Uint16(data[4:])), data[6:]
	end := 0
	for end+2 <= len(rest) && (rest[end] != 0 || rest[end+1] != 0) {
		end += 2
	}
	if end+2+length > len(rest) {
		return Option{}, fmt.Errorf("parse load option: its end is missing")
	}
	var err error
	if o.Description, err = efivar.Decode(rest[:end]); err != nil {
		return Option{}, err
	}
	o.Path, o.Data = bytes.Clone(rest[end+2:end+2+length]), bytes.Clone(rest[end+2+length:])
	return o, nil
}

// devicePath is the short form: firmware looks for the partition by its GUID
// wherever the disk is (UEFI 2.10, 3.1.2). The file has slashes.
func devicePath(p Partition, file string) ([]byte, error) {
	guid, err := mixedEndian(p.PARTUUID)
	if err != nil {
		return nil, err
	}
	var body []byte
	body = binary.LittleEndian.AppendUint32(body, p.Number)
	body = binary.LittleEndian.AppendUint64(body, p.Start)
	body = binary.LittleEndian.AppendUint64(body, p.Size)
	body = append(append(body, guid...), formatGPT, signatureGUID)
	name := efivar.Encode(`\` + strings.ReplaceAll(file, "/", `\`))
	return slices.Concat(node(mediaPath, hardDrive, body), node(mediaPath, filePath, name), node(endPath, endAll, nil)), nil
}

func node(kind, sub byte, body []byte) []byte {
	head := binary.LittleEndian.AppendUint16([]byte{kind, sub}, uint16(4+len(body)))
	return append(head, body...)
}

// target finds the partition's GUID and the file that a device path leads to;
// false for all that is not a file of a GPT partition. Full forms begin with how
// the disk is reached; that is passed over.
func target(path []byte) (guid, file string, ok bool) {
	for len(path) >= 4 {
		size := int(binary.LittleEndian.Uint16(path[2:]))
		if size < 4 || size > len(path) {
			return "", "", false
		}
		kind, sub, body := path[0], path[1], path[4:size]
		path = path[size:]
		switch {
		case kind == endPath:
			return guid, clean(file), guid != "" && file != ""
		case kind == mediaPath && sub == hardDrive && size == hardDriveSize && body[36] == formatGPT && body[37] == signatureGUID:
			guid = textGUID(body[20:36])
		case kind == mediaPath && sub == filePath:
			part, err := efivar.Decode(body)
			if err != nil {
				return "", "", false
			}
			file += `\` + part
		}
	}
	return "", "", false
}

// clean brings a path of firmware into the form of ours, without regard to case.
func clean(file string) string {
	parts := strings.FieldsFunc(file, func(r rune) bool { return r == '\\' || r == '/' })
	return strings.ToLower(strings.Join(parts, "/"))
}

// mixedEndian is a GUID as EFI stores it: the first three groups in little
// endian (UEFI 2.10, appendix A).
func mixedEndian(text string) ([]byte, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 || len(text) != 36 {
		return nil, fmt.Errorf("%q is no partition GUID", text)
	}
	swap(raw)
	return raw, nil
}

func textGUID(raw []byte) string {
	raw = bytes.Clone(raw)
	swap(raw)
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}

func swap(raw []byte) {
	slices.Reverse(raw[:4])
	slices.Reverse(raw[4:6])
	slices.Reverse(raw[6:8])
}
