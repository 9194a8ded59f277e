package sign

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
)

// Certificates are the certificates of a list; what Go cannot read is left out.
func Certificates(members []Member) []*x509.Certificate {
	var certs []*x509.Certificate
	for _, m := range members {
		if m.Kind != X509 {
			continue
		}
		if cert, err := x509.ParseCertificate(m.Data); err == nil {
			certs = append(certs, cert)
		}
	}
	return certs
}

// Starts says whether firmware with this db would start a file, nil if so: db
// holds the file's hash, or a certificate that signed it or that signed, over any
// number of others in the signature, the one that did. Else the error is
// ErrUnsigned, or ErrFormat for what is no PE file. What is in dbx it does not
// look at.
func (f Firmware) Starts(path string) error {
	p, err := openPE(path)
	if err == nil {
		err = errors.Join(f.starts(p.im, p.file), p.file.Close())
	}
	if err != nil {
		return fmt.Errorf("verify %s: %w", path, err)
	}
	return nil
}

// StartsBytes is Starts for the content of a file.
func (f Firmware) StartsBytes(data []byte) error {
	im, err := parse(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	return f.starts(im, bytes.NewReader(data))
}

func (f Firmware) starts(im *image, r io.ReaderAt) error {
	hash, err := im.digest(r)
	if err != nil {
		return err
	}
	for _, m := range f.DB {
		if m.Kind == SHA256 && bytes.Equal(m.Data, hash) {
			return nil
		}
	}
	all, err := im.messages(r)
	if err != nil {
		return err
	}
	db := Certificates(f.DB)
	for _, message := range all {
		if vouches(message, hash, db) {
			return nil
		}
		signers, others := madeBy(message, hash)
		for _, one := range signers {
			if leads(one, others, db, len(others)) {
				return nil
			}
		}
	}
	return ErrUnsigned
}

// leads: cert was signed by one of db, or by one of others that leads there.
func leads(cert *x509.Certificate, others, db []*x509.Certificate, steps int) bool {
	for _, ca := range db {
		if signedBy(cert, ca) {
			return true
		}
	}
	for _, ca := range others {
		if steps > 0 && !ca.Equal(cert) && signedBy(cert, ca) && leads(ca, others, db, steps-1) {
			return true
		}
	}
	return false
}

func signedBy(cert, ca *x509.Certificate) bool {
	return bytes.Equal(cert.RawIssuer, ca.RawSubject) && ca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

// VerifyBytes is Verify for the content of a file.
func VerifyBytes(data []byte, certs []*x509.Certificate) error {
	im, err := parse(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	return im.verify(bytes.NewReader(data), certs)
}

// Signers are the certificates, of those that a file brings, whose keys signed it
// as it is now; nobody says that they can be trusted.
func Signers(data []byte) ([]*x509.Certificate, error) {
	r := bytes.NewReader(data)
	im, err := parse(r, int64(len(data)))
	if err != nil {
		return nil, err
	}
	hash, err := im.digest(r)
	if err != nil {
		return nil, err
	}
	all, err := im.messages(r)
	if err != nil {
		return nil, err
	}
	var signers []*x509.Certificate
	for _, message := range all {
		these, _ := madeBy(message, hash)
		signers = append(signers, these...)
	}
	return signers, nil
}

// Digest is the Authenticode hash of a file's content, SHA-256: the same before
// and after it is signed, unless signing had to fill it up to eight bytes, for
// which the hash allows.
func Digest(data []byte) ([]byte, error) {
	im, err := parse(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	return im.digest(bytes.NewReader(data))
}

// madeBy are the certificates in a signature whose keys made it, over an image of
// this hash; all has the others too.
func madeBy(message, hash []byte) (signers, all []*x509.Certificate) {
	d, sum, ok := over(message, hash)
	if !ok {
		return nil, nil
	}
	for _, raw := range d.certificates() {
		cert, err := x509.ParseCertificate(raw)
		if err != nil {
			continue
		}
		all = append(all, cert)
		if d.by(cert, sum) {
			signers = append(signers, cert)
		}
	}
	return signers, all
}

// over opens a signature over an image of this hash, and gives what its
// attributes have to hold.
func over(message, hash []byte) (d signedData, sum []byte, ok bool) {
	d, err := openSealed(message)
	if err != nil || !d.Content.Type.Equal(spc(4)) {
		return d, nil, false
	}
	content := d.Content.Content.Bytes
	var in indirect
	if _, err := asn1.Unmarshal(content, &in); err != nil || !bytes.Equal(in.Digest.Hash, hash) || !in.Digest.Algorithm.Algorithm.Equal(sha256OID()) {
		return d, nil, false
	}
	of := sha256.Sum256(inside(content))
	return d, of[:], true
}

// certificates are those in the message, in DER; none if they are damaged.
func (d signedData) certificates() [][]byte {
	var all [][]byte
	for rest := d.Certificates.Bytes; len(rest) > 0; {
		var one asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			return nil
		}
		all = append(all, one.FullBytes)
	}
	return all
}

// brings: firmware takes the signer's certificate from the message, and finds
// none where that one is missing or damaged.
func (d signedData) brings(cert *x509.Certificate) bool {
	for _, raw := range d.certificates() {
		if bytes.Equal(raw, cert.Raw) {
			return true
		}
	}
	return false
}
