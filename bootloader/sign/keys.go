package sign

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// The places of keys, below a root. Home is sbctl's since 0.14; OldHome is where
// it had them before and still looks for them.
const (
	Home    = "var/lib/sbctl"
	OldHome = "usr/share/secureboot"
)

// Pair is a certificate and its key. Key is nil when only the certificate was
// to be read.
type Pair struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// Keys are the three that Secure Boot is made of. The platform key (PK) says who
// may change the key exchange keys (KEK), those say who may change the signature
// database (db), and what a key of the database signed may boot.
type Keys struct {
	Dir         string // holds keys/ and GUID
	Owner       string // a GUID that says whose certificates these are
	PK, KEK, DB Pair
}

// ErrNoKeys says that there are no keys yet.
var ErrNoKeys = errors.New("no Secure Boot keys")

// Find returns the folder of the keys of a root, by the certificate of the
// signature database, or ErrNoKeys. Links are followed below the root, and keys
// that lie outside it are an error: they are another machine's.
func Find(root string) (string, error) {
	for _, home := range []string{Home, OldHome} {
		dir, err := below(root, home)
		if err == nil {
			_, err = os.Stat(certPath(dir, "db"))
		}
		if err == nil {
			err = stays(root, dir)
		}
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find Secure Boot keys: %w", err)
		}
	}
	return "", fmt.Errorf("find them in %s: %w", filepath.Join(root, Home), ErrNoKeys)
}

func certPath(dir, name string) string { return filepath.Join(dir, "keys", name, name+".pem") }
func keyPath(dir, name string) string  { return filepath.Join(dir, "keys", name, name+".key") }

// Load reads the keys and certificates in dir, a folder that Find returned. A
// key that the caller may not read is fs.ErrPermission.
func Load(dir string) (*Keys, error) { return load(dir, readPair) }

// LoadSigner is Load for the key that signs files alone; of the others it reads
// the certificates. The platform key can be kept elsewhere: nothing needs it
// between one enrolment and the next.
func LoadSigner(dir string) (*Keys, error) {
	return load(dir, func(dir, name string) (Pair, error) {
		if name == "db" {
			return readPair(dir, name)
		}
		return readOptional(dir, name)
	})
}

// LoadCerts is Load for the certificates alone, which Create makes readable for
// everyone. sbctl does not: then it is fs.ErrPermission.
func LoadCerts(dir string) (*Keys, error) {
	return load(dir, func(dir, name string) (Pair, error) {
		if name == "db" {
			return readCert(dir, name)
		}
		return readOptional(dir, name)
	})
}

func load(dir string, read func(dir, name string) (Pair, error)) (*Keys, error) {
	k := &Keys{Dir: dir}
	for _, one := range []struct {
		name string
		pair *Pair
	}{{"PK", &k.PK}, {"KEK", &k.KEK}, {"db", &k.DB}} {
		var err error
		if *one.pair, err = read(dir, one.name); err != nil {
			return nil, fmt.Errorf("read Secure Boot key %s: %w", one.name, err)
		}
	}
	owner, err := os.ReadFile(filepath.Join(dir, "GUID"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("read owner of Secure Boot keys: %w", err)
	}
	k.Owner = strings.ToLower(strings.TrimSpace(string(owner)))
	if k.Owner != "" && !guidForm.MatchString(k.Owner) {
		return nil, fmt.Errorf("read owner of Secure Boot keys: %s holds %q, want a GUID", filepath.Join(dir, "GUID"), k.Owner)
	}
	return k, nil
}

var guidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func readOptional(dir, name string) (Pair, error) {
	pair, err := readCert(dir, name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return Pair{}, nil
	}
	return pair, err
}

func readCert(dir, name string) (Pair, error) {
	der, err := readPEM(certPath(dir, name), "CERTIFICATE")
	if err != nil {
		return Pair{}, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return Pair{}, fmt.Errorf("read %s: %w", certPath(dir, name), err)
	}
	return Pair{Cert: cert}, nil
}

func readPair(dir, name string) (Pair, error) {
	pair, err := readCert(dir, name)
	if err != nil {
		return Pair{}, err
	}
	der, err := readPEM(keyPath(dir, name), "PRIVATE KEY")
	if err != nil {
		return Pair{}, err
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return Pair{}, fmt.Errorf("read %s: %w", keyPath(dir, name), err)
	}
	key, ok := private.(*rsa.PrivateKey)
	if !ok {
		return Pair{}, fmt.Errorf("read %s: it is no RSA key, the firmware knows no other", keyPath(dir, name))
	}
	if !key.PublicKey.Equal(pair.Cert.PublicKey) {
		return Pair{}, fmt.Errorf("read %s: the certificate beside it is another key's", keyPath(dir, name))
	}
	pair.Key = key
	return pair, nil
}

// readPEM reads the only block of a file. sbctl can keep keys in a TPM or a
// token; those have other names than kind.
func readPEM(path, kind string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, fmt.Errorf("read %s: not in PEM form: keys in a token can only be used by sbctl", path)
	case block.Type != kind:
		return nil, fmt.Errorf("read %s: it holds a %q, want a %q: keys in a TPM can only be used by sbctl", path, block.Type, kind)
	}
	return block.Bytes, nil
}

// Fingerprint is the SHA-256 of a certificate, in hexadecimal.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// ByDB are the certificates that a file signed by these keys is verified with.
func (k *Keys) ByDB() []*x509.Certificate { return []*x509.Certificate{k.DB.Cert} }
