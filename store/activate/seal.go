package activate

import (
	"path/filepath"

	"moss/internal/atomicfile"
)

// Seal writes who a tree is. Everything else in the tree must be on stable
// storage before: a tree with a seal is believed to be whole. When Seal returns
// nil the seal survives a power cut.
func Seal(usr string, id ID) error {
	return atomicfile.Write(filepath.Join(usr, sealName), []byte(id.String()), 0o644)
}
