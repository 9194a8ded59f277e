package deb

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	arMagic  = "!<arch>\n"
	arHeader = 60 // bytes: name 16, date 12, uid 6, gid 6, mode 8, size 10, end 2
	// dpkg writes three members; a few more are allowed for later versions of
	// the format. Without a bound an archive of empty members costs a header
	// each in memory.
	arMembers = 32
)

// member is one file of an ar archive, as the place where its bytes lie.
type member struct {
	name      string
	off, size int64
}

func (m member) section(r io.ReaderAt) *io.SectionReader {
	return io.NewSectionReader(r, m.off, m.size)
}

// readMembers lists an ar archive of size bytes. It reads the headers only.
func readMembers(r io.ReaderAt, size int64) ([]member, error) {
	magic := make([]byte, len(arMagic))
	if err := readAt(r, magic, 0); err != nil || string(magic) != arMagic {
		return nil, errors.New("not a Debian package: no ar archive")
	}
	var all []member
	for off := int64(len(arMagic)); off < size; {
		m, err := readMember(r, off, size)
		if err != nil {
			return nil, fmt.Errorf("ar header at byte %d: %w", off, err)
		}
		if len(all) == arMembers {
			return nil, fmt.Errorf("ar archive has more than %d members", arMembers)
		}
		all = append(all, m)
		// Members start at even offsets; the last one may lack its padding.
		off = m.off + m.size + m.size&1
	}
	return all, nil
}

func readMember(r io.ReaderAt, off, size int64) (member, error) {
	head := make([]byte, arHeader)
	if err := readAt(r, head, off); err != nil {
		return member{}, err
	}
	if string(head[58:]) != "`\n" {
		return member{}, errors.New("end mark missing")
	}
	// ParseUint: a sign is not part of the format, and "-60" would make the
	// walk go backwards for ever.
	n, err := strconv.ParseUint(strings.TrimRight(string(head[48:58]), " "), 10, 62)
	if err != nil {
		return member{}, fmt.Errorf("size %q is not a number", head[48:58])
	}
	m := member{name: arName(head[:16]), off: off + arHeader, size: int64(n)}
	if m.size > size-m.off {
		return member{}, fmt.Errorf("member %q needs %d bytes, the file has %d", m.name, m.size, size-m.off)
	}
	return m, nil
}

// arName strips the padding and the slash with which GNU ar ends a name.
func arName(b []byte) string {
	return strings.TrimSuffix(strings.TrimRight(string(b), " "), "/")
}

func readAt(r io.ReaderAt, b []byte, off int64) error {
	if n, err := r.ReadAt(b, off); n < len(b) {
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}
