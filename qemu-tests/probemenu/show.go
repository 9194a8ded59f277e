package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// show prints one hash of the loader's folder and ours.
func show(dir string) error {
	sum := sha256.New()
	for _, folder := range []string{"loader", "moss-" + token} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			fmt.Fprintln(sum, path)
			_, err = io.Copy(sum, file)
			return err
		})
		if err != nil {
			return err
		}
	}
	fmt.Printf("menu: %x\n", sum.Sum(nil))
	return nil
}
