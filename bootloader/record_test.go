package bootloader_test

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"moss/bootloader"
	"moss/internal/atomicfile"
)

// recorder makes every call on a real folder, which it does not wait for, and on
// a fat. It notes them, can let one fail, and calls cut after each.
type recorder struct {
	t    testing.TB
	root string
	fat  *fat
	real bootloader.RealDisk
	// calls are all but those that only read; bytes is what was written.
	calls []string
	bytes int
	temps int
	// writing is the temporary file until it is renamed.
	writing *inode
	// fail may return the error that a call gets instead of being made.
	fail func(n int, call string) error
	cut  func(call string)
}

var _ bootloader.Disk = (*recorder)(nil)

func newRecorder(t testing.TB, root string) *recorder {
	return &recorder{t: t, root: root, fat: load(t, root), fail: func(int, string) error { return nil }, cut: func(string) {}}
}

// load makes a fat that holds what a folder holds, all of it durable.
func load(t testing.TB, root string) *fat {
	f := newFAT()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		if err != nil || rel == "." {
			return err
		}
		if d.IsDir() {
			f.mkdir(rel)
			return nil
		}
		data, err := os.ReadFile(path)
		i := f.create(rel)
		f.write(i, string(data))
		f.release(i)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f.syncAll()
	return f
}

func (r *recorder) rel(path string) string {
	rel, err := filepath.Rel(r.root, path)
	if err != nil {
		r.t.Fatal(err)
	}
	return rel
}

// do makes one call: on the folder, then on the fat.
func (r *recorder) do(op, path string, real func() error, model func(rel string)) error {
	rel := r.rel(path)
	call := op + " " + rel
	r.calls = append(r.calls, call)
	err := r.fail(len(r.calls), call)
	if err != nil {
		err = &fs.PathError{Op: op, Path: path, Err: err}
	} else if err = real(); err == nil {
		model(rel)
	}
	r.cut(call)
	return err
}

func nothing() error { return nil }

// Create gives names that are the same in every run, for their length matters.
func (r *recorder) Create(dir, pattern string) (atomicfile.File, error) {
	r.temps++
	path := filepath.Join(dir, strings.Replace(pattern, "*", strconv.Itoa(1e9+r.temps), 1))
	file := &recorded{r: r}
	err := r.do("create", path, func() (err error) {
		file.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	}, func(rel string) {
		file.i = r.fat.create(rel)
		r.writing = file.i
	})
	if err != nil {
		return nil, err
	}
	return file, nil
}

// recorded hides what else an os.File can do: io.Copy would go around Write.
type recorded struct {
	file *os.File
	r    *recorder
	i    *inode
}

func (f *recorded) Name() string { return f.file.Name() }

func (f *recorded) Chmod(perm fs.FileMode) error { return f.file.Chmod(perm) }

func (f *recorded) Write(data []byte) (n int, err error) {
	err = f.r.do("write", f.Name(), func() error {
		n, err = f.file.Write(data)
		return err
	}, func(string) { f.r.fat.write(f.i, string(data)) })
	f.r.bytes += n
	return n, err
}

func (f *recorded) Sync() error {
	return f.r.do("fsync", f.Name(), nothing, func(string) { f.r.fat.syncFile(f.i) })
}

// Again lets a test damage what the device has.
func (f *recorded) Again() (io.Reader, error) {
	if err := f.r.fail(-1, "read "+f.r.rel(f.Name())); err != nil {
		return nil, err
	}
	_, err := f.file.Seek(0, io.SeekStart)
	return f.file, err
}

func (f *recorded) Close() error {
	f.r.fat.release(f.i)
	f.r.cut("close " + f.Name())
	return f.file.Close()
}

func (r *recorder) Hold(path string) (io.Closer, error) {
	file, err := r.real.Hold(path)
	if err != nil {
		return nil, err
	}
	_, i := r.fat.lookup(r.rel(path))
	i.users++
	return closer(func() error {
		r.fat.release(i)
		r.cut("close " + path)
		return file.Close()
	}), nil
}

type closer func() error

func (c closer) Close() error { return c() }

func (r *recorder) Rename(from, to string) error {
	r.writing = nil
	return r.do("rename", to, func() error { return r.real.Rename(from, to) }, func(rel string) { r.fat.rename(r.rel(from), rel) })
}

func (r *recorder) Remove(path string) error {
	r.writing = nil
	return r.do("unlink", path, func() error { return r.real.Remove(path) }, r.fat.unlink)
}

func (r *recorder) Mkdir(path string) error {
	return r.do("mkdir", path, func() error { return r.real.Mkdir(path) }, r.fat.mkdir)
}

func (r *recorder) SyncDir(dir string) error { return r.do("fsync", dir, nothing, r.fat.syncDir) }

func (r *recorder) SyncFS(dir string) error {
	return r.do("syncfs", dir, nothing, func(string) { r.fat.syncAll() })
}

func (r *recorder) Start(path string) int {
	if _, i := r.fat.lookup(r.rel(path)); i != nil {
		return i.start
	}
	return 0
}

// same is an error when the folder and the fat do not hold the same: clusters
// that were freed under a file that still has them show here. Files that only
// the fat has are those that a cut left under their short names.
func (r *recorder) same() error {
	r.fat.syncAll()
	img := image(r.fat.now())
	tree := img.tree(false)
	if err := img.consistent(); err != nil {
		return err
	}
	return filepath.WalkDir(r.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "~") {
			return err
		}
		data, err := os.ReadFile(path)
		if l, ok := tree[r.rel(path)]; !ok || l.damaged || l.data != string(data) {
			return fmt.Errorf("%s: on the disk are %d bytes (damaged: %v), want %d", r.rel(path), len(l.data), l.damaged, len(data))
		}
		return err
	})
}

// consistent: no cluster belongs to two files, none of a file is free. What a cut
// left under its short name counts for nothing: nobody knows it, so nobody
// removes it and frees what it shares.
func (img image) consistent() error {
	owner := map[int]string{}
	for name, l := range img.tree(false) {
		if strings.Contains(name, "~") {
			continue
		}
		chain, whole := img.chain(l.start)
		if l.start != 0 && !whole {
			return fmt.Errorf("%s: its chain runs into a free cluster", name)
		}
		for _, c := range chain {
			if owner[c] != "" {
				return fmt.Errorf("cluster %d belongs to %s and %s", c, owner[c], name)
			}
			owner[c] = name
		}
	}
	return nil
}

// leak: the file that is being written takes clusters under its short name.
func (r *recorder) leak(tree map[string]leaf) error {
	for name, l := range tree {
		if r.writing != nil && l.start != 0 && l.start == r.writing.start && strings.Contains(name, "~") {
			return fmt.Errorf("%s holds %d bytes that nobody will find", name, len(l.data))
		}
	}
	return nil
}
