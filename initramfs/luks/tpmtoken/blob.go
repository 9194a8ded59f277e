package tpmtoken

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

// sealed takes the blob apart: TPM2B_PRIVATE and TPM2B_PUBLIC, one after the
// other. Newer systemd may write lists, of which one with a single entry is the
// same thing.
func (t *Token) sealed(b body) error {
	blob, err := one(b.Blob, base64.StdEncoding.DecodeString)
	if err != nil {
		return fmt.Errorf("sealed key: %w", err)
	}
	if t.policy, err = one(b.Policy, hex.DecodeString); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	private, rest, ok := sized(blob)
	public, rest, more := sized(rest)
	if !ok || !more || len(rest) > 0 {
		return errors.New("sealed key: it is cut or has more behind it")
	}
	t.private = tpm2.TPM2BPrivate{Buffer: private}
	t.public = tpm2.BytesAs2B[tpm2.TPMTPublic](public)
	if _, err := t.public.Contents(); err != nil {
		return fmt.Errorf("sealed key: %w", err)
	}
	return nil
}

// sized takes a TPM2B from the front: its size in two bytes, and itself.
func sized(data []byte) (value, rest []byte, ok bool) {
	if len(data) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(data))
	if len(data) < 2+n {
		return nil, nil, false
	}
	return data[2 : 2+n], data[2+n:], true
}

func one(raw json.RawMessage, decode func(string) ([]byte, error)) ([]byte, error) {
	var text string
	var list []string
	if json.Unmarshal(raw, &text) != nil {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		if len(list) != 1 {
			return nil, fmt.Errorf("%d parts, and moss-unlock knows tokens with one", len(list))
		}
		text = list[0]
	}
	return decode(text)
}

// key reads what systemd 254 added: the handle of a persistent parent, which is
// the first word of the resource that its TPM library describes, and the salt
// of the PIN.
func (t *Token) key(b body) (err error) {
	if t.salt, err = base64.StdEncoding.DecodeString(b.Salt); err != nil {
		return fmt.Errorf("salt: %w", err)
	}
	if b.Parent == "" {
		return nil
	}
	resource, err := base64.StdEncoding.DecodeString(b.Parent)
	if err != nil || len(resource) < 4 {
		return errors.New("parent key: it is damaged")
	}
	t.parent = tpm2.TPMHandle(binary.BigEndian.Uint32(resource))
	if t.parent>>24 != 0x81 {
		return fmt.Errorf("parent key: %#x is no persistent handle", uint32(t.parent))
	}
	return nil
}

// auth is what the TPM compares: SHA-256 of the PIN, which systemd 255 first
// makes expensive to guess.
func (t *Token) auth(pin []byte) ([]byte, error) {
	if len(t.salt) > 0 {
		const rounds = 10000
		slow, err := pbkdf2.Key(sha256.New, string(pin), t.salt, rounds, sha256.Size)
		if err != nil {
			return nil, err
		}
		pin = []byte(base64.StdEncoding.EncodeToString(slow))
	}
	sum := sha256.Sum256(pin)
	return sum[:], nil
}
