package luks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Offsets and limits of LUKS On-Disk Format 1.2.3.
const (
	firstSize     = 592
	firstSlots    = 208
	firstSlotSize = 48
	slotEnabled   = 0x00ac71f3
	sector        = 512
	stripes       = 4000
	// longestKey is twice AES-256, for XTS.
	longestKey = 64
	// mostRounds is far beyond a machine's patience; more is damage.
	mostRounds = 1 << 31
)

func readFirst(device io.ReaderAt) (*Header, error) {
	data := make([]byte, firstSize)
	if _, err := device.ReadAt(data, 0); err != nil {
		return nil, fmt.Errorf("read LUKS1 header: %w", err)
	}
	name, mode := text(data[8:40]), text(data[40:72])
	h := &Header{Version: 1, UUID: text(data[168:208]), Cipher: name + "-" + mode}
	if mode != "xts-plain64" {
		return nil, fmt.Errorf("the key slots are encrypted with %s, and moss-unlock opens only those of xts-plain64; "+
			"make it LUKS2 with aes-xts-plain64 (cryptsetup convert, cryptsetup reencrypt), or boot with another initramfs", show(h.Cipher))
	}
	payload, key := int64(be32(data, 104))*sector, int64(be32(data, 108))
	if key < 16 || key > longestKey || payload == 0 || be32(data, 164) == 0 {
		return nil, firstDamage(key, payload)
	}
	for i := range 8 {
		if err := h.addFirst(i, data[firstSlots+i*firstSlotSize:], key, payload); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func firstDamage(key, payload int64) error {
	if payload == 0 {
		return errors.New("this is a detached LUKS header, which moss-unlock does not support; boot with another initramfs")
	}
	return fmt.Errorf("the LUKS1 header is damaged: a key of %d bytes; restore it from a backup with cryptsetup luksHeaderRestore", key)
}

// addFirst adds one of the eight slots, if a key is in it.
func (h *Header) addFirst(i int, slot []byte, key, payload int64) error {
	if be32(slot, 0) != slotEnabled {
		return nil
	}
	rounds, start := int64(be32(slot, 4)), int64(be32(slot, 40))*sector
	end := start + key*stripes
	if rounds < 1 || rounds > mostRounds || be32(slot, 44) != stripes || end > payload || start < firstSize {
		return fmt.Errorf("key slot %d of the LUKS1 header is damaged; restore the header from a backup with cryptsetup luksHeaderRestore", i)
	}
	h.Slots = append(h.Slots, Slot{Number: i, Priority: 1})
	h.end = max(h.end, end)
	return nil
}

func be32(data []byte, at int) uint32 { return binary.BigEndian.Uint32(data[at:]) }
