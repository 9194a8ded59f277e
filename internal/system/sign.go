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
	"syscall"

	"moss/bootloader/sign"
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
	// write is false for a plan: what is not there yet is then made without a
	// name, to be looked at until close.
	write    bool
	how      Sign
	firmware sign.Firmware
	keys     *sign.Keys // the certificates; nil signs nothing
	secret   *sign.Keys // with the key, once something had to be signed
	boot     []string   // kernels on $BOOT
	warn     func(string)
	done     map[fileID]string // what became of files
	sums     map[fileID]string
	// pending would be signed by who may read the key, and are described as they
	// are before.
	pending map[string]bool
	open    []int // descriptors of what a plan has made
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
// be: then it is an error. The secret one is not read before something has to be
// signed: what is there already needs none.
func newSigner(root string, how Sign, write bool, warn func(string)) (*signer, error) {
	return newSignerFor(sign.Firmware{}, root, how, write, warn)
}

func newSignerFor(firmware sign.Firmware, root string, how Sign, write bool, warn func(string)) (*signer, error) {
	s := &signer{root: root, write: write, how: how, firmware: firmware, warn: warn,
		done: map[fileID]string{}, sums: map[fileID]string{}, pending: map[string]bool{}}
	if how == SignNo {
		return s, nil
	}
	dir, err := sign.Find(root)
	if errors.Is(err, sign.ErrNoKeys) && how == SignAuto {
		return s, nil
	}
	if err == nil {
		s.keys, err = sign.LoadCerts(dir)
	}
	if errors.Is(err, fs.ErrPermission) && !write {
		warn("the Secure Boot keys cannot be read: files are described as they are before they are signed")
		return s, nil
	}
	if err != nil {
		return nil, s.refusal(err)
	}
	return s, nil
}

func (s *signer) enforced() bool { return s.firmware.SecureBoot == "on" }

func (s *signer) config() string { return filepath.Join(s.root, "etc/moss", configFile) }

// refusal says what to do where the keys are not as they should be. New keys and
// unsigned files are no way out where the firmware asks for the old ones.
func (s *signer) refusal(err error) error {
	advice := "put the Secure Boot keys back into " + filepath.Join(s.root, sign.Home)
	if errors.Is(err, sign.ErrNoKeys) && !s.enforced() {
		advice = "make keys with moss-boot keys create"
	}
	if !s.enforced() {
		advice += ", or write sign: no into " + s.config()
	}
	return &SignError{"sign boot files", err, advice}
}

// signing are the keys with the secret one.
func (s *signer) signing() (*sign.Keys, error) {
	if s.secret != nil {
		return s.secret, nil
	}
	k, err := sign.LoadSigner(s.keys.Dir)
	if err != nil {
		return nil, s.refusal(err)
	}
	s.secret = k
	return k, nil
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
	case errors.Is(err, sign.ErrFormat) && s.how != SignYes:
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
		return s.preview(path)
	}
	k, err := s.signing()
	if err != nil {
		return "", err
	}
	if err := s.folder(); err != nil {
		return "", err
	}
	if err := fault.Point("sign/image"); err != nil {
		return "", err
	}
	return out, k.Sign(path, out)
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

// folder is root's alone: an image holds initrds, and those can hold secrets.
func (s *signer) folder() error {
	dir := signedDir(s.root)
	return errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, 0o700))
}

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
	sum, err := sumFile(path)
	if err != nil {
		return "", err
	}
	s.sums[id] = sum
	return sum, nil
}

func sumFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("hash %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
