package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoTool tells that a program which the host must have is not installed.
var ErrNoTool = errors.New("program is not installed")

// Tools returns ErrNoTool with the name of the first missing program and its
// Debian package, so that a test can say why it is left out.
func Tools() error {
	for _, tool := range [][2]string{
		{"mkfs.vfat", "dosfstools"}, {"mcopy", "mtools"}, {"mkfs.ext4", "e2fsprogs"}, {"debugfs", "e2fsprogs"},
		{"e2fsck", "e2fsprogs"}, {"qemu-img", "qemu-utils"},
	} {
		if _, err := lookTool(tool[0]); err != nil {
			return fmt.Errorf("%w: %s (package %s)", ErrNoTool, tool[0], tool[1])
		}
	}
	return nil
}

// lookTool finds administrator's programs even when PATH is an ordinary user's.
func lookTool(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err != nil {
			path, err = exec.LookPath(filepath.Join(dir, name))
		}
	}
	return path, err
}

// run starts a tool; its error holds what the tool complained about.
func run(ctx context.Context, name string, args ...string) error {
	_, _, err := output(ctx, name, args...)
	return err
}

// output also returns what a tool wrote to both of its streams: debugfs ends
// with status 0 whatever happened.
func output(ctx context.Context, name string, args ...string) (out []byte, said string, err error) {
	path, err := lookTool(name)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %s", ErrNoTool, name)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// mtools refuses valid images whose size it finds unusual, and spells
	// names in the locale's character set.
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "LC_ALL=C.UTF-8")
	err = cmd.Run()
	said = strings.TrimSpace(stderr.String())
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(said+"\n"+stdout.String()))
	}
	return stdout.Bytes(), said, err
}

// imageFormat never guesses beyond the magic number of qcow2.
func imageFormat(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err == nil && string(magic) == "QFI\xfb" {
		return "qcow2", nil
	}
	return "raw", nil
}
