package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aead.dev/minisign"

	"moss/internal/atomicfile"
)

// maxKeyFile bounds what is read as a key, in bytes; a real one has some 300.
const maxKeyFile = 4096

// ParseKey reads a minisign public key: its one line (RW…) or a whole key file.
// The result is the one line.
func ParseKey(text string) (string, error) {
	key, err := publicKey(text)
	if err != nil {
		return "", err
	}
	return key.String(), nil
}

// LoadKey is ParseKey for what a person gives: the key itself or its file.
func LoadKey(given string) (string, error) {
	if strings.HasPrefix(given, "RW") {
		if key, err := ParseKey(given); err == nil {
			return key, nil
		}
	}
	text, err := readKeyFile(given)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("key %q: neither a public key (RW…) nor a file of one", given)
	}
	if err != nil {
		return "", fmt.Errorf("read key: %w", err)
	}
	key, err := ParseKey(string(text))
	if err != nil && secret(text) {
		return "", fmt.Errorf("read key %s: it is the secret key, which nobody else may have; give the public one, %s.pub", given, given)
	}
	if err != nil {
		return "", fmt.Errorf("read key %s: %w", given, err)
	}
	return key, nil
}

func secret(text []byte) bool {
	var key minisign.PrivateKey
	return minisign.IsEncrypted(text) || key.UnmarshalText(text) == nil
}

func publicKey(text string) (minisign.PublicKey, error) {
	var key minisign.PublicKey
	if err := key.UnmarshalText([]byte(strings.TrimSpace(text))); err != nil {
		// Not quoted: what was given by mistake may be a secret key.
		return key, errors.New("not a public key as minisign makes them (RW…, 56 characters)")
	}
	return key, nil
}

func readKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%s: %d bytes, not a key file", path, info.Size())
	}
	return os.ReadFile(path)
}

// SigningKey signs indexes.
type SigningKey struct{ private minisign.PrivateKey }

// Public is the key that users pin, in its one-line form.
func (k *SigningKey) Public() string { return k.private.Public().(minisign.PublicKey).String() }

// PassphraseError is a signing key that its passphrase does not open.
type PassphraseError struct{ Path string }

func (e *PassphraseError) Error() string {
	return "open signing key " + e.Path + ": the passphrase is wrong, or the file is damaged"
}

// Hint says what to do.
func (e *PassphraseError) Hint() string { return "give the passphrase that the key was made with" }

// LoadSigningKey reads a secret key of minisign's or ours. The passphrase is
// asked for only when the file is locked with one; opening it takes 1 GiB of
// memory for some seconds, which is what the format asks for.
func LoadSigningKey(path string, passphrase func() (string, error)) (*SigningKey, error) {
	text, err := readKeyFile(path)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	var key SigningKey
	if !minisign.IsEncrypted(text) {
		if err := key.private.UnmarshalText(text); err != nil {
			return nil, fmt.Errorf("read signing key %s: not a secret key that minisign makes", path)
		}
		return &key, nil
	}
	words, err := passphrase()
	if err != nil {
		return nil, err
	}
	if key.private, err = minisign.DecryptKey(words, text); err != nil {
		return nil, &PassphraseError{path}
	}
	return &key, nil
}

// GenerateKey makes a key pair: the secret one at path, locked with passphrase
// unless that is "", and the public one at path.pub, both in minisign's formats.
// Neither file is ever overwritten: a lost secret key is a repository that all
// its users must pin anew. The one-line public key is returned.
func GenerateKey(path, passphrase string) (string, error) {
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		return "", fmt.Errorf("make key: %w", err)
	}
	secret, err := private.MarshalText()
	if err == nil && passphrase != "" {
		secret, err = minisign.EncryptKey(passphrase, private)
	}
	if err != nil {
		return "", fmt.Errorf("make key: %w", err)
	}
	text, err := public.MarshalText()
	if err != nil {
		return "", fmt.Errorf("make key: %w", err)
	}
	// The public half first: a secret key without it is the one worth keeping.
	if err := create(path+".pub", text, 0o644); err != nil {
		return "", err
	}
	if err := create(path, secret, 0o600); err != nil {
		return "", errors.Join(err, os.Remove(path+".pub"))
	}
	return public.String(), atomicfile.SyncDir(filepath.Dir(path))
}

// create makes a file that must not be there, with its permissions from the
// first moment on.
func create(path string, text []byte, perm fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make key: %s is there already, and a key is never overwritten", path)
	}
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("make key: %w", err), os.Remove(path))
	}
	return nil
}
