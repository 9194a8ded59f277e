package bootloader

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader/bls"
)

// after is $BOOT as the steps leave it, which take used bytes more.
func (f Found) after(steps []Step, used int64) Found {
	f.Ours, f.Absent = slices.Clone(f.Ours), slices.Clone(f.Absent)
	f.Files, f.Stale = maps.Clone(f.Files), maps.Clone(f.Stale)
	f.Space.Free = uint64(max(int64(f.Space.Free)-used, 0))
	for _, step := range steps {
		switch step.Op {
		case OpFolder:
			f.Absent = without(f.Absent, func(dir string) bool { return dir == step.Path })
		case OpMarker:
			f.Layout = strings.TrimSpace(string(step.Data))
		case OpConfig:
			f.ConfigText = step.Data
		case OpCopy:
			f.Files[step.Path] = step.Content
		case OpSweep:
			delete(f.Files, step.Path)
			delete(f.Stale, step.Path)
		case OpEntry:
			f.forget(step.Path)
			raw := bls.Raw{File: filepath.Base(step.Path), Data: step.Data}
			raw.Entry, raw.Err = bls.Parse(raw.File, raw.Data)
			own, _ := f.own(raw)
			f.Ours = append(f.Ours, own)
		case OpDrop:
			f.forget(step.Path)
		}
	}
	return f
}

func (f *Found) forget(path string) {
	f.Ours = without(f.Ours, func(o Own) bool { return o.File == filepath.Base(path) })
}
