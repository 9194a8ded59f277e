package sign_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"moss/bootloader/sign"
	"moss/bootloader/sign/signtest"
)

// signedSmall is a small image, as it is and signed.
func signedSmall(t *testing.T, k *sign.Keys) (plain, signed []byte) {
	t.Helper()
	plain = signtest.Small(3)
	var out bytes.Buffer
	if err := k.SignTo(&out, file(t, plain)); err != nil {
		t.Fatal(err)
	}
	return plain, out.Bytes()
}

// TestFirmwareStarts: by its hash, by who signed it, by who signed that one's
// certificate, and else not.
func TestFirmwareStarts(t *testing.T) {
	k := newKeys(t)
	plain, signed := signedSmall(t, k)
	hash, err := sign.Digest(plain)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := sign.Digest(signed); err != nil || !bytes.Equal(other, hash) {
		t.Errorf("the hash of the signed file is another: %v", err)
	}
	ca, leaf := chained(t)
	chain := underCA(t, plain, leaf)
	in := func(cert *x509.Certificate) sign.Firmware {
		return sign.Firmware{DB: []sign.Member{{Kind: sign.X509, Data: cert.Raw}}}
	}
	for _, c := range []struct {
		name string
		db   sign.Firmware
		data []byte
		want error
	}{
		{"signed", in(k.DB.Cert), signed, nil},
		{"not signed", in(k.DB.Cert), plain, sign.ErrUnsigned},
		{"by another", in(k.PK.Cert), signed, sign.ErrUnsigned},
		{"nobody known", sign.Firmware{}, signed, sign.ErrUnsigned},
		{"hash", sign.Firmware{DB: []sign.Member{{Kind: sign.SHA256, Data: hash}}}, plain, nil},
		{"chain", in(ca), chain, nil},
		{"the end of the chain", in(leaf.Cert), chain, nil},
		{"another chain", in(k.DB.Cert), chain, sign.ErrUnsigned},
		{"text", in(ca), []byte("text"), sign.ErrFormat},
	} {
		if err := c.db.Starts(file(t, c.data)); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if err := c.db.StartsBytes(c.data); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s as bytes: got %v, want %v", c.name, err, c.want)
		}
	}
	for _, c := range []struct {
		data []byte
		by   *x509.Certificate
	}{{signed, k.DB.Cert}, {chain, leaf.Cert}} {
		if got, err := sign.Signers(c.data); err != nil || len(got) != 1 || !got[0].Equal(c.by) {
			t.Errorf("got %d signers, %v", len(got), err)
		}
	}
	if got, err := sign.Signers(plain); err != nil || len(got) != 0 {
		t.Errorf("unsigned: got %d signers, %v", len(got), err)
	}
	if sign.VerifyBytes(signed, k.ByDB()) != nil || !errors.Is(sign.VerifyBytes(plain, k.ByDB()), sign.ErrUnsigned) {
		t.Error("the bytes of a file are not verified as the file is")
	}
}

// chained is a certificate and the authority that signed it.
func chained(t *testing.T) (*x509.Certificate, sign.Pair) {
	t.Helper()
	issue := func(name string, by *x509.Certificate, key crypto.Signer) (*x509.Certificate, *rsa.PrivateKey) {
		own, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), IsCA: by == nil, BasicConstraintsValid: true}
		if by == nil {
			by, key = c, own
		}
		der, err := x509.CreateCertificate(rand.Reader, c, by, &own.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, own
	}
	ca, key := issue("an authority", nil, nil)
	leaf, own := issue("a publisher", ca, key)
	return ca, sign.Pair{Cert: leaf, Key: own}
}

func underCA(t *testing.T, plain []byte, leaf sign.Pair) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := (&sign.Keys{DB: leaf}).SignTo(&out, file(t, plain)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestDamagedCertificate: the firmware takes the certificate from the signature, so
// a damaged one is no signature.
func TestDamagedCertificate(t *testing.T) {
	k := newKeys(t)
	_, signed := signedSmall(t, k)
	at := bytes.Index(signed, k.DB.Cert.Raw)
	if at < 0 {
		t.Fatal("no certificate in the file")
	}
	for offset := range k.DB.Cert.Raw {
		if offset%7 != 0 {
			continue
		}
		bad := bytes.Clone(signed)
		bad[at+offset] ^= 0x10
		if err := sign.VerifyBytes(bad, k.ByDB()); !errors.Is(err, sign.ErrUnsigned) {
			t.Errorf("byte %d of the certificate: got %v", offset, err)
		}
	}
}

// TestKeysBelowTheRoot: absolute links of a root mean places in it.
func TestKeysBelowTheRoot(t *testing.T) {
	root, host := t.TempDir(), t.TempDir()
	k, err := sign.Create(host, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "var/lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := func(to, at string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(root, at)); err != nil {
			t.Fatal(err)
		}
	}
	link(k.Dir, sign.Home)
	if dir, err := sign.Find(root); !errors.Is(err, sign.ErrNoKeys) {
		t.Errorf("another machine's keys: got %s, %v", dir, err)
	}
	own, err := sign.Create(root, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(root, k.Dir); own.Dir != want {
		t.Errorf("got %s, want %s", own.Dir, want)
	}
	if dir, err := sign.Find(root); err != nil || dir != own.Dir {
		t.Errorf("got %s, %v", dir, err)
	}
	// A link below the folder is read as it is, so it may not lead out.
	if err := os.Remove(filepath.Join(own.Dir, "keys/db/db.key")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(k.Dir, "keys/db/db.key"), filepath.Join(own.Dir, "keys/db/db.key")); err != nil {
		t.Fatal(err)
	}
	if dir, err := sign.Find(root); err == nil || errors.Is(err, sign.ErrNoKeys) {
		t.Errorf("a key of another machine: got %s, %v", dir, err)
	}
}

// TestCreateWithoutRoot: a wrong name is no place for secrets.
func TestCreateWithoutRoot(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"typo/x", "file"} {
		if _, err := sign.Create(filepath.Join(dir, name), time.Now()); err == nil {
			t.Errorf("%s: keys were made", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "typo")); err == nil {
		t.Error("the root was made")
	}
}
