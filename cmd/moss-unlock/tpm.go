package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"

	"moss/initramfs/luks"
	"moss/initramfs/luks/tpmtoken"
)

// tpmNode is the TPM behind the kernel's resource manager, which cleans up after a
// program that dies.
const tpmNode = "/dev/tpmrm0"

// errNoTPM tells that no token asks for a TPM: nothing to say.
var errNoTPM = errors.New("no TPM2 token")

// withTPM asks the TPM for each token that is enrolled. An error is why it cannot
// be the TPM, and the passphrase is next.
func withTPM(c *luks.Container, tries int, in, out *os.File) (*luks.Volume, error) {
	err := errNoTPM
	for _, t := range c.Header.Tokens {
		if t.Type != tpmtoken.Type {
			continue
		}
		var volume *luks.Volume
		if volume, err = withToken(c, t, tries, in, out); err == nil {
			return volume, nil
		}
	}
	return nil, err
}

func withToken(c *luks.Container, t luks.Token, tries int, in, out *os.File) (*luks.Volume, error) {
	token, err := tpmtoken.Parse(t.JSON)
	if err != nil {
		return nil, err
	}
	tpm, err := linuxtpm.Open(tpmNode)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("a TPM2 token is enrolled, and there is no TPM 2.0 here (or the image lacks its driver)")
	}
	if err != nil {
		return nil, fmt.Errorf("open TPM: %w", err)
	}
	defer tpm.Close()
	key, err := unseal(&token, tpm, c.Header.Name(), tries, in, out)
	if err != nil {
		return nil, fmt.Errorf("the TPM did not give the key: %w", err)
	}
	defer clear(key)
	volume, err := c.Unseal(key, t.Slots...)
	if errors.Is(err, luks.ErrWrong) {
		return nil, errors.New("the key that the TPM gave opens no key slot")
	}
	return volume, err
}

// unseal asks for the PIN where there is one. An empty line goes over to the
// passphrase: a PIN that is guessed at locks the TPM.
func unseal(token *tpmtoken.Token, tpm transport.TPM, name string, tries int, in, out *os.File) ([]byte, error) {
	if !token.PIN {
		return token.Unseal(tpm, nil)
	}
	t, err := openTerminal(in, out)
	if err != nil {
		return nil, err
	}
	defer t.close()
	question := fmt.Sprintf("TPM PIN for LUKS device %s (empty for the passphrase): ", name)
	for left := tries - 1; ; left = max(left-1, -1) {
		pin, err := t.once(question)
		if err == nil && len(pin) == 0 {
			err = errors.New("no PIN was typed")
		}
		if err != nil {
			return nil, err
		}
		key, err := token.Unseal(tpm, pin)
		clear(pin)
		if !errors.Is(err, tpmtoken.ErrPIN) || left == 0 {
			return key, err
		}
		fmt.Fprintf(out, "moss-unlock: %v%s\n", err, remaining(left))
	}
}
