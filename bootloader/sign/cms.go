package sign

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
)

// The structures of PKCS #7 1.5 (RFC 2315), as far as Authenticode and the
// firmware use them.
type (
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
	}
	signedData struct {
		Version      int
		Algorithms   []pkix.AlgorithmIdentifier `asn1:"set"`
		Content      contentInfo
		Certificates asn1.RawValue `asn1:"optional,tag:0"`
		Revocations  asn1.RawValue `asn1:"optional,tag:1"`
		Signers      []signerInfo  `asn1:"set"`
	}
	signerInfo struct {
		Version    int
		Signer     issuerSerial
		Hash       pkix.AlgorithmIdentifier
		Attributes asn1.RawValue `asn1:"optional,tag:0"`
		Encryption pkix.AlgorithmIdentifier
		Signature  []byte
		Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
	}
	issuerSerial struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
)

// pkcs is an arc of RSA's object identifiers; sha256OID the hash that both
// Authenticode and the firmware's variables ask for.
func pkcs(arc ...int) asn1.ObjectIdentifier {
	return append(asn1.ObjectIdentifier{1, 2, 840, 113549, 1}, arc...)
}

func signedDataOID() asn1.ObjectIdentifier { return pkcs(7, 2) }
func dataOID() asn1.ObjectIdentifier       { return pkcs(7, 1) }
func sha256OID() asn1.ObjectIdentifier     { return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1} }

func algorithm(oid asn1.ObjectIdentifier) pkix.AlgorithmIdentifier {
	return pkix.AlgorithmIdentifier{Algorithm: oid, Parameters: asn1.NullRawValue}
}

var errSignature = errors.New("not a signature that can be read")

// attributes are what is signed beside the content: its type and hash. There is
// no time among them, so that equal input gives equal signatures.
func attributes(kind asn1.ObjectIdentifier, digest []byte) ([]byte, error) {
	value := func(v any) asn1.RawValue {
		der, _ := asn1.Marshal(v) // of an identifier and of bytes; cannot fail
		return asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSet, IsCompound: true, Bytes: der}
	}
	return asn1.MarshalWithParams([]attribute{
		{pkcs(9, 3), value(kind)},
		{pkcs(9, 4), value(digest)},
	}, "set")
}

// sealed makes a SignedData. With attributes set they are what is signed, else
// digest itself.
func sealed(key crypto.Signer, cert *x509.Certificate, content contentInfo, digest, attrs []byte) ([]byte, error) {
	if attrs != nil {
		sum := sha256.Sum256(attrs)
		digest = sum[:]
	}
	signature, err := key.Sign(rand.Reader, digest, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	info := signerInfo{
		Version:    1,
		Signer:     issuerSerial{asn1.RawValue{FullBytes: cert.RawIssuer}, cert.SerialNumber},
		Hash:       algorithm(sha256OID()),
		Encryption: algorithm(pkcs(1, 1)),
		Signature:  signature,
	}
	if attrs != nil {
		// In the message the set bears the tag [0]; signed it is as a set.
		info.Attributes = asn1.RawValue{FullBytes: append([]byte{0xa0}, attrs[1:]...)}
	}
	return asn1.Marshal(signedData{
		Version:      1,
		Algorithms:   []pkix.AlgorithmIdentifier{algorithm(sha256OID())},
		Content:      content,
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: cert.Raw},
		Signers:      []signerInfo{info},
	})
}

// openSealed reads a SignedData, with or without the ContentInfo around it.
func openSealed(der []byte) (signedData, error) {
	var outer contentInfo
	if _, err := asn1.Unmarshal(der, &outer); err == nil && outer.Type.Equal(signedDataOID()) {
		der = outer.Content.Bytes
	}
	var d signedData
	if _, err := asn1.Unmarshal(der, &d); err != nil || len(d.Signers) == 0 {
		return d, errSignature
	}
	return d, nil
}

// by says whether cert's key made one of the signatures over a content of this
// hash. A message hash in the attributes has to be that of the content:
// without this comparison, attributes that were signed for one file would vouch
// for any.
func (d signedData) by(cert *x509.Certificate, digest []byte) bool {
	for _, s := range d.Signers {
		if !bytes.Equal(s.Signer.Issuer.FullBytes, cert.RawIssuer) || s.Signer.Serial == nil || s.Signer.Serial.Cmp(cert.SerialNumber) != 0 {
			continue
		}
		if s.Hash.Algorithm.Equal(sha256OID()) && s.signed(cert, digest) {
			return true
		}
	}
	return false
}

func (s signerInfo) signed(cert *x509.Certificate, digest []byte) bool {
	if len(s.Attributes.FullBytes) == 0 {
		return checkHash(cert, digest, s.Signature)
	}
	set := append([]byte{asn1.TagSet | 0x20}, s.Attributes.FullBytes[1:]...)
	var attrs []attribute
	if rest, err := asn1.UnmarshalWithParams(set, &attrs, "set"); err != nil || len(rest) > 0 {
		return false
	}
	for _, a := range attrs {
		var said []byte
		if !a.Type.Equal(pkcs(9, 4)) {
			continue
		}
		if _, err := asn1.Unmarshal(a.Value.Bytes, &said); err != nil || !bytes.Equal(said, digest) {
			return false
		}
		sum := sha256.Sum256(set)
		return checkHash(cert, sum[:], s.Signature)
	}
	return false
}

// checkHash: the firmware knows RSA with PKCS #1 v1.5 and nothing else.
func checkHash(cert *x509.Certificate, digest, signature []byte) bool {
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	return ok && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, signature) == nil
}
