package early

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"

	"moss/internal/heapsort"
)

// Offsets of LUKS On-Disk Format 1.2.3 and LUKS2 On-Disk Format 1.1.
const (
	luksFront     = 4096    // the binary part of a LUKS2 header; all of a LUKS1 one
	luksLargest   = 4 << 20 // a LUKS2 header
	luksEncrypted = `"encryption"`
	mostWords     = 32 // a header has two ciphers; a forged one shall not cost a minute
)

// luksCiphers are the algorithms that the header on a device names, for the
// kernel's modules are called after them: aes, xts, plain64. What is no
// algorithm has no module.
func luksCiphers(node string) []string {
	f, err := openNode(node)
	if err != nil {
		return nil
	}
	defer f.Close()
	front := make([]byte, luksFront)
	if n, err := f.ReadAt(front, 0); err != nil && n < 512 {
		return nil
	}
	size := binary.BigEndian.Uint64(front[8:])
	if front[7] == 2 && size > luksFront && size <= luksLargest {
		rest := make([]byte, size-luksFront)
		n, err := f.ReadAt(rest, luksFront)
		if err != nil && err != io.EOF {
			return nil
		}
		front = append(front, rest[:n]...)
	}
	return parseCiphers(front)
}

// parseCiphers takes LUKS1's two fields, and from LUKS2's JSON the strings that
// are a cipher's. Which of them is the data's does not matter here: the key
// slots' costs a module at most.
func parseCiphers(header []byte) []string {
	var texts []string
	if len(header) >= 72 && header[7] == 1 {
		for _, field := range [][]byte{header[8:40], header[40:72]} {
			text, _, _ := bytes.Cut(field, []byte{0})
			texts = append(texts, string(text))
		}
		return algorithms(texts)
	}
	for {
		_, rest, ok := bytes.Cut(header, []byte(luksEncrypted))
		if !ok {
			return algorithms(texts)
		}
		header = rest
		start := bytes.TrimLeft(rest[:min(len(rest), 128)], " \t\n:")
		if value, found := bytes.CutPrefix(start, []byte{'"'}); found {
			if text, _, closed := bytes.Cut(value, []byte{'"'}); closed {
				texts = append(texts, string(text))
			}
		}
	}
}

// algorithms are the words of ciphers such as aes-xts-plain64,
// aes-cbc-essiv:sha256 and xchacha20,aes-adiantum-plain64, each once. Adiantum
// hashes with NHPoly1305, which its name does not say; XTS of older kernels is
// made of ECB.
func algorithms(ciphers []string) []string {
	var words []string
	for _, text := range ciphers {
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("-:,()", r) }) {
			words = append(words, word)
			switch word {
			case "adiantum":
				words = append(words, "nhpoly1305")
			case "xts":
				words = append(words, "ecb")
			}
		}
	}
	heapsort.Strings(words)
	words = slices.Compact(words)
	return words[:min(len(words), mostWords)]
}
