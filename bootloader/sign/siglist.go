package sign

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Member is one element of PK, KEK, db or dbx.
type Member struct {
	Kind  string // a GUID: X509 or a hash
	Owner string // a GUID
	Data  []byte // in DER for X509
}

// The kinds of members that matter here (UEFI 2.10, 32.4.1).
const (
	X509   = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"
	SHA256 = "c1c41626-504c-4092-aca9-41f936934328"
)

const (
	listHead = 28 // kind, size of the list, of its header and of each member
	guidSize = 16
)

// ErrList says that bytes are no EFI_SIGNATURE_LIST.
var ErrList = errors.New("not a list of EFI signatures")

// Lists writes members as EFI_SIGNATURE_LISTs, one a member: certificates differ
// in size, and a list has members of one size.
func Lists(members []Member) []byte {
	var out []byte
	for _, m := range members {
		size := guidSize + len(m.Data)
		out = append(out, guidBytes(m.Kind)...)
		for _, v := range []int{listHead + size, 0, size} {
			out = binary.LittleEndian.AppendUint32(out, uint32(v))
		}
		out = append(append(out, guidBytes(m.Owner)...), m.Data...)
	}
	return out
}

// ParseLists reads the content of PK, KEK, db or dbx.
func ParseLists(data []byte) ([]Member, error) {
	var members []Member
	for len(data) > 0 {
		if len(data) < listHead {
			return nil, fmt.Errorf("%w: it ends within a header", ErrList)
		}
		kind := guidText(data)
		list, header, size := u32(data[16:]), u32(data[20:]), u32(data[24:])
		if list < listHead || list > int64(len(data)) || header > list-listHead || size <= guidSize || (list-listHead-header)%size != 0 {
			return nil, fmt.Errorf("%w: sizes that do not fit each other", ErrList)
		}
		for body := data[listHead+header : list]; len(body) > 0; body = body[size:] {
			members = append(members, Member{kind, guidText(body), bytes.Clone(body[guidSize:size])})
		}
		data = data[list:]
	}
	return members, nil
}

func u32(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b)) }

// Has says whether a list holds a certificate.
func Has(members []Member, cert *x509.Certificate) bool {
	for _, m := range members {
		if cert != nil && m.Kind == X509 && bytes.Equal(m.Data, cert.Raw) {
			return true
		}
	}
	return false
}

// guidBytes is a GUID as the firmware stores it: the first three groups in
// little endian. The text has the right form.
func guidBytes(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != guidSize {
		return make([]byte, guidSize)
	}
	swap(b)
	return b
}

func guidText(b []byte) string {
	b = bytes.Clone(b[:guidSize])
	swap(b)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func swap(b []byte) {
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5], b[6], b[7] = b[5], b[4], b[7], b[6]
}
