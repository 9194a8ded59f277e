package bootloader

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Content is what a file holds, without holding it: SHA-256 in hexadecimal, and
// the size in bytes.
type Content struct {
	Hash string
	Size uint64
}

// Contents knows files by their path.
type Contents map[string]Content

// Digest hashes the kernels and initrds of the states that the menu will show,
// and of the rescue entry. States share files by hard link, so each is read once.
func Digest(w Want) (Contents, error) {
	contents := Contents{}
	byInode := map[[2]uint64]Content{}
	for _, s := range w.kept() {
		for _, k := range s.Kernels {
			if err := contents.digest(k, byInode); err != nil {
				return nil, fmt.Errorf("hash boot files of state %d: %w", s.ID, err)
			}
		}
	}
	if w.Rescue != nil {
		if err := contents.digest(*w.Rescue, byInode); err != nil {
			return nil, fmt.Errorf("hash boot files of the rescue entry: %w", err)
		}
	}
	return contents, nil
}

func (c Contents) digest(k Kernel, byInode map[[2]uint64]Content) error {
	for _, path := range append([]string{k.Image}, k.Initrds...) {
		content, err := digestOnce(path, byInode)
		if err != nil {
			return err
		}
		c[path] = content
	}
	return nil
}

func digestOnce(path string, byInode map[[2]uint64]Content) (Content, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Content{}, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return Content{}, fmt.Errorf("%s: empty or no file", path)
	}
	var inode [2]uint64
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = [2]uint64{uint64(st.Dev), st.Ino}
	}
	if content, ok := byInode[inode]; ok {
		return content, nil
	}
	content, err := digestFile(path)
	if err == nil {
		byInode[inode] = content
	}
	return content, err
}

func digestFile(path string) (Content, error) {
	file, err := os.Open(path)
	if err != nil {
		return Content{}, err
	}
	defer file.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, file)
	return Content{Hash: hex.EncodeToString(hash.Sum(nil)), Size: uint64(n)}, err
}
