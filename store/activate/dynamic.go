package activate

import (
	"errors"
	"slices"
)

// dynamic is the part of an ELF file's dynamic section that decides which other
// files are needed and where they are searched.
type dynamic struct {
	needed         []string
	soname         string
	rpath, runpath string
	noDefault      bool // DF_1_NODEFLIB: the default folders are not searched
	size           int  // bytes of all names
}

// Tags of the dynamic section (System V ABI, chapter 5, and glibc's elf.h).
const (
	tagNull    = 0
	tagNeeded  = 1
	tagStrings = 5
	tagSoname  = 14
	tagRpath   = 15
	tagRunpath = 29
	tagFlags1  = 0x6ffffffb

	flagNoDefault = 0x800

	// maxDynamic bounds the entries read; the largest programs have hundreds.
	maxDynamic = 4096
	// maxNames bounds the bytes of all names of one file: entries may share one.
	maxNames = 64 << 10
)

type entry struct{ tag, value uint64 }

// read follows the section as the dynamic loader does: from its address in
// memory through the loaded segments, up to DT_NULL. The size in its program
// header and every section header are ignored there and here.
func (d *dynamic) read(file *elfFile, loads []segment, at uint64) error {
	entries, err := dynamicEntries(file, loads, at)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(entries, func(e entry) bool { return e.tag == tagStrings })
	if i < 0 {
		return nil
	}
	table, room, ok := locate(loads, entries[i].value)
	if !ok {
		return errors.New("has its names outside every segment")
	}
	for _, e := range entries {
		if err := d.take(file, e, table, room); err != nil {
			return err
		}
	}
	return nil
}

func (d *dynamic) take(file *elfFile, e entry, table, room uint64) error {
	if e.tag == tagFlags1 {
		d.noDefault = e.value&flagNoDefault != 0
	}
	if !slices.Contains([]uint64{tagNeeded, tagSoname, tagRpath, tagRunpath}, e.tag) {
		return nil
	}
	if e.value >= room {
		return errors.New("has a name outside its segment")
	}
	name, err := file.text(table+e.value, room-e.value)
	if err != nil {
		return err
	}
	if d.size += len(name); d.size > maxNames {
		return errors.New("names more libraries than can be")
	}
	switch e.tag {
	case tagNeeded:
		d.needed = append(d.needed, name)
	case tagSoname:
		d.soname = name
	case tagRpath:
		d.rpath = name
	case tagRunpath:
		d.runpath = name
	}
	return nil
}

func dynamicEntries(file *elfFile, loads []segment, at uint64) ([]entry, error) {
	const size = 16
	off, room, ok := locate(loads, at)
	if !ok {
		return nil, errors.New("has its dynamic section outside every segment")
	}
	buf, err := file.bytes(off, min(room, maxDynamic*size))
	if err != nil {
		return nil, err
	}
	var entries []entry
	for ; len(buf) >= size; buf = buf[size:] {
		e := entry{file.order.Uint64(buf), file.order.Uint64(buf[8:])}
		if e.tag == tagNull {
			return entries, nil
		}
		entries = append(entries, e)
	}
	return nil, errors.New("has a dynamic section without an end")
}

// locate turns an address into a place in the file and the bytes from there to
// the end of its segment.
func locate(loads []segment, addr uint64) (off, room uint64, ok bool) {
	for _, s := range loads {
		if addr >= s.vaddr && addr-s.vaddr < s.filesz {
			return s.off + addr - s.vaddr, s.filesz - (addr - s.vaddr), true
		}
	}
	return 0, 0, false
}
