package verify

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/activate"
	"moss/store/asset"
	"moss/store/stone"
	"moss/store/tree"
	"moss/store/xattr"
)

// Mender puts damage right. Everything new is made whole in a scratch folder on
// the same file system and then takes its place by one rename, so a cut leaves
// the damage or the cure.
type Mender struct {
	Assets  *asset.Store
	Scratch string // an empty folder inside the asset store's stage
	Lost    string // where things go that do not belong where they are

	count int
}

// Fresh makes an asset like e from the first of sources whose bytes have its
// hash. It is not visible yet; Publish gives it its name. ok is false when no
// source will do.
func (m *Mender) Fresh(e *tree.Entry, sources []string) (temp string, ok bool, err error) {
	for _, source := range sources {
		temp, err = m.copy(e, source)
		if err == nil {
			return temp, true, nil
		}
		if _, bad := errors.AsType[*sourceError](err); !bad {
			return "", false, fmt.Errorf("make asset %s: %w", e.Hash, err)
		}
	}
	return "", false, nil
}

// sourceError: this source will not do, the next may.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }

func (m *Mender) temp() string {
	m.count++
	return filepath.Join(m.Scratch, fmt.Sprint(m.count))
}

func (m *Mender) copy(e *tree.Entry, source string) (temp string, err error) {
	in, err := openFile(source)
	if err != nil {
		return "", &sourceError{err}
	}
	defer in.Close()
	temp = m.temp()
	out, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	hasher := stone.NewHasher()
	if _, err = io.Copy(out, io.TeeReader(sourceReader{in}, hasher)); err == nil && hasher.Sum() != e.Hash {
		err = &sourceError{errors.New("its content is another")}
	}
	if err == nil {
		err = asset.Dress(out, e.Layout)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return "", errors.Join(err, os.Remove(temp))
	}
	return temp, nil
}

// sourceReader tells a source that cannot be read from a scratch folder that
// cannot be written.
type sourceReader struct{ io.Reader }

func (r sourceReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

// Publish names fresh assets, which maps temporary files to asset names, after
// one sync: what has its name is durable.
func (m *Mender) Publish(fresh map[string]string) error {
	if len(fresh) == 0 {
		return nil
	}
	if err := fault.Point("repair/asset"); err != nil {
		return err
	}
	if err := atomicfile.SyncFS(m.Scratch); err != nil {
		return fmt.Errorf("make repaired assets durable: %w", err)
	}
	for temp, name := range fresh {
		if err := os.Rename(temp, filepath.Join(m.Assets.Dir(), name)); err != nil {
			return fmt.Errorf("replace asset: %w", err)
		}
	}
	return nil
}

// Place makes usr hold e at its path again. The asset of a regular file must be
// there and intact.
func (m *Mender) Place(usr string, id activate.ID, e *tree.Entry) error {
	if err := fault.Point("repair/place"); err != nil {
		return err
	}
	at := filepath.Join(usr, e.Path)
	var st unix.Stat_t
	err := unix.Lstat(at, &st)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("mend /usr/%s of state %d: %w", e.Path, id, err)
	}
	isFolder := err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
	if isFolder && e.IsDir() {
		err = dress(at, e)
	} else {
		inTheWay := err == nil && (isFolder || e.IsDir())
		err = m.replace(at, inTheWay, id, e)
	}
	if err != nil {
		return fmt.Errorf("mend /usr/%s of state %d: %w", e.Path, id, err)
	}
	return nil
}

// replace makes e and gives it the name at. A folder cannot be renamed over what
// is none, nor the other way round; then the two change places in one step, and
// the one that does not belong here is left in lost+found.
func (m *Mender) replace(at string, inTheWay bool, id activate.ID, e *tree.Entry) error {
	temp := m.temp()
	if inTheWay {
		var err error
		if temp, err = m.lost(id, e.Path); err != nil {
			return err
		}
	}
	if err := m.make(e, temp); err != nil {
		return err
	}
	if inTheWay {
		return atomicfile.Exchange(temp, at)
	}
	if err := os.Rename(temp, at); err != nil {
		return err
	}
	// Of two names of one file rename leaves both (rename(2)).
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (m *Mender) make(e *tree.Entry, temp string) error {
	switch {
	case e.IsDir():
		if err := os.Mkdir(temp, 0o700); err != nil {
			return err
		}
		return dress(temp, e)
	case e.IsSymlink():
		if err := os.Symlink(e.Target, temp); err != nil {
			return err
		}
		return os.Lchown(temp, int(e.UID), int(e.GID))
	case e.Hash == stone.EmptyHash():
		f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		return errors.Join(asset.Dress(f, e.Layout), f.Close())
	}
	err := os.Link(m.Assets.Path(e.Layout), temp)
	if !errors.Is(err, unix.EMLINK) {
		return err
	}
	fresh, ok, err := m.Fresh(e, []string{m.Assets.Path(e.Layout)})
	if err != nil || !ok {
		return errors.Join(err, fmt.Errorf("copy asset %s", e.Hash))
	}
	return os.Rename(fresh, temp)
}

// dress gives a folder what e says, and takes away what e does not say.
func dress(at string, e *tree.Entry) error {
	f, err := os.OpenFile(at, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	have, err := xattr.OfPath(at, every)
	for _, x := range have {
		wanted := slices.ContainsFunc(e.Xattrs, func(w stone.Xattr) bool { return w.Name == x.Name })
		if !wanted && !isLabel(x.Name) {
			err = errors.Join(err, unix.Fremovexattr(int(f.Fd()), x.Name))
		}
	}
	return errors.Join(err, asset.Dress(f, e.Layout), f.Close())
}

// SetAside moves a path that no package has out of a state's tree.
func (m *Mender) SetAside(usr string, id activate.ID, rel string) (to string, err error) {
	if err := fault.Point("repair/place"); err != nil {
		return "", err
	}
	if to, err = m.lost(id, rel); err == nil {
		err = os.Rename(filepath.Join(usr, rel), to)
	}
	if err != nil {
		return "", fmt.Errorf("set /usr/%s of state %d aside: %w", rel, id, err)
	}
	return to, nil
}

// lost is a free name in lost+found for a path of a state. The folder is root's
// alone: what is moved there may be setuid, or secret. What an earlier repair left
// there stays as it is.
func (m *Mender) lost(id activate.ID, rel string) (string, error) {
	top := filepath.Join(m.Lost, id.String())
	for n, base := 2, top; ; n++ {
		to := filepath.Join(base, rel)
		err := os.MkdirAll(filepath.Dir(to), 0o700)
		if err == nil {
			_, err = os.Lstat(to)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return to, nil
		case err != nil && !errors.Is(err, unix.ENOTDIR):
			return "", err
		}
		base = fmt.Sprintf("%s.~%d~", top, n)
	}
}
