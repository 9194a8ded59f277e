package debian

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path"
)

// ReadFile returns one file of a package, named by its path without a leading
// slash. What stands behind it in the package is not unpacked.
func (d Deb) ReadFile(ctx context.Context, name string) (data []byte, err error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", d.Path)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open package %s: %w", d.Name, err)
	}
	data, err = findInTar(out, name)
	if errors.Is(err, io.EOF) {
		err = fs.ErrNotExist
	}
	cancel()
	if waited := cmd.Wait(); waited != nil && errors.Is(err, io.ErrUnexpectedEOF) {
		err = waited
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of package %s: %w", name, d.Name, err)
	}
	return data, nil
}

// findInTar ends with io.EOF when the file is not there.
func findInTar(r io.Reader, name string) ([]byte, error) {
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err != nil {
			return nil, err
		}
		if path.Clean(header.Name) == name && header.Typeflag == tar.TypeReg {
			return io.ReadAll(archive)
		}
	}
}
