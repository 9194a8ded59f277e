package luks

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Offsets and limits of LUKS2 On-Disk Format 1.1, section 2.
const (
	binarySize  = 4096
	smallest2   = 16 << 10
	largest2    = 4 << 20
	checksumAt  = 448
	secondMagic = "SKUL\xba\xbe"
)

// errDamaged2 is told when neither copy of the header is whole.
var errDamaged2 = errors.New("both copies of the LUKS2 header are damaged; restore it from a backup with cryptsetup luksHeaderRestore")

// readSecond reads the copy of the header that counts: a power cut while
// cryptsetup wrote one leaves the other, and a newer one wins, as in
// cryptsetup.
func readSecond(device io.ReaderAt) (*Header, error) {
	best, at := readCopy(device, 0), int64(0)
	for size := int64(smallest2); size <= largest2; size *= 2 {
		second := readCopy(device, size)
		if second != nil && (best == nil || sequence(second) > sequence(best)) {
			best, at = second, size
		}
	}
	if best == nil {
		return nil, errDamaged2
	}
	h := &Header{Version: 2, UUID: text(best[168:208]), Label: text(best[24:72]), copy: at, size: int64(len(best))}
	if algorithm := text(best[72:104]); algorithm != "sha256" {
		return nil, fmt.Errorf("the LUKS2 header has a checksum %s, and moss-unlock knows sha256; boot with another initramfs", show(algorithm))
	}
	front, _, _ := bytes.Cut(best[binarySize:], []byte{0})
	var meta metadata
	if err := json.Unmarshal(front, &meta); err != nil {
		return nil, fmt.Errorf("the LUKS2 header is damaged: %w", err)
	}
	if err := meta.describe(h); err != nil {
		return nil, err
	}
	return h, nil
}

// readCopy is one copy of the header if it is whole, else nil.
func readCopy(device io.ReaderAt, at int64) []byte {
	front := make([]byte, 512)
	if _, err := device.ReadAt(front, at); err != nil {
		return nil
	}
	want := magic
	if at > 0 {
		want = secondMagic
	}
	size := binary.BigEndian.Uint64(front[8:])
	whole := size >= smallest2 && size <= largest2 && size&(size-1) == 0
	if !bytes.HasPrefix(front, []byte(want)) || !whole || binary.BigEndian.Uint64(front[256:]) != uint64(at) || at > 0 && size != uint64(at) {
		return nil
	}
	data := make([]byte, size)
	if _, err := device.ReadAt(data, at); err != nil || front[7] != 2 {
		return nil
	}
	sum := checksum(data)
	if text(data[72:104]) == "sha256" && !bytes.Equal(sum[:], data[checksumAt:checksumAt+len(sum)]) {
		return nil
	}
	return data
}

// checksum is over the whole copy with its own field zero.
func checksum(data []byte) [sha256.Size]byte {
	blank := bytes.Clone(data)
	clear(blank[checksumAt : checksumAt+64])
	return sha256.Sum256(blank)
}

func sequence(header []byte) uint64 { return binary.BigEndian.Uint64(header[16:]) }
