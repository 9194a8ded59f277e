package world

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/disk"
)

// miniInit is the init of the mini system: it notes when it began, in seconds of
// the machine's clock, says which state it is and leaves a shell at the console. It is a script, so the check before the switch has to
// follow its interpreter and that one's libraries.
const miniInit = `#!/usr/bin/dash
export PATH=/usr/bin:/usr/sbin
mount -t proc proc /proc 2>/dev/null
read -r MINI_UP rest </proc/uptime
export MINI_UP
echo "mini: state $(cat /usr/.stateID) is up"
exec dash -i
`

// Mini builds, below dir, a disk with three states of a system so small that it
// boots in seconds: 1 and 2 work, 3 is live and has no C library. None has a
// kernel of its own: the tests hand it to QEMU, and need no loader.
func (w *World) Mini(ctx context.Context, dir string) (*disk.Disk, error) {
	stones, err := w.Pack(ctx, debian.Mini())
	if err != nil {
		return nil, err
	}
	root, err := w.NewRoot(filepath.Join(dir, "mini"))
	if err != nil {
		return nil, err
	}
	marks := map[int]string{}
	for n := 1; n <= 2; n++ {
		if marks[n], err = w.mark(ctx, n, dir); err != nil {
			return nil, err
		}
	}
	for _, args := range [][]string{
		append([]string{"install", marks[1]}, stones.Paths()...),
		{"install", marks[2], "--without", "mark1"},
		{"remove", "libc6", "--force"},
	} {
		if _, err := root.Moss(ctx, args...); err != nil {
			return nil, err
		}
	}
	for _, folder := range []string{"proc", "sys", "dev", "run", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root.Dir, folder), 0o755); err != nil {
			return nil, err
		}
	}
	return root.Disk(ctx, filepath.Join(dir, "mini.raw"), 512<<20)
}

// mark is a package by which a state can be told in the guest; the first one
// brings the init as well.
func (w *World) mark(ctx context.Context, n int, out string) (string, error) {
	dir, err := os.MkdirTemp(out, "mark-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	files := map[string]string{
		fmt.Sprintf("usr/share/mark%d", n): fmt.Sprintf("%d\n", n),
		"usr/sbin/init":                    miniInit,
		// systemd in another initramfs switches to nothing that lacks it.
		"usr/lib/os-release": "ID=mini\nNAME=Mini\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			return "", err
		}
	}
	return w.PackDir(ctx, dir, fmt.Sprintf("mark%d", n), "1", out)
}
