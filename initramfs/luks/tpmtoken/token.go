// Package tpmtoken gets the key of a LUKS container from a TPM 2.0, as
// systemd-cryptenroll(1) has sealed it: bound to PCRs, and to a PIN if asked for.
package tpmtoken

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-tpm/tpm2"
)

// Type is the token's in a LUKS2 header.
const Type = "systemd-tpm2"

// Token is what the header says of a sealed key.
type Token struct {
	// PCRs are those to which the key is bound, in order; none is allowed.
	PCRs []uint
	// PIN tells that the TPM wants one.
	PIN bool

	bank    tpm2.TPMIAlgHash
	primary tpm2.TPMIAlgPublic
	parent  tpm2.TPMHandle // a persistent key, 0 to make the primary one
	private tpm2.TPM2BPrivate
	public  tpm2.TPM2BPublic
	policy  []byte
	salt    []byte // of the PIN
}

// body is the token in the header. systemd 254 and later write more than 252.
type body struct {
	Blob      json.RawMessage `json:"tpm2-blob"`
	PCRs      []uint          `json:"tpm2-pcrs"`
	Bank      string          `json:"tpm2-pcr-bank"`
	Primary   string          `json:"tpm2-primary-alg"`
	Policy    json.RawMessage `json:"tpm2-policy-hash"`
	PIN       bool            `json:"tpm2-pin"`
	PublicKey string          `json:"tpm2_pubkey"`
	Lock      bool            `json:"tpm2_pcrlock"`
	Salt      string          `json:"tpm2_salt"`
	Parent    string          `json:"tpm2_srk"`
}

// Parse reads the JSON of a token.
func Parse(text []byte) (Token, error) {
	var b body
	if err := json.Unmarshal(text, &b); err != nil {
		return Token{}, fmt.Errorf("read TPM2 token: %w", err)
	}
	if err := strange(text); err != nil {
		return Token{}, fmt.Errorf("read TPM2 token: %w", err)
	}
	t := Token{PCRs: b.PCRs, PIN: b.PIN}
	for _, step := range []func(body) error{t.supported, t.algorithms, t.sealed, t.key} {
		if err := step(b); err != nil {
			return Token{}, fmt.Errorf("read TPM2 token: %w", err)
		}
	}
	slices.Sort(t.PCRs)
	t.PCRs = slices.Compact(t.PCRs)
	return t, nil
}

// strange refuses a token with a word that is not known here: to guess what it
// asks for could cost a try at the PIN.
func strange(text []byte) error {
	var words map[string]json.RawMessage
	if err := json.Unmarshal(text, &words); err != nil {
		return err
	}
	known := []string{"tpm2-blob", "tpm2-pcrs", "tpm2-pcr-bank", "tpm2-primary-alg", "tpm2-policy-hash", "tpm2-pin",
		"tpm2_pubkey", "tpm2_pubkey_pcrs", "tpm2_pcrlock", "tpm2_salt", "tpm2_srk"}
	for _, word := range slices.Sorted(maps.Keys(words)) {
		if strings.HasPrefix(word, "tpm2") && !slices.Contains(known, word) {
			return fmt.Errorf("it says %q, which moss-unlock does not know", word)
		}
	}
	return nil
}

func (t *Token) supported(b body) error {
	switch {
	case b.PublicKey != "":
		return errors.New("it is bound to signed PCR values, which moss-unlock does not support")
	case b.Lock:
		return errors.New("it is bound to a pcrlock policy, which moss-unlock does not support")
	case slices.ContainsFunc(b.PCRs, func(n uint) bool { return n > 23 }):
		return errors.New("it names a PCR that no TPM has")
	}
	return nil
}

func (t *Token) algorithms(b body) error {
	switch b.Bank {
	case "sha1":
		t.bank = tpm2.TPMAlgSHA1
	case "sha256", "":
		t.bank = tpm2.TPMAlgSHA256
	case "sha384":
		t.bank = tpm2.TPMAlgSHA384
	default:
		return fmt.Errorf("PCR bank %q is not known here", b.Bank)
	}
	switch b.Primary {
	case "ecc", "":
		t.primary = tpm2.TPMAlgECC
	case "rsa":
		t.primary = tpm2.TPMAlgRSA
	default:
		return fmt.Errorf("primary key of type %q is not known here", b.Primary)
	}
	return nil
}

// Bound says to a person what the key is bound to.
func (t *Token) Bound() string {
	if len(t.PCRs) == 0 {
		return "no PCR"
	}
	text := strings.Trim(fmt.Sprint(t.PCRs), "[]")
	return "PCR " + strings.ReplaceAll(text, " ", "+")
}
