package bootloader_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

// image is one disk that a cut may leave.
type image map[sectorKey]any

// images are the disks that a cut may leave now: each sector in any of its
// versions, whatever the others are, and data half written. All of them when
// there are at most limit; else the two ends, each sector alone on either side
// of them, and random ones.
func (f *fat) images(limit int, random *rand.Rand, yield func(image) bool) {
	keys := f.pending()
	options := make([][]any, len(keys))
	all := 1
	for n, key := range keys {
		options[n] = torn(f.sectors[key].versions)
		all = min(all*len(options[n]), limit+1)
	}
	pick := func(choose func(n int) int) bool {
		img := image{}
		for key, h := range f.sectors {
			img[key] = h.versions[0]
		}
		for n, key := range keys {
			img[key] = options[n][choose(n)]
		}
		return yield(img)
	}
	if all <= limit {
		count := make([]int, len(keys))
		for more := true; more; more = step(count, options) {
			if !pick(func(n int) int { return count[n] }) {
				return
			}
		}
		return
	}
	first, last := func(int) int { return 0 }, func(n int) int { return len(options[n]) - 1 }
	if !pick(first) || !pick(last) {
		return
	}
	for range limit - 2 {
		odd := random.IntN(len(keys))
		if !pick([]func(int) int{
			func(n int) int { return random.IntN(len(options[n])) },
			func(n int) int { return map[bool]int{true: last(n)}[n == odd] },
			func(n int) int { return map[bool]int{false: last(n)}[n == odd] },
		}[random.IntN(3)]) {
			return
		}
	}
}

// torn adds data of which only the first half was written; what a loader cares
// for in the others is in one sector, and a sector is written whole.
func torn(versions []any) []any {
	newest, ok := versions[len(versions)-1].(dataSector)
	if !ok {
		return versions
	}
	old, _ := versions[0].(dataSector)
	half := len(newest) / 2
	return slices.Insert(slices.Clone(versions), 1, any(newest[:half]+old[min(half, len(old)):]))
}

func step(count []int, options [][]any) bool {
	for n := range count {
		if count[n]++; count[n] < len(options[n]) {
			return true
		}
		count[n] = 0
	}
	return false
}

// leaf is a file as a reader of the disk finds it. Damaged: its chain ends
// before the file does.
type leaf struct {
	data    string
	start   int
	damaged bool
}

// tree lists the files of a disk by their paths, and its folders with a slash
// behind. A loader reads a folder up to its first unused slot (EDK II), Linux
// reads all.
func (img image) tree(loader bool) map[string]leaf {
	tree := map[string]leaf{}
	img.walk("", fatRoot, loader, tree)
	return tree
}

func (img image) walk(dir string, start int, loader bool, tree map[string]leaf) {
	chain, _ := img.chain(start)
	for _, e := range names(chain, func(c int) folderSector { s, _ := img[sectorKey{n: c}].(folderSector); return s }, loader) {
		if name := path.Join(dir, e.name); e.short.dir {
			tree[name+"/"] = leaf{}
			img.walk(name, e.short.start, loader, tree)
		} else {
			tree[name] = img.read(e.short)
		}
	}
}

func (img image) next(cluster int) int {
	t, _ := img[sectorKey{true, cluster / fatEntries}].(tableSector)
	return t[cluster%fatEntries]
}

// chain is false when it runs into a free cluster.
func (img image) chain(start int) ([]int, bool) {
	var list []int
	c := start
	for ; c > 0 && !slices.Contains(list, c); c = img.next(c) {
		list = append(list, c)
	}
	return list, c == fatEnd
}

// read does as the kernel does and asks the table only for the way on, so a file
// of one cluster is read though that is free.
func (img image) read(s slot) leaf {
	l := leaf{start: s.start}
	chain, _ := img.chain(s.start)
	var text strings.Builder
	for _, c := range chain {
		data, _ := img[sectorKey{n: c}].(dataSector)
		fmt.Fprintf(&text, "%-*s", fatCluster, string(data))
	}
	l.damaged = text.Len() < s.size
	l.data = text.String()[:min(s.size, text.Len())]
	return l
}

// mount makes a file system of the disk, after what fsck.fat -a does to chains
// that end too early. Files that share clusters stay as they are.
func (img image) mount() *fat {
	f := newFAT()
	for key, value := range img {
		f.sectors[key] = &history{versions: []any{value}}
	}
	f.ids = 1 << 20
	f.mend(f.root, img)
	f.syncAll()
	return f
}

func (f *fat) mend(dir *inode, img image) {
	chain, _ := img.chain(dir.start)
	for _, c := range chain {
		if _, ok := img[sectorKey{n: c}].(folderSector); !ok {
			f.set(sectorKey{n: c}, folderSector{}, nil)
		}
	}
	f.setTable(chain[len(chain)-1], fatEnd)
	for _, e := range f.list(dir) {
		i := f.inodeAt(e)
		if i.dir {
			f.mend(i, img)
			continue
		}
		chain, whole := img.chain(i.start)
		if i.start != 0 && img.next(i.start) == fatFree {
			i.start, i.size, chain = 0, 0, nil
		} else if i.start != 0 && !whole {
			f.setTable(chain[len(chain)-2], fatEnd)
			i.size = min(i.size, (len(chain)-1)*fatCluster)
		}
		i.size = min(i.size, len(chain)*fatCluster)
		i.dirty = true
	}
}
