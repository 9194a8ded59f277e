package system

import (
	"errors"
	"strings"

	"moss/bootloader/sign"
	"moss/store"
)

// SignRequest says what `moss-boot sign` does.
type SignRequest struct {
	Files  []string
	Output string // for a single file; "" is in place
	Verify bool   // only look
}

// SignFiles signs files with the key of a root, or looks whether they are signed.
// It ends at the first that cannot be; what was signed before it stays.
func SignFiles(opt Options, r SignRequest) ([]SignedFile, error) {
	dir, err := sign.Find(opt.Root)
	if errors.Is(err, sign.ErrNoKeys) {
		return nil, &SignError{"sign files", err, "make them with moss-boot keys create"}
	}
	if err != nil {
		return nil, err
	}
	load := sign.LoadSigner
	if r.Verify {
		load = sign.LoadCerts
	}
	k, err := load(dir)
	if err != nil {
		return nil, err
	}
	var all []SignedFile
	for _, path := range r.Files {
		one, err := r.each(k, path)
		if err != nil {
			return all, err
		}
		all = append(all, one)
	}
	return all, r.verdict(all)
}

func (r SignRequest) each(k *sign.Keys, path string) (SignedFile, error) {
	if r.Verify {
		err := sign.Verify(path, k.ByDB())
		if errors.Is(err, sign.ErrUnsigned) {
			return SignedFile{Path: path}, nil
		}
		return SignedFile{path, true}, err
	}
	out := path
	if r.Output != "" {
		out = r.Output
	}
	return SignedFile{out, true}, k.Sign(path, out)
}

// verdict makes an unsigned file that was only looked at a refusal.
func (r SignRequest) verdict(all []SignedFile) error {
	var bad []string
	for _, one := range all {
		if !one.Signed {
			bad = append(bad, one.Path)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &UnsignedError{bad}
}

// UnsignedError names files that have no signature of ours.
type UnsignedError struct{ Files []string }

func (e *UnsignedError) Error() string {
	return "verify files: not signed by our key: " + strings.Join(e.Files, ", ")
}

// Unwrap makes it a refusal.
func (e *UnsignedError) Unwrap() error { return store.ErrRefused }

// Hint says how to sign them.
func (e *UnsignedError) Hint() string { return "sign them with moss-boot sign FILE" }
