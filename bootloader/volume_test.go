package bootloader_test

import (
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"

	"moss/bootloader"
)

// volume is a FAT that knows nothing but space: clusters of files, and slots of
// folders, of which the first gap that is long enough is taken and none is ever
// given back.
type volume struct {
	root    string
	cluster int
	random  *rand.Rand
	files   map[string]int
	folders map[string]*slots
	// used and peak are clusters.
	used, peak int
}

type slots struct {
	taken []bool
	names map[string][2]int
}

// volumeOf is the partition that the rig's folder stands for; its folders have
// gaps that deleted names left.
func volumeOf(r rig, cluster int, random *rand.Rand) *volume {
	v := &volume{root: r.boot.Dir, cluster: cluster, random: random, files: map[string]int{}, folders: map[string]*slots{}}
	var gaps []string
	err := filepath.WalkDir(v.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != v.root {
			for range random.IntN(3) {
				gaps = append(gaps, path+strings.Repeat("x", random.IntN(40))+strconv.Itoa(len(gaps)))
				v.enter(gaps[len(gaps)-1])
			}
			v.enter(path)
		}
		if entry.IsDir() {
			v.mkdir(path)
			return nil
		}
		info, err := entry.Info()
		v.files[path] = v.clusters(int(info.Size()))
		v.used += v.files[path]
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, gap := range gaps {
		v.leave(gap)
	}
	v.peak = v.used
	return v
}

func (v *volume) clusters(size int) int { return (size + v.cluster - 1) / v.cluster }

func (v *volume) mkdir(path string) {
	v.folders[path] = &slots{taken: []bool{true, true}, names: map[string][2]int{}}
	v.used++
}

// enter puts a name into its folder.
func (v *volume) enter(path string) {
	f, name := v.folders[filepath.Dir(path)], filepath.Base(path)
	before, n := v.clusters(32*len(f.taken)), 1+(len(name)+12)/13
	start, run := 0, 0
	for i, taken := range f.taken {
		if run++; taken {
			start, run = i+1, 0
		}
		if run == n {
			break
		}
	}
	for len(f.taken) < start+n {
		f.taken = append(f.taken, false)
	}
	for i := range n {
		f.taken[start+i] = true
	}
	f.names[name] = [2]int{start, n}
	v.used += v.clusters(32*len(f.taken)) - before
}

func (v *volume) leave(path string) {
	f, name := v.folders[filepath.Dir(path)], filepath.Base(path)
	for i := range f.names[name][1] {
		f.taken[f.names[name][0]+i] = false
	}
	delete(f.names, name)
}

// take does what a step does, in the order in which the disk sees it.
func (v *volume) take(step bootloader.Step) {
	defer func() { v.peak = max(v.peak, v.used) }()
	switch step.Op {
	case bootloader.OpFolder:
		v.enter(step.Path)
		v.mkdir(step.Path)
	case bootloader.OpMarker, bootloader.OpConfig, bootloader.OpEntry:
		v.put(step.Path, len(step.Data))
	case bootloader.OpCopy:
		v.put(step.Path, int(step.Content.Size))
	case bootloader.OpDrop, bootloader.OpSweep:
		if _, there := v.files[step.Path]; there {
			v.leave(step.Path)
			v.used -= v.files[step.Path]
			delete(v.files, step.Path)
		}
	}
}

func (v *volume) put(path string, size int) {
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp-"+strconv.FormatUint(uint64(v.random.Uint32()>>v.random.IntN(30)), 10))
	v.enter(temp)
	v.used += v.clusters(size)
	old, there := v.files[path]
	if !there {
		v.enter(path)
	}
	v.peak = max(v.peak, v.used)
	v.leave(temp)
	v.used -= old
	v.files[path] = v.clusters(size)
}
