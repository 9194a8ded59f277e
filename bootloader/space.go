package bootloader

import (
	"fmt"
	"path/filepath"
)

// slot is one entry of a FAT folder in bytes. A long name takes one for every
// 13 characters and one more.
const slot = 32

// fit sums up what the plan takes before it frees anything. If that is too much,
// rubbish goes first; if it still is, the plan fails before its first write.
func (d *draft) fit() error {
	if len(d.Steps) == 0 {
		return nil
	}
	if d.found.Space.ReadOnly {
		return &ReadOnlyError{Dir: d.found.Boot.Dir}
	}
	slots := uint64(0)
	for _, step := range d.Steps {
		switch step.Op {
		case OpFolder, OpMarker, OpCopy, OpEntry, OpConfig:
			d.Need += step.Bytes
			// Twice: the temporary name stands beside the final one.
			slots += 2 * slot * uint64(len(filepath.Base(step.Path))/13+2)
		}
	}
	// The two folders that files are added to may each have to grow.
	if slots > 0 {
		d.Need += d.round(slots) + d.round(1)
	}
	if d.Need <= d.Have {
		return nil
	}
	now, later := d.garbage()
	for _, step := range now {
		d.Have += step.Bytes
	}
	if d.Need > d.Have {
		return &SpaceError{Dir: d.found.Boot.Dir, Need: d.Need, Have: d.Have}
	}
	sync := Step{Op: OpSync, Path: d.found.Boot.Dir, Text: "write out " + d.found.Boot.Dir}
	d.Steps = append(append(now, sync), later...)
	return nil
}

// SpaceError says that $BOOT cannot take what it would have to. Nothing was
// written.
type SpaceError struct {
	Dir string
	// Need and Have are bytes in whole clusters. Have counts what can be freed
	// without taking an entry away.
	Need, Have uint64
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("write boot files to %s: need %s, have %s", e.Dir, size(e.Need), size(e.Have))
}

// Hint is what to do about it.
func (e *SpaceError) Hint() string {
	return fmt.Sprintf("free %s on %s: remove old states, keep fewer of them, or delete files of other systems there", size(e.Need-e.Have), e.Dir)
}

// ReadOnlyError says that $BOOT has to change and cannot.
type ReadOnlyError struct{ Dir string }

func (e *ReadOnlyError) Error() string {
	return fmt.Sprintf("write boot files to %s: read-only", e.Dir)
}

// Hint is what to do about it.
func (e *ReadOnlyError) Hint() string {
	return "the kernel does that to a damaged FAT: unmount it, run fsck.fat, mount it again"
}
