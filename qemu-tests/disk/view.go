package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// View shows the files on a disk as a machine left them. It reads private copies
// of the partitions: the image is not changed, and the root's journal can be
// replayed first, as the next mount would do it, after a power cut too.
type View struct {
	ESP  Files
	Root Files
	dir  string

	XBOOTLDR Files // nil when there is none
}

// Files reads one file system. Names are absolute. A file that is not there is
// fs.ErrNotExist.
type Files interface {
	ReadFile(ctx context.Context, name string) ([]byte, error)
	// List returns the names in a folder, sorted, folders with a slash behind.
	List(ctx context.Context, name string) ([]string, error)
	// Check is an error when the file system is damaged. On the ESP it is one
	// too when a machine did not unmount it.
	Check(ctx context.Context) error
}

// View copies the partitions; no machine may run on the disk meanwhile. Close
// removes the copies.
func (d *Disk) View(ctx context.Context) (*View, error) {
	dir, err := os.MkdirTemp("", "disk-view-")
	if err != nil {
		return nil, err
	}
	v := &View{ESP: fat(filepath.Join(dir, "esp")), Root: ext4(filepath.Join(dir, "root")), dir: dir}
	err = errors.Join(
		extract(ctx, d.Path, d.ESP.Start, d.ESP.Size, filepath.Join(dir, "esp")),
		extract(ctx, d.Path, d.Root.Start, d.Root.Size, filepath.Join(dir, "root")))
	if d.XBOOTLDR.Size > 0 {
		v.XBOOTLDR = fat(filepath.Join(dir, "xbootldr"))
		err = errors.Join(err, extract(ctx, d.Path, d.XBOOTLDR.Start, d.XBOOTLDR.Size, filepath.Join(dir, "xbootldr")))
	}
	if err == nil {
		err = run(ctx, "e2fsck", "-y", "-E", "journal_only", filepath.Join(dir, "root"))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("view disk %s: %w", d.Path, err), v.Close())
	}
	return v, nil
}

// Running is the ESP of a raw image as it is now, in place, while a machine may
// run on it. It must not be writing there.
func (d *Disk) Running() Files { return fat(d.image(d.ESP)) }

// Close removes the copies.
func (v *View) Close() error { return os.RemoveAll(v.dir) }

type fat string

func (img fat) ReadFile(ctx context.Context, name string) ([]byte, error) {
	out, said, err := output(ctx, "mtype", "-i", string(img), "::"+name)
	return out, notExist("read", name, said, err)
}

func (img fat) List(ctx context.Context, name string) ([]string, error) {
	dir := "::" + strings.TrimRight(name, "/") + "/"
	out, said, err := output(ctx, "mdir", "-a", "-b", "-i", string(img), dir)
	if err != nil {
		return nil, notExist("list", name, said, err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		names = append(names, strings.TrimPrefix(strings.TrimRight(line, "\n"), dir))
	}
	slices.Sort(names)
	return names, nil
}

func (img fat) Check(ctx context.Context) error {
	return run(ctx, "fsck.vfat", "-n", string(img))
}

type ext4 string

func (img ext4) ReadFile(ctx context.Context, name string) ([]byte, error) {
	return img.debugfs(ctx, "cat", name)
}

// List reads debugfs's parsable listing: /inode/mode/uid/gid/name/size/.
func (img ext4) List(ctx context.Context, name string) ([]string, error) {
	out, err := img.debugfs(ctx, "ls -p", name)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		field := strings.Split(line, "/")
		if len(field) < 7 || field[5] == "." || field[5] == ".." {
			continue
		}
		if strings.HasPrefix(field[2], "04") {
			field[5] += "/"
		}
		names = append(names, field[5])
	}
	slices.Sort(names)
	return names, nil
}

func (img ext4) Check(ctx context.Context) error {
	return run(ctx, "e2fsck", "-fn", string(img))
}

// debugfs ends with status 0 after an error: what it said decides. The first
// line it says is always its version.
func (img ext4) debugfs(ctx context.Context, command, name string) ([]byte, error) {
	out, said, err := output(ctx, "debugfs", "-R", command+" "+quote(name), string(img))
	_, complaint, _ := strings.Cut(said, "\n")
	if err == nil && complaint != "" {
		err = errors.New(complaint)
	}
	return out, notExist(command, name, said, err)
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// notExist gives the tools' words for a missing file the name that Go knows.
func notExist(op, name, said string, err error) error {
	if err == nil {
		return nil
	}
	if strings.Contains(strings.ToLower(said), "not found") {
		err = fs.ErrNotExist
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
