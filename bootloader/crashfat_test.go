package bootloader_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// This is fs/fat of Linux 6.1 as far as a power cut can see it: what a call
// changes in memory, and which of it a later sync makes durable. Sectors are
// smaller than real ones, so that names and chains cross their borders often.
const (
	fatCluster = 256 // one sector each, of a folder or of a file
	fatSlots   = fatCluster / 32
	fatEntries = 16 // of the allocation table in one sector

	fatFree, fatEnd = 0, -1
	fatRoot         = 2
)

// slot is one of the 32-byte slots of a folder: a piece of a long name, or the
// short name with everything else. The zero slot was never used; a loader reads
// no further than that.
type slot struct {
	used, gone bool
	id         int // what the checksum in the slots of a long name is for
	piece      string
	order      int  // pieces count down to 1; 0 is the short name
	first      bool // of the pieces, the highest order
	alias      string
	dir        bool
	start      int
	size       int
}

// The three kinds of sectors are values, so that a version is a copy.
type (
	folderSector [fatSlots]slot
	tableSector  [fatEntries]int
	dataSector   string
)

type sectorKey struct {
	table bool
	n     int
}

// history is what a sector holds in memory, last, and what it may hold on the
// disk: the first, which is durable, or anything since.
type history struct {
	versions []any
	// folder is whose fsync writes the sector (mark_buffer_dirty_inode).
	folder *inode
}

func (h *history) last() any { return h.versions[len(h.versions)-1] }

func (h *history) durable() { h.versions, h.folder = []any{h.last()}, nil }

type place struct{ cluster, index int }

type inode struct {
	at          place // zero: without a name, or the root
	dir, dirty  bool
	start, size int
	users       int
	unlinked    bool
}

type fat struct {
	sectors map[sectorKey]*history
	inodes  map[place]*inode
	root    *inode
	ids     int
	// writeback is asked after every change whether the kernel writes out the
	// folder entries of changed files by itself just now.
	writeback func() bool
}

func newFAT() *fat {
	f := &fat{sectors: map[sectorKey]*history{}, inodes: map[place]*inode{}, root: &inode{dir: true, start: fatRoot}, writeback: func() bool { return false }}
	f.setTable(fatRoot, fatEnd)
	f.set(sectorKey{n: fatRoot}, folderSector{}, nil)
	f.syncAll()
	return f
}

func (f *fat) set(key sectorKey, value any, folder *inode) {
	h := f.sectors[key]
	if h == nil {
		h = &history{versions: []any{nil}}
		f.sectors[key] = h
	}
	h.versions = append(h.versions, value)
	if folder != nil {
		h.folder = folder
	}
}

func (f *fat) get(key sectorKey) any {
	if h := f.sectors[key]; h != nil {
		return h.last()
	}
	return nil
}

func (f *fat) table(cluster int) int {
	t, _ := f.get(sectorKey{true, cluster / fatEntries}).(tableSector)
	return t[cluster%fatEntries]
}

func (f *fat) setTable(cluster, next int) {
	key := sectorKey{true, cluster / fatEntries}
	t, _ := f.get(key).(tableSector)
	t[cluster%fatEntries] = next
	f.set(key, t, nil)
}

// allocate takes the first free cluster: what was freed is used again at once.
func (f *fat) allocate() int {
	for c := fatRoot; ; c++ {
		if f.table(c) == fatFree {
			f.setTable(c, fatEnd)
			return c
		}
	}
}

func (f *fat) chain(start int) []int {
	var list []int
	for c := start; c > 0; c = f.table(c) {
		list = append(list, c)
	}
	return list
}

func (f *fat) grow(i *inode) int {
	c := f.allocate()
	if list := f.chain(i.start); len(list) > 0 {
		f.setTable(list[len(list)-1], c)
	} else {
		i.start, i.dirty = c, true
	}
	return c
}

func (f *fat) folderAt(cluster int) folderSector {
	s, _ := f.get(sectorKey{n: cluster}).(folderSector)
	return s
}

// entry is one name of a folder: the places of its slots, the short one last.
type entry struct {
	name  string
	at    []place
	short slot
}

// names lists a folder. A name whose pieces are not all there is the short one.
func names(chain []int, read func(int) folderSector, stop bool) []entry {
	var list []entry
	var e entry
	next := 0 // the order of the piece that would go on with e
	for _, c := range chain {
		for n, s := range read(c) {
			switch here := (place{c, n}); {
			case !s.used && !s.gone && stop:
				return list
			case !s.used || s.order > 0 && !s.first && (next == 0 || s.order != next || s.id != e.short.id):
				e, next = entry{}, 0
			case s.first:
				e, next = entry{s.piece, []place{here}, s}, s.order-1
			case s.order > 0:
				e, next = entry{s.piece + e.name, append(e.at, here), s}, s.order-1
			case len(e.at) > 0 && next == 0 && s.id == e.short.id:
				list = append(list, entry{e.name, append(e.at, here), s})
				e = entry{}
			default:
				list = append(list, entry{s.alias, []place{here}, s})
				e, next = entry{}, 0
			}
		}
	}
	return list
}

func (f *fat) list(dir *inode) []entry { return names(f.chain(dir.start), f.folderAt, false) }

func (f *fat) find(dir *inode, name string) (entry, bool) {
	list := f.list(dir)
	if i := slices.IndexFunc(list, func(e entry) bool { return strings.EqualFold(e.name, name) }); i >= 0 {
		return list[i], true
	}
	return entry{}, false
}

// lookup walks a path, relative to the root, to its folder and its inode.
func (f *fat) lookup(file string) (dir, i *inode) {
	dir, i = nil, f.root
	for _, part := range strings.Split(path.Clean(file), "/") {
		if part == "." {
			break
		}
		if dir = i; dir == nil {
			return nil, nil
		}
		i = nil
		if e, ok := f.find(dir, part); ok {
			i = f.inodeAt(e)
		}
	}
	return dir, i
}

func (f *fat) inodeAt(e entry) *inode {
	at := e.at[len(e.at)-1]
	if f.inodes[at] == nil {
		f.inodes[at] = &inode{at: at, dir: e.short.dir, start: e.short.start, size: e.short.size}
	}
	return f.inodes[at]
}

func (f *fat) setSlot(at place, s slot, folder *inode) {
	sector := f.folderAt(at.cluster)
	sector[at.index] = s
	f.set(sectorKey{n: at.cluster}, sector, folder)
}

// addEntry is fat_add_entries: the first run of free slots that is long enough.
func (f *fat) addEntry(dir *inode, name string, s slot) place {
	f.ids++
	s.used, s.id, s.alias = true, f.ids, alias(name, f.ids)
	slots := []slot{s}
	for n := 0; n*13 < len(name); n++ {
		slots = append([]slot{{used: true, id: s.id, order: n + 1, first: (n+1)*13 >= len(name), piece: name[n*13 : min(len(name), n*13+13)]}}, slots...)
	}
	var run []place
	for _, c := range f.chain(dir.start) {
		for n, s := range f.folderAt(c) {
			if s.used {
				run = nil
			} else if len(run) < len(slots) {
				run = append(run, place{c, n})
			}
		}
	}
	for len(run) < len(slots) {
		c := f.allocate()
		f.set(sectorKey{n: c}, folderSector{}, dir)
		list := f.chain(dir.start)
		f.setTable(list[len(list)-1], c)
		for n := range fatSlots {
			run = append(run, place{c, n})
		}
	}
	for n, s := range slots {
		f.setSlot(run[n], s, dir)
	}
	return run[len(slots)-1]
}

func alias(name string, id int) string {
	clean := strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '.' || r == '+' || r == '-' {
			return -1
		}
		return r
	}, strings.TrimSuffix(name, path.Ext(name))))
	return fmt.Sprintf("%s~%d%s", clean[:min(6, len(clean))], id, strings.ToUpper(path.Ext(name)[:min(4, len(path.Ext(name)))]))
}

// removeEntry is fat_remove_entries: the sector of the short name first.
func (f *fat) removeEntry(dir *inode, e entry) {
	for _, at := range slices.Backward(e.at) {
		f.setSlot(at, slot{gone: true}, dir)
	}
}

// writeInode is fat_write_inode: start and size go to the short name.
func (f *fat) writeInode(i *inode) {
	i.dirty = false
	if i.at == (place{}) {
		return
	}
	s := f.folderAt(i.at.cluster)[i.at.index]
	s.start, s.size = i.start, i.size
	f.setSlot(i.at, s, nil)
}

// background is the kernel's own write-out of changed inodes. It does not wait,
// and it leaves the inode clean: an fsync after it has nothing to write.
func (f *fat) background() {
	for _, i := range f.sorted() {
		if i.dirty && f.writeback() {
			f.writeInode(i)
		}
	}
}

func (f *fat) sorted() []*inode {
	var list []*inode
	for _, i := range f.inodes {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b *inode) int { return (a.at.cluster-b.at.cluster)*fatSlots + a.at.index - b.at.index })
	return list
}
