package kmod

import (
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// insert is finit_module(2). The kernel reads the file itself, so a signature
// policy that looks at files (IMA, LoadPin) sees where it came from.
func insert(path, params string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := 0
	if !strings.HasSuffix(path, ".ko") {
		// Since Linux 5.17, with CONFIG_MODULE_DECOMPRESS; EINVAL before.
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	if err := unix.FinitModule(int(f.Fd()), params, flags); err != nil {
		return &fs.PathError{Op: "finit_module", Path: path, Err: err}
	}
	return nil
}
