package luks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// metadata is the JSON part of a LUKS2 header as far as it decides here.
type metadata struct {
	Keyslots map[string]keyslot
	Tokens   map[string]json.RawMessage
	Segments map[string]segment
	Digests  map[string]digest
	Config   struct {
		Flags        []string
		Requirements json.RawMessage
	}
}

type segment struct {
	Type, Size, Encryption string
	Offset                 json.Number
	SectorSize             int64           `json:"sector_size"`
	Integrity              json.RawMessage `json:"integrity"`
}

// describe judges the metadata and fills in the header.
func (m *metadata) describe(h *Header) error {
	if err := m.required(); err != nil {
		return err
	}
	name, data, err := m.data(h.size)
	if err != nil {
		return err
	}
	h.Cipher, h.Flags = data.Encryption, m.Config.Flags
	for _, key := range slices.Sorted(maps.Keys(m.Keyslots)) {
		slot, err := m.slot(key, name)
		if err != nil {
			return fmt.Errorf("key slot %s of the LUKS2 header is damaged: %w; restore the header from a backup with cryptsetup luksHeaderRestore", show(key), err)
		}
		if slot.Priority > 0 { // 0 is only for who names the slot
			h.Slots = append(h.Slots, slot)
			end, _ := m.Keyslots[key].area()
			h.end = max(h.end, end)
		}
	}
	h.Slots, h.Tokens = ordered(h.Slots), m.tokens()
	return nil
}

// required refuses what a program must know to open the container: a
// re-encryption that was cut leaves two keys in one container, and who knows
// only one of them reads rubbish and writes more of it.
func (m *metadata) required() error {
	var list []string
	var object struct{ Mandatory []string }
	if json.Unmarshal(m.Config.Requirements, &list) == nil {
		object.Mandatory = list
	} else if len(m.Config.Requirements) > 0 {
		if err := json.Unmarshal(m.Config.Requirements, &object); err != nil {
			return fmt.Errorf("the LUKS2 header is damaged: requirements: %w", err)
		}
	}
	reencrypts := func(word string) bool { return strings.HasPrefix(word, "online-reencrypt") }
	switch {
	case slices.ContainsFunc(object.Mandatory, reencrypts):
		return errors.New("its re-encryption is not finished; boot another system and run: cryptsetup reencrypt --resume-only")
	case len(object.Mandatory) > 0:
		return fmt.Errorf("it requires %s, which moss-unlock does not know; boot with another initramfs", show(strings.Join(object.Mandatory, ", ")))
	}
	return nil
}

// data is the one segment of the container and its name.
func (m *metadata) data(header int64) (string, segment, error) {
	if len(m.Segments) != 1 {
		return "", segment{}, fmt.Errorf("it has %d segments, and moss-unlock knows containers with one; if a re-encryption was interrupted, boot another system and run: cryptsetup reencrypt --resume-only", len(m.Segments))
	}
	name := slices.Collect(maps.Keys(m.Segments))[0]
	s := m.Segments[name]
	offset, err := number(s.Offset)
	switch {
	case err != nil:
		return "", s, fmt.Errorf("the LUKS2 header is damaged: segment offset: %w", err)
	case len(s.Integrity) > 0:
		return "", s, errors.New("its data has integrity protection (dm-integrity), which moss-unlock does not support; boot with another initramfs")
	case s.Type != "crypt":
		return "", s, fmt.Errorf("its data is of type %s, which moss-unlock does not support; boot with another initramfs", show(s.Type))
	case offset < 2*header:
		return "", s, errors.New("this is a detached LUKS header, which moss-unlock does not support; boot with another initramfs")
	case s.SectorSize < 512 || s.SectorSize > 4096 || s.SectorSize&(s.SectorSize-1) != 0:
		return "", s, fmt.Errorf("the LUKS2 header is damaged: sectors of %d bytes", s.SectorSize)
	case s.Encryption == "" || show(s.Encryption) != s.Encryption:
		return "", s, fmt.Errorf("the LUKS2 header is damaged: cipher %s", show(s.Encryption))
	}
	return name, s, nil
}

// tokens passes over those that cannot be read: each is somebody else's format.
func (m *metadata) tokens() []Token {
	var tokens []Token
	for key, raw := range m.Tokens {
		var body struct {
			Type     string
			Keyslots []string
		}
		n, err := strconv.Atoi(key)
		if err != nil || json.Unmarshal(raw, &body) != nil {
			continue
		}
		t := Token{Number: n, Type: body.Type, JSON: raw}
		for _, text := range body.Keyslots {
			if slot, err := strconv.Atoi(text); err == nil {
				t.Slots = append(t.Slots, slot)
			}
		}
		tokens = append(tokens, t)
	}
	slices.SortFunc(tokens, func(a, b Token) int { return a.Number - b.Number })
	return tokens
}
