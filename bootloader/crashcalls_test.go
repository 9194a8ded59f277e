package bootloader_test

import (
	"path"
	"slices"
)

// The calls that change a fat. Paths are relative to its root.

func (f *fat) create(file string) *inode {
	_, dir := f.lookup(path.Dir(file))
	i := &inode{at: f.addEntry(dir, path.Base(file), slot{}), users: 1}
	f.inodes[i.at] = i
	f.background()
	return i
}

func (f *fat) mkdir(file string) {
	_, dir := f.lookup(path.Dir(file))
	c := f.allocate()
	f.set(sectorKey{n: c}, folderSector{}, dir)
	f.addEntry(dir, path.Base(file), slot{dir: true, start: c})
	f.background()
}

func (f *fat) write(i *inode, data string) {
	for len(data) > 0 {
		list := f.chain(i.start)
		if len(list)*fatCluster == i.size {
			list = append(list, f.grow(i))
		}
		c := list[i.size/fatCluster]
		n := min(len(data), fatCluster-i.size%fatCluster)
		old := ""
		if i.size%fatCluster > 0 {
			old = string(f.get(sectorKey{n: c}).(dataSector))[:i.size%fatCluster]
		}
		f.set(sectorKey{n: c}, dataSector(old+data[:n]), nil)
		i.size, i.dirty, data = i.size+n, true, data[n:]
		f.background()
	}
}

// rename is vfat_rename.
func (f *fat) rename(from, to string) {
	oldDir, i := f.lookup(from)
	newDir, target := f.lookup(to)
	old, _ := f.find(oldDir, path.Base(from))
	delete(f.inodes, i.at)
	if target != nil {
		delete(f.inodes, target.at)
		i.at, target.at, target.unlinked = target.at, place{}, true
	} else {
		i.at = f.addEntry(newDir, path.Base(to), slot{dir: i.dir})
	}
	f.inodes[i.at], i.dirty = i, true
	f.background()
	f.removeEntry(oldDir, old)
	f.background()
	if target != nil {
		f.evict(target)
	}
}

func (f *fat) unlink(file string) {
	dir, i := f.lookup(file)
	e, _ := f.find(dir, path.Base(file))
	f.removeEntry(dir, e)
	delete(f.inodes, i.at)
	i.at, i.unlinked = place{}, true
	f.evict(i)
	f.background()
}

func (f *fat) release(i *inode) {
	i.users--
	f.evict(i)
}

// evict frees the clusters of a file without a name when nobody has it open.
func (f *fat) evict(i *inode) {
	if !i.unlinked || i.users > 0 {
		return
	}
	for _, c := range f.chain(i.start) {
		f.setTable(c, fatFree)
	}
	i.start, i.size = 0, 0
}

// syncFile is fat_file_fsync of a file: its data, its own slot if that changed,
// the table.
func (f *fat) syncFile(i *inode) {
	for _, c := range f.chain(i.start) {
		f.durable(sectorKey{n: c})
	}
	f.syncInode(i)
}

// syncDir is fat_file_fsync of a folder: the sectors whose slots were added or
// removed, and so what else they hold; not those in which a file's start or size
// alone has changed.
func (f *fat) syncDir(dir string) {
	_, i := f.lookup(dir)
	for _, h := range f.sectors {
		if h.folder == i {
			h.durable()
		}
	}
	f.syncInode(i)
}

func (f *fat) syncInode(i *inode) {
	if i.dirty {
		f.writeInode(i)
		if i.at != (place{}) {
			f.durable(sectorKey{n: i.at.cluster})
		}
	}
	for key := range f.sectors {
		if key.table {
			f.durable(key)
		}
	}
}

// durable: a sector goes to the disk whole, whoever asked. It stays on the
// folder's list, which costs nothing.
func (f *fat) durable(key sectorKey) {
	if h := f.sectors[key]; h != nil {
		h.versions = []any{h.last()}
	}
}

func (f *fat) syncAll() {
	for _, i := range f.sorted() {
		if i.dirty {
			f.writeInode(i)
		}
	}
	for _, h := range f.sectors {
		h.durable()
	}
}

// pending lists the sectors that a cut may leave in more than one state.
func (f *fat) pending() []sectorKey {
	var keys []sectorKey
	for key, h := range f.sectors {
		if len(h.versions) > 1 {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b sectorKey) int {
		if a.table != b.table {
			return map[bool]int{true: -1, false: 1}[a.table]
		}
		return a.n - b.n
	})
	return keys
}
