package system

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"moss/bootloader"
	"moss/bootloader/sign"
	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store"
)

// signedDir holds what was signed here, under the root: the boot menu copies
// from it. A file of it can go at any time, it is made again.
func signedDir(root string) string { return filepath.Join(root, store.Home, "boot/signed") }

// signer makes what goes to $BOOT out of what a state brings: signed where there
// are keys, and one image where that was asked for.
type signer struct {
	root string
	// write is false for a plan: then nothing is made, and what is not there yet
	// is described by what it would be made of.
	write bool
	must  bool // what cannot be signed is an error
	keys  *sign.Keys
	warn  func(string)
	done  map[fileID]string // what became of files
	sums  map[fileID]string
}

// fileID is a file as it is now. States share files by hard link.
type fileID struct {
	dev, inode uint64
	size, time int64
}

// SignError says that something cannot be signed that has to be.
type SignError struct {
	What   string
	Err    error
	Advice string
}

func (e *SignError) Error() string { return fmt.Sprintf("%s: %v", e.What, e.Err) }

// Unwrap makes it a refusal: nothing was changed.
func (e *SignError) Unwrap() []error { return []error{e.Err, store.ErrRefused} }

// Hint is what to do about it.
func (e *SignError) Hint() string { return e.Advice }

// newSigner finds the keys of a root. Without any it signs nothing, unless must
// be: then it is an error.
func newSigner(root string, how Sign, write bool, warn func(string)) (*signer, error) {
	s := &signer{root: root, write: write, must: how == SignYes, warn: warn, done: map[fileID]string{}, sums: map[fileID]string{}}
	if how == SignNo {
		return s, nil
	}
	dir, err := sign.Find(root)
	if errors.Is(err, sign.ErrNoKeys) && how == SignAuto {
		return s, nil
	}
	if err == nil {
		s.keys, err = s.load(dir)
	}
	if errors.Is(err, fs.ErrPermission) && !write {
		warn("the Secure Boot keys cannot be read: files are described as they are before they are signed")
		return s, nil
	}
	if err != nil {
		return nil, &SignError{"sign boot files", err, "make keys with moss-boot keys create, or write sign: no into " + filepath.Join(root, "etc/moss", configFile)}
	}
	return s, nil
}

// load reads no secret where nothing will be signed.
func (s *signer) load(dir string) (*sign.Keys, error) {
	if s.write {
		return sign.LoadSigner(dir)
	}
	return sign.LoadCerts(dir)
}

// image returns the path of a file with our signature: the file itself if it has
// one, else a signed copy. Without keys it is the file.
func (s *signer) image(path string) (string, error) {
	if s.keys == nil {
		return path, nil
	}
	id, err := identify(path)
	if err != nil {
		return "", err
	}
	if s.done[id] == "" {
		if s.done[id], err = s.signed(path, id); err != nil {
			return "", err
		}
	}
	return s.done[id], nil
}

func (s *signer) signed(path string, id fileID) (string, error) {
	switch err := sign.Verify(path, s.keys.ByDB()); {
	case err == nil:
		return path, nil
	case errors.Is(err, sign.ErrFormat) && !s.must:
		s.warn(fmt.Sprintf("%v: it goes to $BOOT unsigned, and Secure Boot will not start it", err))
		return path, nil
	case errors.Is(err, sign.ErrFormat):
		return "", &SignError{"sign boot files", err, "put a kernel with an EFI stub into the state, or write sign: auto into moss.yaml"}
	case !errors.Is(err, sign.ErrUnsigned):
		return "", err
	}
	sum, err := s.sum(path, id)
	if err != nil {
		return "", err
	}
	out := s.place(sum)
	if sign.Verify(out, s.keys.ByDB()) == nil {
		return out, nil
	}
	if !s.write {
		return path, nil
	}
	if err := s.folder(); err != nil {
		return "", err
	}
	if err := fault.Point("sign/image"); err != nil {
		return "", err
	}
	return out, s.keys.Sign(path, out)
}

// place is the name of what becomes of content with this hash: another key, or
// other content, is another file.
func (s *signer) place(sum string) string {
	by := "unsigned"
	if s.keys != nil {
		by = sign.Fingerprint(s.keys.DB.Cert)[:16]
	}
	return filepath.Join(signedDir(s.root), sum+"-"+by+".efi")
}

func (s *signer) folder() error { return os.MkdirAll(signedDir(s.root), 0o755) }

func identify(path string) (fileID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileID{}, err
	}
	id := fileID{size: info.Size(), time: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.dev, id.inode = st.Dev, st.Ino
	}
	return id, nil
}

// sum is the SHA-256 of a file, in hexadecimal.
func (s *signer) sum(path string, id fileID) (string, error) {
	if s.sums[id] != "" {
		return s.sums[id], nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("hash %s: %w", path, err)
	}
	s.sums[id] = hex.EncodeToString(hash.Sum(nil))
	return s.sums[id], nil
}

// finishKernel is a kernel as it goes to $BOOT, with its image signed.
func (s *signer) finishKernel(k bootloader.Kernel) (bootloader.Kernel, error) {
	var err error
	k.Image, err = s.image(k.Image)
	return k, err
}

// finishMenu finishes all kernels of a menu, and of the states that the menu
// shows makes one image each if unified is set. usr is the tree of a state.
func (s *signer) finishMenu(w bootloader.Want, unified bool, usr func(id uint64) string) (bootloader.Want, error) {
	w.States = slices.Clone(w.States)
	for i := range w.States {
		one := &w.States[i]
		finish := func(k bootloader.Kernel) (bootloader.Kernel, error) { return s.finishKernel(k) }
		if unified && shows(w, *one) {
			finish = func(k bootloader.Kernel) (bootloader.Kernel, error) { return s.unify(k, usr(one.ID)) }
		}
		one.Kernels = slices.Clone(one.Kernels)
		for j := range one.Kernels {
			var err error
			if one.Kernels[j], err = finish(one.Kernels[j]); err != nil {
				return w, fmt.Errorf("prepare kernel %s of state %d: %w", one.Kernels[j].Version, one.ID, err)
			}
		}
	}
	if w.Rescue == nil {
		return w, nil
	}
	k, err := s.finishKernel(*w.Rescue)
	if err != nil {
		return w, fmt.Errorf("prepare kernel of the rescue entry: %w", err)
	}
	w.Rescue = &k
	return w, nil
}

// shows says whether a state may be in the menu. An image of tens of megabytes
// is not made for the others.
func shows(w bootloader.Want, s bootloader.State) bool {
	if s.Pinned || slices.Contains([]uint64{w.Active, w.Booted, w.Default, w.Good}, s.ID) {
		return true
	}
	keep, newer := w.Keep, 0
	if keep <= 0 {
		keep = bootloader.DefaultKeep
	}
	for _, other := range w.States {
		if other.ID > s.ID && len(other.Kernels) > 0 {
			newer++
		}
	}
	return newer < keep
}

// sweepSigned removes what was signed and no menu needs any more; keep has the
// images of the menu. It also removes what an interrupted writer has left: the
// caller holds the root's lock.
func sweepSigned(root string, keep []string) error {
	dir := signedDir(root)
	rows, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep signed images: %w", err)
	}
	gone := 0
	for _, row := range rows {
		path := filepath.Join(dir, row.Name())
		if slices.Contains(keep, path) || !row.Type().IsRegular() {
			continue
		}
		if err := fault.Point("sign/sweep"); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep signed images: %w", err)
		}
		gone++
	}
	if gone == 0 {
		return nil
	}
	return atomicfile.SyncDir(dir)
}

// imagesOf lists the images of a menu, for sweepSigned.
func imagesOf(w bootloader.Want) []string {
	var images []string
	for _, one := range w.States {
		for _, k := range one.Kernels {
			images = append(images, k.Image)
		}
	}
	if w.Rescue != nil {
		images = append(images, w.Rescue.Image)
	}
	return images
}
