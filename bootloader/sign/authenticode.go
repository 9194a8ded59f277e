package sign

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
)

// indirect is SpcIndirectDataContent: what an Authenticode signature signs is
// not the file but this, which holds the hash of the file ("Windows
// Authenticode Portable Executable Signature Format", 2008).
type indirect struct {
	Data   asn1.RawValue
	Digest digestInfo
}

type digestInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Hash      []byte
}

func spc(arc ...int) asn1.ObjectIdentifier {
	return append(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 1}, arc...)
}

// peImageData is SpcPEImageData without flags, for a file named "": the same in
// every signature.
func peImageData() []byte {
	return []byte{
		0x30, 0x17, // SpcAttributeTypeAndOptionalValue
		0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f, // SPC_PE_IMAGE_DATA_OBJID
		0x30, 0x09, 0x03, 0x01, 0x00, // SpcPeImageData, flags
		0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00, // SpcLink: file, a name in Unicode
	}
}

// authenticode signs the hash of an image. The hash stands last in the content,
// and the name of its algorithm 32 bytes from the start of the message: EDK II
// looks for them there.
func authenticode(key crypto.Signer, cert *x509.Certificate, hash []byte) ([]byte, error) {
	content, err := asn1.Marshal(indirect{asn1.RawValue{FullBytes: peImageData()}, digestInfo{algorithm(sha256OID()), hash}})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(inside(content))
	attrs, err := attributes(spc(4), sum[:])
	if err != nil {
		return nil, err
	}
	message, err := sealed(key, cert, contentInfo{spc(4), explicit(content)}, nil, attrs)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(contentInfo{signedDataOID(), explicit(message)})
}

// explicit is der under an explicit tag [0].
func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}

// inside is der without its outermost tag and length, which PKCS #7 leaves out
// of the hash; nil if it is none.
func inside(der []byte) []byte {
	var v asn1.RawValue
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		return nil
	}
	return v.Bytes
}

// vouches says whether a signature is over an image of this hash, by one of
// the certificates.
func vouches(message, hash []byte, certs []*x509.Certificate) bool {
	d, sum, ok := over(message, hash)
	if !ok {
		return false
	}
	for _, cert := range certs {
		if d.brings(cert) && d.by(cert, sum) {
			return true
		}
	}
	return false
}

// A WIN_CERTIFICATE is a signature with eight bytes before it: its length with
// them, revision 2.0, and what kind it is.
const (
	certHead     = 8
	certRevision = 0x0200
	certPKCS     = 0x0002
	certGUID     = 0x0ef1
)

func certificate(kind uint16, body []byte) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(certHead+len(body)))
	out = binary.LittleEndian.AppendUint16(out, certRevision)
	out = binary.LittleEndian.AppendUint16(out, kind)
	return append(out, body...)
}

// messages takes the table of signatures apart. Those of another kind are
// passed over; so is the rest from the first that has no proper length.
func messages(table []byte) [][]byte {
	var all [][]byte
	for len(table) >= certHead {
		length := int64(binary.LittleEndian.Uint32(table))
		if length < certHead || length > int64(len(table)) {
			break
		}
		if binary.LittleEndian.Uint16(table[6:]) == certPKCS {
			all = append(all, table[certHead:length])
		}
		table = table[min(length+padding(length), int64(len(table))):]
	}
	return all
}
