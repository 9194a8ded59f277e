package activate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"moss/internal/heapsort"
)

// ID is the number of a state, at least 1.
type ID uint64

// ErrUnsealed is returned for a tree without a valid .stateID: one that was
// never finished, or that is being reused. Nothing may boot it.
var ErrUnsealed = errors.New("tree is not sealed: no valid .stateID")

// sealName is the file that seals a tree; AerynOS' moss writes the same.
const sealName = ".stateID"

// longestID is the number of digits of the largest uint64.
const longestID = 20

// ParseID reads a decimal number of at least 1, without sign, blanks or leading
// zeros: one state has one spelling, so that a folder's name can be compared
// with a tree's seal as text.
func ParseID(text string) (ID, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 || ID(n).String() != text {
		return 0, fmt.Errorf("%s is not a state number", Show(text))
	}
	return ID(n), nil
}

// String is the decimal number.
func (id ID) String() string { return strconv.FormatUint(uint64(id), 10) }

// NewestFirst sorts by number, the highest first.
func NewestFirst(ids []ID) {
	heapsort.Sort(len(ids), func(i, j int) bool { return ids[i] > ids[j] }, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
}

// LiveID reads which state the tree usr says it is. The error is ErrUnsealed
// when usr or its .stateID is missing or malformed, and anything else (such as
// EIO) when that could not be found out.
func LiveID(usr string) (ID, error) {
	path := filepath.Join(usr, sealName)
	text, err := readSeal(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return 0, fmt.Errorf("%s: %w", usr, ErrUnsealed)
	}
	if err != nil {
		return 0, err
	}
	id, err := ParseID(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", usr, ErrUnsealed)
	}
	return id, nil
}

// readSeal never follows a link nor waits on a fifo: the tree may be hostile
// and the reader may be PID 1.
func readSeal(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, longestID+1))
	return string(text), err
}
