package sign

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf16"

	"moss/bootloader/efivar"
)

// Authenticated are the attributes of a variable that only a signature can
// change: stored, for boot and runtime, with time-based authenticated writes.
const Authenticated = efivar.Stored | 0x20

// ImageVendor is the GUID of db and dbx; PK and KEK are the global vendor's.
const ImageVendor = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"

// keyOf is the variable PK, KEK or db.
func keyOf(name string) efivar.Key {
	if name == "db" || name == "dbx" {
		return efivar.Key{Name: name, Vendor: ImageVendor}
	}
	return efivar.Key{Name: name, Vendor: efivar.GlobalVendor}
}

// pkcs7GUID marks the signature in an authenticated write as PKCS #7.
const pkcs7GUID = "4aafd29d-68df-49ee-8aa9-347d375665a7"

// update is what is written to an authenticated variable: EFI_VARIABLE_
// AUTHENTICATION_2 with by's signature, then the value (UEFI 2.10, 8.2.2). The
// signature has no attributes and no ContentInfo around it, as that page asks.
func update(key efivar.Key, value []byte, by Pair, now time.Time) ([]byte, error) {
	stamp := timestamp(now)
	sum := sha256.Sum256(signedBytes(key, stamp, value))
	message, err := sealed(by.Key, by.Cert, contentInfo{Type: dataOID(), Content: asn1.RawValue{}}, sum[:], nil)
	if err != nil {
		return nil, fmt.Errorf("sign EFI variable %s: %w", key.Name, err)
	}
	out := append(stamp, certificate(certGUID, append(guidBytes(pkcs7GUID), message...))...)
	return append(out, value...), nil
}

// signedBytes is what the signature is over.
func signedBytes(key efivar.Key, stamp, value []byte) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(key.Name)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	out = append(out, guidBytes(key.Vendor)...)
	out = binary.LittleEndian.AppendUint32(out, uint32(Authenticated))
	return append(append(out, stamp...), value...)
}

const stampSize = 16

// timestamp is an EFI_TIME. All but the date and the time of day has to be 0.
func timestamp(now time.Time) []byte {
	now = now.UTC()
	out := binary.LittleEndian.AppendUint16(nil, uint16(now.Year()))
	out = append(out, byte(now.Month()), byte(now.Day()), byte(now.Hour()), byte(now.Minute()), byte(now.Second()))
	return append(out, make([]byte, stampSize-len(out))...)
}

// ErrUpdate says that bytes are no signed update of a variable.
var ErrUpdate = errors.New("not a signed update of an EFI variable")

// OpenUpdate takes apart what would be written to a variable and checks the
// signature, as the firmware does. It returns the value.
func OpenUpdate(key efivar.Key, data []byte, by *x509.Certificate) ([]byte, error) {
	if len(data) < stampSize+certHead+guidSize {
		return nil, fmt.Errorf("%w: %w", ErrUpdate, io.ErrUnexpectedEOF)
	}
	stamp, rest := data[:stampSize], data[stampSize:]
	length := u32(rest)
	if length < certHead+guidSize || length > int64(len(rest)) || binary.LittleEndian.Uint16(rest[6:]) != certGUID || guidText(rest[certHead:]) != pkcs7GUID {
		return nil, ErrUpdate
	}
	message, value := rest[certHead+guidSize:length], rest[length:]
	d, err := openSealed(message)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(signedBytes(key, stamp, value))
	if !d.by(by, sum[:]) {
		return nil, fmt.Errorf("%w: the signature is not by %s", ErrUpdate, by.Subject.CommonName)
	}
	return value, nil
}
