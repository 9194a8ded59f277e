package esp

import (
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Fold finds the file that rel names below dir, without regard to case, as FAT
// and the loader do. It returns the path as it is on disk; the part that does
// not exist keeps the spelling of rel. The second value says whether all of it
// exists. Dots in rel do not lead out of dir.
func Fold(dir, rel string) (string, bool) {
	found := true
	for name := range strings.SplitSeq(strings.TrimPrefix(path.Clean("/"+rel), "/"), "/") {
		if name == "" {
			break
		}
		if found {
			name, found = foldName(dir, name)
		}
		dir = filepath.Join(dir, name)
	}
	return dir, found
}

func foldName(dir, name string) (string, bool) {
	if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
		return name, true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return name, false
	}
	for _, entry := range entries {
		if strings.EqualFold(entry.Name(), name) {
			return entry.Name(), true
		}
	}
	return name, false
}
