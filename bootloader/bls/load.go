package bls

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Lookup finds a file of a partition by its path from the partition's root,
// without regard to case, as FAT does. It returns the path that opens it and
// whether it exists.
type Lookup func(path string) (string, bool)

// maxEntry bounds what is read of one file. Entries have a few hundred bytes;
// something huge with the right suffix must not fill the memory.
const maxEntry = 1 << 20

// Raw is one file of loader/entries that the loader looks at.
type Raw struct {
	// File is its name, Data its content.
	File string
	Data []byte
	// Entry is what Parse made of it, Err why it made nothing.
	Entry Entry
	Err   error
}

// Load reads loader/entries of a partition, sorted by file name. Names that the
// loader skips are left out; a file it makes no entry of is listed with its Err.
// Entry.Hidden and Entry.Missing are filled in. A partition without the folder
// has no entries.
func Load(find Lookup) ([]Raw, error) {
	folder, _ := find("loader/entries")
	names, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var raws []Raw
	for _, name := range names {
		if _, ok := ParseName(name.Name()); ok && !name.IsDir() {
			raws = append(raws, load(filepath.Join(folder, name.Name()), find))
		}
	}
	return raws, nil
}

func load(path string, find Lookup) Raw {
	raw := Raw{File: filepath.Base(path)}
	raw.Data, raw.Err = readSmall(path)
	if raw.Err == nil {
		raw.Entry, raw.Err = Parse(raw.File, raw.Data)
	}
	if raw.Err == nil {
		raw.Entry.inspect(find)
	}
	return raw
}

func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxEntry {
		return nil, fmt.Errorf("read entry %s: not a file of at most %d bytes", path, maxEntry)
	}
	return os.ReadFile(path)
}

// inspect looks for the files of the entry, as far as the loader looks itself
// when it builds the menu (the program) and beyond (the rest).
func (e *Entry) inspect(find Lookup) {
	for i, file := range e.Files() {
		if _, ok := find(file); ok {
			continue
		}
		if i == 0 {
			e.Hidden = "no file " + file
		} else {
			e.Missing = append(e.Missing, file)
		}
	}
	if e.Hidden == "" && e.Architecture != "" && !strings.EqualFold(e.Architecture, machine()) {
		e.Hidden = "for architecture " + e.Architecture
	}
}
