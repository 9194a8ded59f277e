package blit

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"moss/store/asset"
	"moss/store/tree"
)

func copyFile(e tree.Entry, from string, folder int, base string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	return create(e, source, folder, base)
}

// create makes a file of its own; a nil content makes an empty one.
func create(e tree.Entry, content io.Reader, folder int, base string) error {
	fd, err := unix.Openat(folder, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), base)
	if content != nil {
		_, err = io.Copy(f, content)
	}
	if err == nil {
		err = asset.Dress(f, e.Layout)
	}
	return errors.Join(err, f.Close())
}
