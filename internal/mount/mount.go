// Package mount reads the kernel's table of mounts (/proc/self/mountinfo,
// proc_pid_mountinfo(5)), and mounts a partition for one program's own use.
package mount

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Point is one line of the table: one mount of one file system.
type Point struct {
	// ID and Parent number the mounts of this namespace; they are reused after
	// an unmount.
	ID, Parent int
	// Major and Minor are st_dev of the files on it. Two points that share them
	// show the same file system, whatever their Source says.
	Major, Minor uint32
	// Root is the folder of the file system that forms the root of this mount,
	// "/" unless it is a bind mount or a btrfs subvolume.
	Root string
	// Path is where it is mounted, as this process sees it.
	Path string
	// FSType is the type as the kernel names it ("vfat", "ext4", "autofs").
	FSType string
	// Source is whatever the file system calls its device.
	Source string
	// Options belong to this mount, SuperOptions to the file system: a mount can
	// be read-only although the file system is not, and the other way round.
	Options, SuperOptions []string
}

// Below is the path that a file has inside the file system, and "" if it does not
// lie below this mount point. Both paths are absolute and clean.
func (p Point) Below(path string) string {
	inside, ok := strings.CutPrefix(path, strings.TrimSuffix(p.Path, "/"))
	if !ok || inside != "" && inside[0] != '/' {
		return ""
	}
	return filepath.Join(p.Root, inside)
}

// Table reads a mountinfo table. The points keep the order of the table, in
// which a mount that covers another comes after it.
func Table(r io.Reader) ([]Point, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read mount table: %w", err)
	}
	var points []Point
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		point, err := parse(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("read mount table: line %d: %w", number, err)
		}
		points = append(points, point)
	}
	return points, nil
}

// Self is the table of the calling process.
func Self() ([]Point, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return Table(file)
}

// At is the mount that is visible exactly at path, false when path is no mount
// point. Of several mounts at one path the last one covers the others.
func At(points []Point, path string) (Point, bool) {
	path = filepath.Clean(path)
	for i := len(points) - 1; i >= 0; i-- {
		if points[i].Path == path {
			return points[i], true
		}
	}
	return Point{}, false
}

// Holding is the mount that path is on: the one at path itself or at the
// nearest folder above it. False only for an empty table or a relative path.
func Holding(points []Point, path string) (Point, bool) {
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		if point, ok := At(points, path); ok {
			return point, true
		}
		if path == filepath.Dir(path) {
			return Point{}, false
		}
	}
}

// parse reads one line: six fixed fields, any number of optional ones (peer
// groups), a lone hyphen, three more fields.
func parse(line string) (Point, error) {
	fields := strings.Split(line, " ")
	sep := 6
	for sep < len(fields) && fields[sep] != "-" {
		sep++
	}
	if len(fields) < sep+4 {
		return Point{}, fmt.Errorf("want 10 fields and a separator, got %q", line)
	}
	id, err1 := strconv.Atoi(fields[0])
	parent, err2 := strconv.Atoi(fields[1])
	major, minor, err3 := device(fields[2])
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return Point{}, err
		}
	}
	return Point{
		ID: id, Parent: parent, Major: major, Minor: minor,
		Root: unescape(fields[3]), Path: unescape(fields[4]), Options: options(fields[5]),
		FSType: unescape(fields[sep+1]), Source: unescape(fields[sep+2]), SuperOptions: options(fields[sep+3]),
	}, nil
}

func device(text string) (major, minor uint32, err error) {
	before, after, ok := strings.Cut(text, ":")
	if !ok {
		return 0, 0, fmt.Errorf("want major:minor, got %q", text)
	}
	high, err := strconv.ParseUint(before, 10, 32)
	if err != nil {
		return 0, 0, err
	}
	low, err := strconv.ParseUint(after, 10, 32)
	return uint32(high), uint32(low), err
}

// options splits before it unescapes: overlayfs escapes the commas of its own
// paths as \054 for exactly this reason.
func options(text string) []string {
	list := strings.Split(text, ",")
	for i := range list {
		list[i] = unescape(list[i])
	}
	return list
}

// unescape turns the kernel's \ooo (space, tab, newline, backslash, #, …) back
// into the byte. Anything else after a backslash stays as it is.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if b, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(b))
				i += 3
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
