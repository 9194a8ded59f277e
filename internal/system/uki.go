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
	"strings"

	"moss/bootloader"
	"moss/bootloader/sign"
	"moss/internal/fault"
)

// unify makes one image of a kernel, its initrds and its command line, signed if
// there are keys. What the signature covers is then all that is started: with
// separate files the initrds and the command line are nobody's word.
//
// It becomes the kernel of an entry that has no initrds and no options.
func (s *signer) unify(k bootloader.Kernel, usr string) (bootloader.Kernel, error) {
	in, err := s.parts(k, usr)
	if err != nil {
		return k, err
	}
	sum, err := s.sumParts(in)
	if err != nil {
		return k, err
	}
	out := s.place(sum)
	if !s.ready(out) {
		if !s.write {
			path, ok, err := s.previewUKI(in)
			if err != nil {
				return k, err
			}
			if !ok {
				s.warn("the image of kernel " + k.Version + " is not made yet: it is described by its parts")
				return s.finishKernel(k)
			}
			out = path
		} else if err := s.build(out, in); err != nil {
			return k, err
		}
	}
	k.Image, k.Initrds, k.Cmdline = out, nil, nil
	return k, nil
}

func (s *signer) ready(out string) bool {
	if s.keys == nil {
		_, err := os.Lstat(out)
		return err == nil
	}
	return sign.Verify(out, s.keys.ByDB()) == nil
}

// build writes the image beside its place first if it has to be signed: what is
// at the place is finished.
func (s *signer) build(out string, in sign.Image) error {
	var k *sign.Keys
	var err error
	if s.keys != nil {
		if k, err = s.signing(); err != nil {
			return err
		}
	}
	if err := s.folder(); err != nil {
		return err
	}
	if err := fault.Point("sign/unify"); err != nil {
		return err
	}
	if s.keys == nil {
		return sign.WriteUKI(out, in)
	}
	plain := filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".tmp-plain")
	err = sign.WriteUKI(plain, in)
	if err == nil {
		err = fault.Point("sign/unified")
	}
	if err == nil {
		err = k.Sign(plain, out)
	}
	if gone := os.Remove(plain); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

func (s *signer) parts(k bootloader.Kernel, usr string) (sign.Image, error) {
	arch, err := sign.Arch(k.Image)
	if err != nil {
		return sign.Image{}, &SignError{"make one image of kernel " + k.Version, err, "leave out --uki, or write uki: no into moss.yaml"}
	}
	stub, err := s.stub(usr, arch)
	if err != nil {
		return sign.Image{}, err
	}
	release, err := os.ReadFile(filepath.Join(usr, "lib/os-release"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return sign.Image{}, err
	}
	line := strings.Join(k.Cmdline, " ")
	if len(line) > maxLine {
		return sign.Image{}, &SignError{"make one image of kernel " + k.Version, fmt.Errorf("the command line has %d characters, the kernel keeps %d", len(line), maxLine),
			"shorten the snippets in /etc/kernel/cmdline.d"}
	}
	return sign.Image{Stub: stub, OSRelease: string(release), Uname: k.Version, Kernel: k.Image, Initrds: k.Initrds, Cmdline: line}, nil
}

// maxLine is what a kernel takes of a command line: COMMAND_LINE_SIZE of x86 less
// the end.
const maxLine = 2047

// stub is systemd's, of the state or else of the running system: a state that was
// made before it was asked for one image need not bring one.
func (s *signer) stub(usr, arch string) (string, error) {
	name := "lib/systemd/boot/efi/linux" + arch + ".efi.stub"
	for _, tree := range []string{usr, filepath.Join(s.root, "usr")} {
		path := filepath.Join(tree, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", &SignError{"make one image of kernel and initrds", fmt.Errorf("no stub: %w: usr/%s", fs.ErrNotExist, name),
		"install the package that has it (systemd-boot), or leave out --uki and write uki: no into moss.yaml"}
}

// sumParts is a hash of all that an image is made of. Each part goes in by its
// own hash, so that none can pass for the end of the one before it.
func (s *signer) sumParts(in sign.Image) (string, error) {
	hash := sha256.New()
	io.WriteString(hash, "moss unified kernel image 1\n") // a hash takes everything
	for _, text := range []string{in.OSRelease, in.Cmdline, in.Uname} {
		fmt.Fprintf(hash, "%x\n", sha256.Sum256([]byte(text)))
	}
	for _, path := range append([]string{in.Stub, in.Kernel}, in.Initrds...) {
		id, err := identify(path)
		if err != nil {
			return "", err
		}
		sum, err := s.sum(path, id)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(hash, sum)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
