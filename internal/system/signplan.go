package system

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"moss/bootloader/sign"
)

// preview is a signed copy that has no name and is gone with close: equal input
// gives equal bytes, so a plan made with it is the one that will be carried out.
// Who may not read the key looks whether $BOOT has the copy.
func (s *signer) preview(path string) (string, error) {
	k, err := s.signing()
	if errors.Is(err, fs.ErrPermission) {
		return s.withoutKey(path)
	}
	if err != nil {
		return "", err
	}
	return s.nameless(func(w io.Writer) error { return k.SignTo(w, path) })
}

func (s *signer) withoutKey(path string) (string, error) {
	hash, err := digestOf(path)
	if err != nil {
		return "", err
	}
	for _, there := range s.boot {
		if sign.Verify(there, s.keys.ByDB()) != nil {
			continue
		}
		if other, err := digestOf(there); err == nil && bytes.Equal(other, hash) {
			return there, nil
		}
	}
	if len(s.pending) == 0 {
		s.warn("the Secure Boot key can only be read by root: what is not signed yet is described as it is before")
	}
	s.pending[path] = true
	return path, nil
}

func digestOf(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return sign.Digest(data)
}

// nameless is the path of a file in no folder, which is there until close and
// which a crash takes away.
func (s *signer) nameless(fill func(io.Writer) error) (string, error) {
	file, err := os.CreateTemp("", "moss-plan-*")
	if err != nil {
		return "", err
	}
	err = os.Remove(file.Name())
	if err == nil {
		err = fill(file)
	}
	fd := -1
	if err == nil {
		fd, err = unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("plan signed files: %w", err)
	}
	s.open = append(s.open, fd)
	return fmt.Sprintf("/proc/self/fd/%d", fd), nil
}

// close lets go of what a plan has made.
func (s *signer) close() error {
	var errs []error
	for _, fd := range s.open {
		errs = append(errs, unix.Close(fd))
	}
	s.open = nil
	return errors.Join(errs...)
}

// previewUKI is what unify would make; ok is false where that cannot be told.
func (s *signer) previewUKI(in sign.Image) (path string, ok bool, err error) {
	plain, err := s.nameless(func(w io.Writer) error { return sign.WriteUKITo(w, in) })
	if errors.Is(err, fs.ErrPermission) {
		return "", false, nil // of an initrd that only root may read
	}
	if err != nil || s.keys == nil {
		return plain, err == nil, err
	}
	if path, err = s.preview(plain); err != nil {
		return "", false, err
	}
	pending := s.pending[path]
	delete(s.pending, path)
	return path, !pending, nil
}

// knows: the firmware trusts the certificate that signs here.
func (s *signer) knows() bool {
	return s.keys != nil && slices.ContainsFunc(sign.Certificates(s.firmware.DB), s.keys.DB.Cert.Equal)
}
