package image

import (
	"bufio"
	"crypto/sha256"
	"io"
	"maps"
	"slices"
)

// Difference is one path that two images do not have alike.
type Difference struct {
	Name string
	// A and B are the path in each image, nil in one that lacks it.
	A, B *Entry
	// Content says that both have a file there of different content.
	Content bool
}

// Diff compares two images as the kernel unpacks them: of a path that comes twice
// the last counts. The order of entries, times and inode numbers do not matter.
// The answer is in the order of names.
func Diff(a, b io.Reader) ([]Difference, error) {
	old, err := readAll(a)
	if err != nil {
		return nil, err
	}
	fresh, err := readAll(b)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(old)
	maps.Copy(names, fresh)
	differences := []Difference{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		one, inA := old[name]
		two, inB := fresh[name]
		d := Difference{Name: name, Content: inA && inB && one.sum != two.sum}
		if inA {
			d.A = &one.Entry
		}
		if inB {
			d.B = &two.Entry
		}
		if !inA || !inB || one.Entry != two.Entry || d.Content {
			differences = append(differences, d)
		}
	}
	return differences, nil
}

type summed struct {
	Entry
	sum [sha256.Size]byte
}

func readAll(r io.Reader) (map[string]summed, error) {
	all := map[string]summed{}
	l := lister{r: bufio.NewReaderSize(r, 1<<16), each: func() (io.Writer, func(Entry)) {
		hash := sha256.New()
		return hash, func(e Entry) { all[e.Name] = summed{e, [sha256.Size]byte(hash.Sum(nil))} }
	}}
	_, err := l.list()
	return all, err
}
