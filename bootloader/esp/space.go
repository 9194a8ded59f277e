package esp

import (
	"golang.org/x/sys/unix"
	"io/fs"
)

// Space is how much a file system has left.
type Space struct {
	// Free and Total are bytes. Free is what a process may use; on FAT the
	// counter can lag behind deletions until the next sync.
	Free, Total uint64
	// Cluster is the unit of allocation in bytes: every file takes a whole
	// number of them.
	Cluster uint64
	// ReadOnly is set after "mount -o ro" and after the kernel found the file
	// system damaged (vfat's errors=remount-ro, its default).
	ReadOnly bool
}

// Measure asks the file system that holds dir (statfs(2)).
func Measure(dir string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Space{}, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	// vfat reports its cluster as f_bsize; others have the real unit in
	// f_frsize, and 1 keeps a division by zero out of a file system without any.
	unit := max(uint64(st.Bsize), uint64(st.Frsize), 1)
	return Space{
		Free:     st.Bavail * uint64(st.Bsize),
		Total:    st.Blocks * uint64(st.Bsize),
		Cluster:  unit,
		ReadOnly: st.Flags&unix.ST_RDONLY != 0,
	}, nil
}

// Round is the space that a file of size bytes takes.
func (s Space) Round(size uint64) uint64 {
	unit := max(s.Cluster, 1)
	return (size + unit - 1) / unit * unit
}
