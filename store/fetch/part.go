package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
)

const (
	partSuffix = ".part"
	// note names the extended attribute in which a part says what it is of. An
	// attribute and not a second file: it goes when the part goes. A file
	// system without them only loses the memory, and begins again.
	note = "user.moss.download"
	// chunk is how much is read at once, and the grain of progress.
	chunk = 128 << 10
)

// part is a file on its way: what of it is here, and the hash of that.
type part struct {
	file      *os.File
	path      string
	size      int64
	sum       hash.Hash
	validator string // strong ETag or Last-Modified that the bytes came with
	identity  string // which file this is a part of
	resumed   bool   // the bytes came in more than one piece
	over      bool   // published or dropped
}

// openPart opens the part of file and keeps what is in it if it is of the very
// same file. One process at a time: the lock is the file's.
func openPart(ctx context.Context, file File) (*part, error) {
	if err := os.MkdirAll(filepath.Dir(file.Path), 0o755); err != nil {
		return nil, local(file.Path, err)
	}
	p := &part{path: file.Path + partSuffix, sum: sha256.New(),
		identity: fmt.Sprintf("1\n%s\n%d\n%s\n", redacted(file.URL), file.Size, file.SHA256)}
	for p.file == nil {
		if err := p.lock(); err != nil {
			return nil, err
		}
	}
	kept, err := p.recall(ctx, file)
	if err == nil && !kept {
		err = p.reset()
	}
	if err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	return p, nil
}

// lock opens the part. It leaves p.file nil when the name went to another file
// between open and flock, which is what a process does that just finished it.
func (p *part) lock() error {
	f, err := os.OpenFile(p.path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return local(p.path, err)
	}
	held, err := f.Stat()
	if err == nil && !held.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file: remove it", p.path)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(&BusyError{p.path}, f.Close())
	}
	named, err := os.Lstat(p.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(held, named) {
		return f.Close()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	p.file = f
	return nil
}

// recall takes over what an earlier run left. It says false when that is of
// another file, too long, or could not be proved in the end.
func (p *part) recall(ctx context.Context, file File) (bool, error) {
	info, err := p.file.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() == 0 || info.Size() > file.limit() || file.SHA256 == "" {
		return false, nil
	}
	buf := make([]byte, 4096)
	n, err := unix.Fgetxattr(int(p.file.Fd()), note, buf)
	if err != nil {
		return false, nil
	}
	validator, ours := strings.CutPrefix(string(buf[:n]), p.identity)
	if !ours {
		return false, nil
	}
	p.size, err = copyContext(ctx, p.sum, p.file)
	p.validator, p.resumed = validator, true
	return true, err
}

// reset begins again with nothing.
func (p *part) reset() error {
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.size, p.resumed, p.validator = 0, false, ""
	p.sum.Reset()
	return nil
}

// remember says in the part what it is of. Nothing is lost when that cannot be
// written but the chance to go on in a later run.
func (p *part) remember(validator string) {
	p.validator = validator
	_ = unix.Fsetxattr(int(p.file.Fd()), note, []byte(p.identity+validator), 0)
}

func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.size += int64(n)
	p.sum.Write(b[:n])
	if err != nil {
		return n, local(p.path, err)
	}
	return n, nil
}

// prove compares what is here with what was promised.
func (p *part) prove(address string, file File) error {
	if file.Size > 0 && p.size != file.Size {
		return &SizeError{URL: address, Want: file.Size, Got: p.size}
	}
	if got := hex.EncodeToString(p.sum.Sum(nil)); file.SHA256 != "" && got != file.SHA256 {
		return &HashError{URL: address, Want: file.SHA256, Got: got}
	}
	return nil
}

// publish makes the proved part durable and gives it its name.
func (p *part) publish(path string) error {
	if err := fault.Point("download/sync"); err != nil {
		return err
	}
	if err := p.file.Sync(); err != nil {
		return local(p.path, err)
	}
	if err := fault.Point("download/rename"); err != nil {
		return err
	}
	if err := os.Rename(p.path, path); err != nil {
		return err
	}
	p.over = true
	// Last: until the rename is done the part must say what it is of, and a
	// note that outlives a power cut here says nothing wrong.
	_ = unix.Fremovexattr(int(p.file.Fd()), note)
	return atomicfile.SyncDir(filepath.Dir(path))
}

// drop removes a part that nobody should go on with.
func (p *part) drop() {
	if os.Remove(p.path) == nil {
		p.over = true
	}
}

// close leaves the part for a later run, unless there is nothing in it.
func (p *part) close() {
	if !p.over && p.size == 0 {
		p.drop()
	}
	_ = p.file.Close() // what matters was synced before the rename
}
