package sign

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
)

// ErrExists says that there are keys already. They are never replaced: a
// machine whose firmware knows them would boot nothing that new ones sign.
var ErrExists = errors.New("there are Secure Boot keys already")

const (
	keyBits = 2048 // what all firmware takes; larger RSA keys it may refuse
	years   = 5    // as sbctl; nothing checks it at boot
)

// Create makes keys for a root, in Home. They appear all together or not at
// all: a set of which some were made before a power cut and some after would
// enrol and not boot. The root has to be there: a typing error in its name would
// leave the secrets somewhere.
func Create(root string, now time.Time) (*Keys, error) {
	if info, err := os.Stat(root); err != nil {
		return nil, fmt.Errorf("create keys: look at the root: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("create keys: look at the root: %s is not a folder", root)
	}
	if dir, err := Find(root); err == nil {
		return nil, fmt.Errorf("create keys: %w: %s", ErrExists, dir)
	} else if !errors.Is(err, ErrNoKeys) {
		return nil, err
	}
	dir, err := below(root, Home)
	if err == nil {
		err = makeDirs(dir)
	}
	if err == nil {
		err = alone(dir, func() error { return create(dir, now) })
	}
	if err != nil {
		return nil, fmt.Errorf("create keys in %s: %w", dir, err)
	}
	return Load(dir)
}

// alone keeps two processes from making keys at once: one would take the
// other's unfinished folder for what a crash has left.
func alone(dir string, do func() error) error {
	lock, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX); err == nil {
		err = do()
	}
	return errors.Join(err, lock.Close())
}

func create(dir string, now time.Time) error {
	if _, err := os.Lstat(filepath.Join(dir, "keys")); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%w, or what is left of some: %s", ErrExists, filepath.Join(dir, "keys")))
	}
	if err := createOwner(dir); err != nil {
		return err
	}
	if err := fault.Point("keys/owner"); err != nil {
		return err
	}
	return createKeys(dir, now)
}

// makeDirs makes a folder and its parents, with names that last.
func makeDirs(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(dir))
}

// createOwner keeps a GUID that is there: sbctl may have made it.
func createOwner(dir string) error {
	path := filepath.Join(dir, "GUID")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return atomicfile.Write(path, []byte(newGUID()), 0o600)
}

// newGUID is a random one (RFC 4122, version 4).
func newGUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func createKeys(dir string, now time.Time) error {
	left, err := filepath.Glob(filepath.Join(dir, ".keys.tmp-*"))
	for _, path := range left { // secret keys that a crash has left lying about
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, ".keys.tmp-*")
	if err != nil {
		return err
	}
	err = fillKeys(temp, now)
	if err == nil {
		err = fault.Point("keys/rename")
	}
	if err == nil {
		err = os.Rename(temp, filepath.Join(dir, "keys"))
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	return atomicfile.SyncDir(dir)
}

func fillKeys(temp string, now time.Time) error {
	for name, title := range map[string]string{"PK": "Platform Key", "KEK": "Key Exchange Key", "db": "Database Key"} {
		folder := filepath.Join(temp, name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		cert, key, err := newPair(title, now)
		if err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(folder, name+".key"), key, 0o600); err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(folder, name+".pem"), cert, 0o644); err != nil {
			return err
		}
	}
	return errors.Join(os.Chmod(temp, 0o755), atomicfile.SyncDir(temp))
}

// newPair makes a key and a certificate that it signs itself, both in PEM.
func newPair(title string, now time.Time) (cert, key []byte, err error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	c := &x509.Certificate{
		SerialNumber:       serial.Add(serial, big.NewInt(1)), // RFC 5280: positive
		SignatureAlgorithm: x509.SHA256WithRSA,
		NotBefore:          now.UTC(),
		NotAfter:           now.UTC().AddDate(years, 0, 0),
		Subject:            pkix.Name{Country: []string{title}, CommonName: title},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), nil
}
