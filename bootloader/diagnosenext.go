package bootloader

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// another is the menu after an update that brings one more kernel, as large as
// the largest of the newest state but with other content, and how large that is.
func (w Want) another() (Want, uint64) {
	states := w.kept()
	if len(states) == 0 {
		return w, 0
	}
	s, largest, bytes := states[0], Kernel{}, uint64(0)
	for _, k := range s.Kernels {
		if n := w.bytes(k); n > bytes {
			largest, bytes = k, n
		}
	}
	w.Contents = maps.Clone(w.Contents)
	k := Kernel{Version: largest.Version, Image: w.other(largest.Image), Cmdline: largest.Cmdline}
	for _, initrd := range largest.Initrds {
		k.Initrds = append(k.Initrds, w.other(initrd))
	}
	s.ID, s.Kernels, s.Pinned = newest(w.States)+1, []Kernel{k}, false
	w.States, w.Default, w.TakeDefault = append(slices.Clone(w.States), s), 0, false
	return w, bytes
}

func newest(states []State) (id uint64) {
	for _, s := range states {
		id = max(id, s.ID)
	}
	return id
}

func (w Want) bytes(k Kernel) (sum uint64) {
	for _, path := range append([]string{k.Image}, k.Initrds...) {
		sum += w.Contents[path].Size
	}
	return sum
}

// other invents a file of the same size.
func (w Want) other(path string) string {
	content := w.Contents[path]
	path += "\x00" // no file has such a name
	w.Contents[path] = Content{Hash: strings.Repeat(fmt.Sprintf("%032x", len(w.Contents)), 2), Size: content.Size}
	return path
}

// Trusting takes the files of ours that have the size that they should for what
// their names say, so that a plan can be made without reading them.
func (f Found) Trusting(c Contents) Found {
	if f.hashed {
		return f
	}
	known := map[string]Content{}
	for _, content := range c {
		if len(content.Hash) == 64 {
			known[content.Hash[:32]] = content
		}
	}
	f.Files, f.hashed = maps.Clone(f.Files), true
	for path, content := range f.Files {
		name := strings.ToLower(filepath.Base(path))[:32]
		content.Hash = name
		if want, ok := known[name]; ok && want.Size == content.Size {
			content = want
		} else if ok || content.Size == 0 {
			content.Hash = "" // it is not what it says
		}
		f.Files[path] = content
	}
	return f
}
