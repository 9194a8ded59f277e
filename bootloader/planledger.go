package bootloader

import (
	"path/filepath"
	"strings"
)

// slot is one entry of a FAT folder in bytes. A long name takes one for every
// 13 characters and one more.
const slot = 32

func slots(name string) uint64 { return uint64((len(name)+12)/13 + 1) }

// tempName is the longest name of a file that is being written (see tempForm).
func tempName(name string) string { return "." + name + ".tmp-4294967295" }

// ledger follows the space that a plan takes, step by step, in whole clusters.
type ledger struct {
	round func(uint64) uint64
	boot  string
	// sizes has what each file that a step touches takes on disk.
	sizes map[string]uint64
	grown map[string]*growth
	// used is what is taken more than at the start, peak its highest value and
	// low its lowest before the first file came.
	used, peak, low int64
	written         bool
}

// growth bounds how far a folder grows.
type growth struct {
	slots, taken uint64
	temps        map[uint64]bool
}

func (d *draft) account() ledger {
	l := ledger{round: d.round, boot: d.found.Boot.Dir, sizes: map[string]uint64{}, grown: map[string]*growth{}}
	for _, own := range d.found.Ours {
		l.sizes[d.entryPath(own.File)] = d.round(uint64(len(own.Data)))
	}
	for _, files := range []Contents{d.found.Files, d.found.Stale} {
		for path, content := range files {
			l.sizes[path] = d.round(content.Size)
		}
	}
	l.sizes[d.found.Config] = d.round(uint64(len(d.found.ConfigText)))
	for _, step := range d.Steps {
		l.take(step)
	}
	return l
}

func (l *ledger) take(step Step) {
	if step.Op == OpSync || !strings.HasPrefix(step.Path, l.boot+"/") {
		return
	}
	old, there := l.sizes[step.Path]
	switch step.Op {
	case OpDrop, OpSweep:
		l.used -= int64(old)
		delete(l.sizes, step.Path)
		if !l.written {
			l.low = min(l.low, l.used)
		}
		return
	case OpFolder:
		l.folder(filepath.Dir(step.Path)).slots += slots(filepath.Base(step.Path))
		l.grown[step.Path] = &growth{slots: 2, taken: l.round(1), temps: map[uint64]bool{}} // "." and ".."
	default:
		l.name(step.Path, there)
	}
	l.written = true
	l.grow(filepath.Dir(step.Path))
	l.used += int64(step.Bytes)
	l.peak = max(l.peak, l.used)
	if step.Op != OpFolder {
		l.used -= int64(old) // at the rename the old one goes
		l.sizes[step.Path] = step.Bytes
	}
}

func (l *ledger) folder(dir string) *growth {
	if l.grown[dir] == nil {
		l.grown[dir] = &growth{temps: map[uint64]bool{}}
	}
	return l.grown[dir]
}

// name counts the slots of a file that is written under a temporary name and
// renamed. FAT takes the first gap that is long enough, and nobody tells which
// gaps there are. The place of a temporary name is free again afterwards, so of
// each length one is needed, and one of a random number with a digit less; a new
// name may fill such a gap and make the next temporary one look for another.
func (l *ledger) name(path string, there bool) {
	f, temp := l.folder(filepath.Dir(path)), slots(tempName(filepath.Base(path)))
	if !f.temps[temp] {
		f.temps[temp] = true
		f.slots += 2 * temp
	}
	if !there {
		f.slots += temp
	}
}

// grow takes the clusters that the slots of a folder need by now. A folder never
// shrinks.
func (l *ledger) grow(dir string) {
	f := l.folder(dir)
	if need := l.round(f.slots * slot); need > f.taken {
		l.used += int64(need - f.taken)
		f.taken = need
	}
}
