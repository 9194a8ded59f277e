package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"moss/initramfs/luks"
)

// slow is when a try says what takes so long.
const slow = 2 * time.Second

// find gets the volume's key by what needs no person first. What fails is told,
// and the passphrase asked for, as systemd does.
func find(c *luks.Container, r request, in, out *os.File) (*luks.Volume, error) {
	if r.keyfile != "" {
		volume, err := withFile(c, r.keyfile)
		if err == nil {
			return volume, nil
		}
		fmt.Fprintf(out, "moss-unlock: %v; asking for the passphrase\n", err)
	}
	if r.tpm2 {
		volume, err := withTPM(c, r.tries, in, out)
		if err == nil {
			return volume, nil
		}
		if !errors.Is(err, errNoTPM) {
			fmt.Fprintf(out, "moss-unlock: %v; asking for the passphrase\n", err)
		}
	}
	return withPassphrase(c, r.tries, in, out)
}

// largestKey is cryptsetup's limit for a key file, in bytes.
const largestKey = 8 << 20

func withFile(c *luks.Container, path string) (*luks.Volume, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer f.Close()
	key, err := io.ReadAll(io.LimitReader(f, largestKey+1))
	defer clear(key)
	switch {
	case err != nil:
		return nil, fmt.Errorf("key file: %w", err)
	case len(key) > largestKey:
		return nil, fmt.Errorf("key file %s is larger than %d bytes", path, largestKey)
	}
	volume, err := c.Unseal(key)
	if errors.Is(err, luks.ErrWrong) {
		return nil, fmt.Errorf("key file %s opens no key slot of %s", path, c.Node)
	}
	return volume, err
}

// withPassphrase asks up to tries times; 0 is without end.
func withPassphrase(c *luks.Container, tries int, in, out *os.File) (*luks.Volume, error) {
	t, err := openTerminal(in, out)
	if err != nil {
		return nil, err
	}
	defer t.close()
	question := fmt.Sprintf("Passphrase for LUKS device %s (%s): ", c.Header.Name(), c.Node)
	for left := tries - 1; ; left = max(left-1, -1) {
		key, err := t.ask(question)
		if err != nil {
			return nil, fmt.Errorf("%s stays locked: %w", c.Node, err)
		}
		volume, err := try(c, key, out)
		if err == nil {
			return volume, nil
		}
		if !errors.Is(err, luks.ErrWrong) {
			return nil, fmt.Errorf("%s stays locked: %w", c.Node, err)
		}
		if left == 0 {
			return nil, fmt.Errorf("%s stays locked: %w, and no try is left", c.Node, err)
		}
		fmt.Fprintf(out, "moss-unlock: %v%s\n", err, remaining(left))
	}
}

func try(c *luks.Container, key []byte, out io.Writer) (*luks.Volume, error) {
	defer clear(key)
	told := time.AfterFunc(slow, func() { fmt.Fprintln(out, "moss-unlock: trying the passphrase …") })
	defer told.Stop()
	return c.Unseal(key)
}

// remaining is told after a wrong one; nothing where there is no end.
func remaining(tries int) string {
	switch {
	case tries < 0:
		return ""
	case tries == 1:
		return ", 1 try left"
	}
	return fmt.Sprintf(", %d tries left", tries)
}
