package repo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/stone"
)

// The files of a stored index, besides the index and its signature.
const (
	sourceName = "source"
	cacheName  = "packages"
	// newPrefix marks a folder that has not taken its place yet. No repository
	// has a name with a dot first.
	newPrefix = ".new-"
)

// bundle is a verified and parsed index, ready to be stored.
type bundle struct {
	source    source
	index     []byte
	signature []byte // nil when unsigned
	packages  []Package
}

func folderOf(root, name string) string { return filepath.Join(root, home, name) }

// openStored opens the folder of a stored index. Through the handle all files
// are those of one update, whatever takes the folder's place meanwhile.
func openStored(root, name string) (*os.Root, error) { return os.OpenRoot(folderOf(root, name)) }

// storedSource is the source of the stored index; the zero one if there is none.
func storedSource(root, name string) (source, error) {
	folder, err := openStored(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return source{}, nil
	}
	if err != nil {
		return source{}, err
	}
	defer folder.Close()
	s, err := readSource(folder.FS(), name)
	if errors.Is(err, fs.ErrNotExist) {
		return source{}, nil // AerynOS' moss keeps its own under such names
	}
	return s, err
}

// put makes b the stored index of a repository: everything is written into a new
// folder and synced, then the folders are exchanged, which is the one moment of
// the change. last is what b was judged against; if another process has stored
// something meanwhile, again judges once more.
func put(root, name string, b bundle, last accepted, again func(accepted) error) error {
	release, err := lock(root)
	if err != nil {
		return err
	}
	defer release()
	if err := sweep(root); err != nil {
		return err
	}
	before, err := storedSource(root, name)
	if err != nil {
		return err
	}
	if now := before.accepted(); now != last {
		if err := again(now); err != nil {
			return err
		}
	}
	made := folderOf(root, newPrefix+name)
	err = b.write(made)
	if err == nil {
		err = fault.Point("repo/store")
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(made)) // of a full disk above all
	}
	return swap(made, folderOf(root, name))
}

// swap puts a folder in another's place. The old one has the new one's name for
// a moment, and is swept away by the next update if the power goes then.
func swap(made, at string) error {
	err := atomicfile.Exchange(made, at)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(made, at)
	}
	if err != nil {
		return err
	}
	if err := atomicfile.SyncDir(filepath.Dir(at)); err != nil {
		return err
	}
	return os.RemoveAll(made)
}

// sweep removes what an interrupted update left. It is called under the lock, so
// nobody is at work there.
func sweep(root string) error {
	names, err := os.ReadDir(filepath.Join(root, home))
	if err != nil {
		return err
	}
	for _, n := range names {
		if strings.HasPrefix(n.Name(), newPrefix) {
			if err := os.RemoveAll(folderOf(root, n.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget drops the stored index. The rename first: a folder that is half gone
// must not look like one that lost its memory of time.
func forget(root, name string) error {
	if err := sweep(root); err != nil {
		return err
	}
	gone := folderOf(root, newPrefix+name)
	err := os.Rename(folderOf(root, name), gone)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(gone), atomicfile.SyncDir(filepath.Join(root, home)))
}

func (b bundle) write(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	files := []struct {
		name string
		data []byte
	}{
		{indexName, b.index}, {indexName + sigSuffix, b.signature}, {sourceName, b.source.encode()},
		{cacheName, cache{b.source.url, b.source.key, b.packages}.encode()},
	}
	for _, f := range files {
		if f.data == nil {
			continue
		}
		if err := atomicfile.Write(filepath.Join(dir, f.name), f.data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// touch notes that the repository answered and has nothing new.
func touch(root, name string, s source) error {
	release, err := lock(root)
	if err != nil {
		return err
	}
	defer release()
	if now, err := storedSource(root, name); err != nil || now.accepted() != s.accepted() {
		return err // somebody stored a newer one, which says so itself
	}
	return atomicfile.Write(filepath.Join(folderOf(root, name), sourceName), s.encode(), 0o644)
}

// load gives the packages of a stored index, if it was accepted under what the
// configuration says now.
func load(root string, r Repository) ([]Package, error) {
	folder, err := openStored(root, r.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFetched(r.Name)
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	c, err := loadCache(folder)
	if err != nil {
		c, err = reread(folder, r)
	}
	if err != nil {
		return nil, err
	}
	if err := applies(r, c.url, c.key); err != nil {
		return nil, err
	}
	for i := range c.packages {
		c.packages[i].Repo, c.packages[i].Priority = r.Name, r.Priority
	}
	return c.packages, nil
}

func notFetched(name string) error { return stale(name, "there is none yet") }

// applies says whether an index that came from address under key is one for the
// repository as it is configured now.
func applies(r Repository, address, key string) error {
	want, err := indexURL(r.URI)
	if err != nil {
		return err
	}
	switch {
	case address != want.String():
		return stale(r.Name, "it came from %s, and the repository is at %s", address, want)
	case r.Key == "" && !r.Unsigned:
		return fmt.Errorf("repository %s: %w", r.Name, noKey(r.Name))
	case key == "" && r.Key != "":
		return stale(r.Name, "it was accepted without a signature, and now a key is pinned")
	case r.Key != "":
		if pinned, err := ParseKey(r.Key); err != nil || pinned != key {
			return errors.Join(err, stale(r.Name, "it is signed by another key than the one that is pinned now"))
		}
	}
	return nil
}

func loadCache(folder *os.Root) (cache, error) {
	f, err := folder.Open(cacheName)
	if err != nil {
		return cache{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return cache{}, err
	}
	size := info.Size() - int64(len(stone.Hash{}))
	if size < 0 {
		return cache{}, errCache
	}
	var text strings.Builder
	text.Grow(int(size))
	hasher := stone.NewHasher()
	if _, err := io.CopyN(io.MultiWriter(&text, hasher), f, size); err != nil {
		return cache{}, err
	}
	var want stone.Hash
	if _, err := io.ReadFull(f, want[:]); err != nil || hasher.Sum() != want {
		return cache{}, errCache
	}
	return decodeCache(text.String())
}

// reread is the slow way, for a packages file that is damaged or of another
// version: the index itself, proved again.
func reread(folder *os.Root, r Repository) (cache, error) {
	s, err := readSource(folder.FS(), r.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return cache{}, notFetched(r.Name)
	}
	if err != nil {
		return cache{}, err
	}
	if err := applies(r, s.url, s.key); err != nil {
		return cache{}, err
	}
	index, err := storedIndex(folder, r, s)
	if err != nil {
		return cache{}, err
	}
	base, err := indexURL(r.URI)
	if err != nil {
		return cache{}, err
	}
	packages, err := parseIndex(index, base)
	return cache{s.url, s.key, packages}, err
}

// storedIndex reads stone.index, and proves that it is what was accepted.
func storedIndex(folder *os.Root, r Repository, s source) ([]byte, error) {
	index, err := fs.ReadFile(folder.FS(), indexName)
	if err != nil {
		return nil, err
	}
	if sum(index) != s.sha256 {
		return nil, stale(r.Name, "%s is damaged", indexName)
	}
	if s.key == "" {
		return index, nil
	}
	signature, err := fs.ReadFile(folder.FS(), indexName+sigSuffix)
	if err != nil {
		return nil, err
	}
	_, err = verify(r, index, signature, s.accepted(), time.Now())
	return index, err
}
