package image

import (
	"bytes"
	"fmt"
)

// entry is one path of the image. Files are read when they are written, so that
// no more than one module is in memory.
type entry struct {
	name   string // no leading slash
	mode   uint64 // st_mode
	target string // of a symlink
	major  uint64 // of a device
	minor  uint64
	source string                 // of a file that comes as it is: where from
	read   func() ([]byte, error) // of a file
}

// skeleton is the tree that PID 1 finds: mount points, and a console for the
// kernel to open before anything is mounted (without it init has no stderr).
func skeleton() []entry {
	return []entry{
		dir("dev", 0o755), dir("proc", 0o755), dir("sys", 0o755), dir("run", 0o755),
		dir("sysroot", 0o755), dir("tmp", 0o1777),
		{name: "dev/console", mode: modeChar | 0o600, major: 5, minor: 1},
		// When the kernel finds no console it starts init with no files open; the
		// Go runtime then opens this one before main, and aborts without it.
		{name: "dev/null", mode: modeChar | 0o666, major: 1, minor: 3},
		{name: "lib", mode: modeLink | 0o777, target: "usr/lib"},
	}
}

func dir(name string, perm uint64) entry { return entry{name: name, mode: modeDir | perm} }

func file(name string, perm uint64, data []byte) entry {
	return entry{name: name, mode: modeFile | perm, read: func() ([]byte, error) { return data, nil }}
}

// readModule reads a module and undoes its compression.
func readModule(source string) ([]byte, error) {
	data, err := readDecompressed(source)
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", source, err)
	}
	if !bytes.HasPrefix(data, []byte("\x7fELF")) {
		return nil, fmt.Errorf("read module %s: not an ELF file", source)
	}
	return data, nil
}
