package bootloader

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"moss/internal/atomicfile"
	"moss/internal/fault"
)

// Apply carries the steps out, in order, and stops at the first that fails.
// Every prefix of a plan leaves a menu in which each entry has its files, so
// nothing is undone: the next plan goes on from there.
func Apply(p Plan) error { return apply(p, fault.Point) }

func apply(p Plan, point func(string) error) error {
	for _, step := range p.Steps {
		if err := point("menu/" + string(step.Op)); err != nil {
			return err
		}
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.Text, err)
		}
	}
	return point("menu/done")
}

func (s Step) do() error {
	switch s.Op {
	case OpFolder:
		return makeFolder(s.Path)
	case OpCopy:
		return s.copy()
	case OpSync:
		return atomicfile.SyncFS(s.Path)
	case OpMarker, OpEntry, OpConfig:
		return atomicfile.Write(s.Path, s.Data, 0o644)
	case OpDrop, OpSweep:
		return remove(s.Path)
	}
	return fmt.Errorf("unknown step %q", s.Op)
}

func makeFolder(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// remove: what is gone already is no error, for systemd-bless-boot renames
// entries whenever it likes. The next plan sees the new name.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// copy never lets a file appear under a name that its content does not have.
func (s Step) copy() error {
	file, err := os.Open(s.Source)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = atomicfile.WriteFrom(s.Path, &checker{file: file, sum: sha256.New(), want: s.Content.Hash}, 0o644)
	return err
}

// checker passes a file through and turns its end into an error when the content
// is not the wanted one: the writer renames only after a clean end.
type checker struct {
	file io.Reader
	sum  hash.Hash
	want string
}

func (c *checker) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	c.sum.Write(p[:n])
	if err == io.EOF {
		if got := hex.EncodeToString(c.sum.Sum(nil)); got != c.want {
			return n, fmt.Errorf("content changed: got hash %s, want %s", got, c.want)
		}
	}
	return n, err
}
