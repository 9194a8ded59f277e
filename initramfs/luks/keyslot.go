package luks

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
)

// keyslot and digest are as in the header's JSON.
type keyslot struct {
	Type     string
	KeySize  int64 `json:"key_size"`
	Priority *int
	Area     struct {
		Type, Encryption string
		KeySize          int64 `json:"key_size"`
		Offset, Size     json.Number
	}
	AF struct {
		Type    string
		Stripes int64
	}
	KDF struct {
		Type                           string
		Salt                           string
		Iterations, Time, Memory, CPUs int64
	}
}

type digest struct {
	Type               string
	Keyslots, Segments []string
	Salt, Digest       string
	Iterations         int64
}

// slot is a key slot; one that does not open the data has priority 0.
func (m *metadata) slot(key, data string) (Slot, error) {
	n, err := strconv.Atoi(key)
	if err != nil || n < 0 {
		return Slot{}, errors.New("its number")
	}
	k, s := m.Keyslots[key], Slot{Number: n, Priority: 1}
	if k.Priority != nil {
		s.Priority = *k.Priority
	}
	digests := m.digests(key)
	if k.Type != "luks2" || len(digests) == 0 || !slices.Contains(digests[0].Segments, data) {
		return Slot{Number: n}, nil
	}
	if len(digests) > 1 {
		return s, errors.New("it has two digests")
	}
	s.Memory = k.KDF.Memory << 10
	if _, err := k.area(); err != nil {
		return s, err
	}
	return s, errors.Join(k.derivation(), digests[0].whole())
}

// digests are those by which a slot's key is known to be the right one. One
// without the data's segment is of a slot that keeps some other key.
func (m *metadata) digests(slot string) []digest {
	var found []digest
	for _, d := range m.Digests {
		if slices.Contains(d.Keyslots, slot) {
			found = append(found, d)
		}
	}
	return found
}

// whole: an empty digest would accept every key.
func (d digest) whole() error {
	value, err := base64.StdEncoding.DecodeString(d.Digest)
	if err != nil || len(value) < 16 || len(value) > 64 || d.Iterations < 1 || d.Iterations > mostRounds {
		return errors.New("its digest")
	}
	return nil
}

// derivation: the limits are cryptsetup's own where it has one.
func (k keyslot) derivation() error {
	f := k.KDF
	const mostMemory = 4 << 20 // KiB
	argon := f.Time >= 1 && f.Time < 1<<31 && f.Memory >= 8 && f.Memory <= mostMemory && f.CPUs >= 1 && f.CPUs <= 255
	if f.Type == "pbkdf2" && f.Iterations >= 1 && f.Iterations <= mostRounds || f.Type != "pbkdf2" && argon {
		return nil
	}
	return errors.New("its key derivation")
}

// area is where the slot ends, in bytes from the front of the device.
func (k keyslot) area() (int64, error) {
	offset, err := number(k.Area.Offset)
	size, e := number(k.Area.Size)
	const most = 128 << 20 // of all slots together, section 2.2
	if errors.Join(err, e) != nil || offset > most+2*largest2 || size > most || k.KeySize < 16 || k.KeySize > longestKey ||
		k.Area.KeySize < 16 || k.Area.KeySize > longestKey || k.KeySize*stripes > size || k.AF.Stripes != stripes {
		return 0, errors.New("its area")
	}
	return offset + size, nil
}
