package usrmerge

// Options says which root is merged and how.
type Options struct {
	// Root is where the system's root lies, an absolute path: "/" on a running
	// system, the mounted root in early boot.
	Root string
	// Dirs are the top folders to merge, by name; nil means bin, sbin, lib, lib32
	// and lib64. "usr/sbin" is the one that lies deeper: it goes into usr/bin.
	Dirs []string
	// Orphans is the folder for what /usr has differently, below the root; ""
	// means DefaultOrphans.
	Orphans string
	// Depmod makes the module indexes of a kernel version anew after the merge.
	// nil leaves them as they were in the old place; an error is noted in the
	// result and stops nothing.
	Depmod func(version string) error
	// Program is who merges, with its version, for the report; "" is moss-init,
	// which does not know its own: that would make PID 1 larger by 20 kB.
	Program string
	// Progress hears how far it is: at the beginning of each phase, and then at
	// most every 50 ms. nil if nobody listens.
	Progress func(Progress)
}

// DefaultOrphans is where conflicting files go, below the root.
const DefaultOrphans = "var/lib/moss/usr-merge/orphans"

// Progress is how far a merge is. Total is 0 when it is not known.
type Progress struct {
	Phase string
	Done  int
	Total int
}

// DefaultDirs are the folders that are merged when nothing else is said.
func DefaultDirs() []string { return []string{"bin", "sbin", "lib", "lib32", "lib64"} }
