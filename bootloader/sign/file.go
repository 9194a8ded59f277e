package sign

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"moss/internal/atomicfile"
)

// ErrUnsigned says that a file has no signature by any of the certificates
// asked for, or that its content is not what was signed.
var ErrUnsigned = errors.New("not signed by this key")

// Verify checks that one of the certificates signed the file as it is now. The
// firmware decides by the same rule and, as it does, Verify does not look at
// the dates of a certificate: the machine's clock cannot be trusted that early.
// Else the error is ErrUnsigned, or ErrFormat for what is no PE file.
func Verify(path string, certs []*x509.Certificate) error {
	p, err := openPE(path)
	if err == nil {
		err = errors.Join(p.im.verify(p.file, certs), p.file.Close())
	}
	if err != nil {
		return fmt.Errorf("verify %s: %w", path, err)
	}
	return nil
}

// Sign writes in, with a signature by the db key added, to out: atomically, with
// the mode of in. Signatures that are there stay. A file that the key has signed
// already is written as it is, and when out is in it is not written at all.
func (k *Keys) Sign(in, out string) error {
	if k.DB.Key == nil {
		return fmt.Errorf("sign %s: %w", in, errNoKey)
	}
	p, err := openPE(in)
	if err == nil {
		err = errors.Join(p.sign(k.DB, in, out), p.file.Close())
	}
	if err != nil {
		return fmt.Errorf("sign %s: %w", in, err)
	}
	return nil
}

var errNoKey = errors.New("there is no key for it, only a certificate")

// pe is an image that is open for reading.
type pe struct {
	file *os.File
	im   *image
	mode fs.FileMode
}

func openPE(path string) (*pe, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = badf("no regular file")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	im, err := parse(file, info.Size())
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &pe{file, im, info.Mode().Perm()}, nil
}

func (im *image) signatures(r io.ReaderAt) ([]byte, error) {
	table, err := io.ReadAll(whole(r, im.certs))
	if err != nil {
		return nil, fmt.Errorf("read signatures: %w", err)
	}
	return table, nil
}

func (im *image) messages(r io.ReaderAt) ([][]byte, error) {
	table, err := im.signatures(r)
	return messages(table), err
}

func (im *image) verify(r io.ReaderAt, certs []*x509.Certificate) error {
	all, err := im.messages(r)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return ErrUnsigned
	}
	hash, err := im.digest(r)
	if err != nil {
		return err
	}
	for _, message := range all {
		if vouches(message, hash, certs) {
			return nil
		}
	}
	return ErrUnsigned
}

func (p *pe) sign(pair Pair, in, out string) error {
	signed, had, err := p.withSignature(pair)
	if err != nil || had && out == in {
		return err
	}
	_, err = atomicfile.WriteFrom(out, signed, p.mode)
	return err
}

// withSignature is the file with the signature, as a stream; had says that it has
// it already.
func (p *pe) withSignature(pair Pair) (r io.Reader, had bool, err error) {
	err = p.im.verify(p.file, []*x509.Certificate{pair.Cert})
	if err == nil {
		return whole(p.file, span{0, p.im.size}), true, nil
	}
	if errors.Is(err, ErrUnsigned) {
		r, err = p.signed(pair)
	}
	return r, false, err
}

// SignTo writes what Sign makes of in to w.
func (k *Keys) SignTo(w io.Writer, in string) error {
	if k.DB.Key == nil {
		return fmt.Errorf("sign %s: %w", in, errNoKey)
	}
	p, err := openPE(in)
	if err == nil {
		var signed io.Reader
		if signed, _, err = p.withSignature(k.DB); err == nil {
			_, err = io.Copy(w, signed)
		}
		err = errors.Join(err, p.file.Close())
	}
	if err != nil {
		return fmt.Errorf("sign %s: %w", in, err)
	}
	return nil
}

// signed is the image with one more signature, as a stream. The checksum in the
// headers stays what it was: it is no part of the hash, and neither the firmware
// nor the kernel looks at it.
func (p *pe) signed(pair Pair) (io.Reader, error) {
	hash, err := p.im.digest(p.file)
	if err != nil {
		return nil, err
	}
	message, err := authenticode(pair.Key, pair.Cert, hash)
	if err != nil {
		return nil, err
	}
	table, err := p.im.signatures(p.file)
	if err != nil {
		return nil, err
	}
	table = append(table, certificate(certPKCS, message)...)
	table = append(table, make([]byte, padding(int64(len(table))))...)
	im := p.im
	fill := padding(im.data)
	if im.data+fill+int64(len(table)) > 1<<32-1 {
		return nil, badf("more than 4 GiB")
	}
	head := bytes.Clone(im.head)
	binary.LittleEndian.PutUint32(head[im.certDir:], uint32(im.data+fill))
	binary.LittleEndian.PutUint32(head[im.certDir+4:], uint32(len(table)))
	return io.MultiReader(bytes.NewReader(head), whole(p.file, span{int64(len(head)), im.data}),
		bytes.NewReader(make([]byte, fill)), bytes.NewReader(table)), nil
}
