package luks

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Header is what a container says of itself.
type Header struct {
	Version     int // 1 or 2
	UUID, Label string
	// Cipher is the data's, as dm-crypt writes it: aes-xts-plain64.
	Cipher string
	// Slots are the key slots to try, in the order in which to try them.
	Slots []Slot
	// Flags are the persistent activation flags, such as allow-discards.
	Flags []string
	// Tokens are what else may open a slot, by number; LUKS2 only.
	Tokens []Token

	// copy is where the header lies that counts, in bytes, and size its length;
	// 0 unless the first copy of a LUKS2 header is damaged or old.
	copy, size int64
	// end is the first byte after the key slots.
	end int64
}

// Slot is one key slot.
type Slot struct {
	Number   int
	Priority int // 2: before the others; 1: in its turn
	// Memory is what a try takes, in bytes.
	Memory int64
}

// Token is the description of something other than a passphrase that opens
// slots, as systemd-cryptenroll writes it.
type Token struct {
	Number int
	Type   string // systemd-tpm2, systemd-recovery, clevis, …
	Slots  []int
	JSON   []byte
}

const magic = "LUKS\xba\xbe"

// Read reads and judges the header at the front of a device. An error says
// why the container cannot be opened here, and what can.
func Read(device io.ReaderAt) (*Header, error) {
	front := make([]byte, 8)
	if _, err := device.ReadAt(front, 0); err != nil {
		return nil, fmt.Errorf("read LUKS header: %w", err)
	}
	if !bytes.HasPrefix(front, []byte(magic)) {
		return nil, errors.New("no LUKS header")
	}
	switch version := int(front[6])<<8 | int(front[7]); version {
	case 1:
		return readFirst(device)
	case 2:
		return readSecond(device)
	default:
		return nil, fmt.Errorf("LUKS version %d is not known here, only 1 and 2", version)
	}
}

// Name is what the container is called in a question to a person.
func (h *Header) Name() string {
	if h.Label != "" {
		return show(h.Label)
	}
	return show(h.UUID)
}

// show keeps what the disk says from steering the terminal.
func show(text string) string {
	if quoted := strconv.QuoteToGraphic(text); quoted != `"`+text+`"` {
		return quoted
	}
	return text
}

// text is the string at the front of a field that zeros fill.
func text(field []byte) string {
	front, _, _ := bytes.Cut(field, []byte{0})
	return string(front)
}

// ordered sorts slots as cryptsetup tries them.
func ordered(slots []Slot) []Slot {
	slices.SortFunc(slots, func(a, b Slot) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Number, b.Number))
	})
	return slots
}

// number reads a count that the format writes as text.
func number(n json.Number) (int64, error) {
	value, err := strconv.ParseInt(strings.TrimSpace(string(n)), 10, 64)
	if err != nil || value < 0 {
		return 0, fmt.Errorf("%s is no count", show(string(n)))
	}
	return value, nil
}
