package usrmerge

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"moss/internal/heapsort"
)

// named is one line of a folder.
type named struct {
	name string
	ino  uint64
	kind kind // absent: the file system does not say
}

// lister reads folders; it keeps its buffer.
type lister struct {
	buf   []byte
	names []byte
}

// list reads an open folder from its beginning, sorted by name. All names of a
// folder are one string: 60,000 small ones would keep the collector busy.
func (l *lister) list(fd int) ([]named, error) {
	if l.buf == nil {
		l.buf = make([]byte, 256<<10)
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return nil, err
	}
	var all []named
	var ends []int
	l.names = l.names[:0]
	for {
		n, err := unix.Getdents(fd, l.buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		for b := l.buf[:n]; len(b) > 0; {
			// struct linux_dirent64 of getdents64(2): ino, off, reclen, type, name.
			size := binary.NativeEndian.Uint16(b[16:])
			name := b[19:size]
			name = name[:slices.Index(name, 0)]
			if s := string(name); s != "." && s != ".." {
				l.names = append(l.names, name...)
				ends = append(ends, len(l.names))
				all = append(all, named{ino: binary.NativeEndian.Uint64(b), kind: kind(b[18])})
			}
			b = b[size:]
		}
	}
	names, at := string(l.names), 0
	for i, end := range ends {
		all[i].name = names[at:end]
		at = end
	}
	sortNames(all)
	return all, nil
}

func sortNames(all []named) {
	heapsort.Sort(len(all), func(i, j int) bool { return all[i].name < all[j].name }, func(i, j int) { all[i], all[j] = all[j], all[i] })
}

// find looks for a name in a sorted list.
func find(list []named, name string) (named, bool) {
	low, high := 0, len(list)
	for low < high {
		if mid := (low + high) / 2; list[mid].name < name {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(list) && list[low].name == name {
		return list[low], true
	}
	return named{}, false
}
