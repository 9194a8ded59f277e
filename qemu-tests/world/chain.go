package world

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"moss/qemu-tests/debian"
)

// Chain is the root of a machine that is started the whole way: firmware,
// systemd-boot, entry, Debian's kernel, our image, a small system whose init is a
// shell. In LabDir are moss, moss-boot and flakey, and the kernel modules for a
// FAT and for EFI variables.
type Chain struct {
	*Root
	Kernel Kernel

	work  string
	mark  string // the package by which the live state can be told
	marks int
}

// FailPath is the file of a state that does not work: it says so and, when a line
// is typed, restarts the machine.
const FailPath = "usr/lib/lab/fails"

const chainInit = `#!/usr/bin/dash
export PATH=/usr/bin:/usr/sbin
mount -t proc proc /proc 2>/dev/null
if [ -e /` + FailPath + ` ]; then
	echo "mini: state $(cat /usr/.stateID) fails"
	read line
	echo b > /proc/sysrq-trigger
	read line
fi
echo "mini: state $(cat /usr/.stateID) is up"
exec dash -i
`

// NewChain makes the root below dir, with state 1 on it and the loader, and no
// loader.conf but the one that moss-boot writes.
func (w *World) NewChain(ctx context.Context, dir string, k Kernel) (*Chain, error) {
	root, err := w.NewRoot(filepath.Join(dir, "chain"), debian.CommandLine()...)
	if err != nil {
		return nil, err
	}
	c := &Chain{Root: root, Kernel: k, work: filepath.Join(dir, "chain-work")}
	if err := c.fill(ctx); err != nil {
		return nil, fmt.Errorf("make chain: %w", err)
	}
	return c, nil
}

// Copy is the same once more, below dir, to be changed on its own.
func (c *Chain) Copy(ctx context.Context, dir string) (*Chain, error) {
	root := *c.Root
	root.Dir = filepath.Join(dir, "chain")
	if out, err := exec.CommandContext(ctx, "cp", "-a", "--reflink=auto", c.Dir, root.Dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy chain: %w: %s", err, out)
	}
	twin := *c
	twin.Root, twin.work = &root, filepath.Join(dir, "chain-work")
	return &twin, os.Mkdir(twin.work, 0o755)
}

func (c *Chain) lab() lab { return lab{c.w, filepath.Join(c.Dir, LabDir), c.work} }

func (c *Chain) fill(ctx context.Context) error {
	if err := os.MkdirAll(c.work, 0o755); err != nil {
		return err
	}
	for _, step := range []func(context.Context, Kernel) error{c.lab().programs, c.lab().modules} {
		if err := step(ctx, c.Kernel); err != nil {
			return err
		}
	}
	boot, err := c.Boot(ctx, "boot", "")
	if err != nil {
		return err
	}
	stones, err := c.w.Pack(ctx, debian.Mini())
	if err != nil {
		return err
	}
	for _, folder := range []string{"proc", "sys", "dev", "run", "tmp", "mnt"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, folder), 0o755); err != nil {
			return err
		}
	}
	if err := c.State(ctx, nil, append(stones.Paths(), boot)...); err != nil {
		return err
	}
	return c.Loader(ctx)
}

// Boot packs what the machine is started with: the kernel without its modules,
// the image that has those which are needed, the loader, init. A tail behind the
// kernel makes it another one, which starts as well.
func (c *Chain) Boot(ctx context.Context, name, tail string) (string, error) {
	files := map[string][]byte{"usr/sbin/init": []byte(chainInit)}
	for _, program := range []string{"systemd-bootx64.efi", "linuxx64.efi.stub"} {
		data, err := c.Systemd(ctx, program)
		if err != nil {
			return "", err
		}
		files["usr/lib/systemd/boot/efi/"+program] = data
	}
	for name, from := range map[string]string{"vmlinuz": c.Kernel.Image, "50-moss.initrd": c.Kernel.Initrd} {
		data, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if name == "vmlinuz" {
			data = append(data, tail...)
		}
		files[filepath.Join("usr/lib/kernel", c.Kernel.Version, name)] = data
	}
	return c.Pack(ctx, name, files)
}

// Systemd is one of the EFI programs of Debian's systemd-boot.
func (c *Chain) Systemd(ctx context.Context, program string) ([]byte, error) {
	debs, err := c.w.Debs(ctx, debian.Loader())
	if err != nil {
		return nil, err
	}
	for _, deb := range debs {
		if data, err := deb.ReadFile(ctx, "usr/lib/systemd/boot/efi/"+program); err == nil {
			return data, nil
		}
	}
	return nil, fmt.Errorf("find %s: %w", program, os.ErrNotExist)
}

// Pack makes a package of files by path.
func (c *Chain) Pack(ctx context.Context, name string, files map[string][]byte) (string, error) {
	if err := c.lab().pack(ctx, filepath.Join(c.work, name), name, files); err != nil {
		return "", err
	}
	return filepath.Join(c.lab().to, name+".stone"), nil
}

// State installs packages and a new mark, usr/share/mark-N, in place of the one
// before; files are part of the mark, words are more of the command line.
func (c *Chain) State(ctx context.Context, files map[string][]byte, words ...string) error {
	stone, err := c.Mark(ctx, files)
	if err != nil {
		return err
	}
	args := append([]string{"install", stone}, words...)
	if c.mark != "" {
		args = append(args, "--without", c.mark)
	}
	c.mark = fmt.Sprintf("mark-%d", c.marks)
	_, err = c.Moss(ctx, args...)
	return err
}

// Mark packs the next mark.
func (c *Chain) Mark(ctx context.Context, files map[string][]byte) (string, error) {
	c.marks++
	name := fmt.Sprintf("mark-%d", c.marks)
	mark := map[string][]byte{"usr/share/" + name: []byte(name + "\n")}
	for path, data := range files {
		mark[path] = data
	}
	return c.Pack(ctx, name, mark)
}

// Write puts a file on the root, or below efi on the ESP, of a machine that has
// no disk yet.
func (c *Chain) Write(name, text string) error {
	path := filepath.Join(c.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// Entry is the name of a state's boot entry, without counter and suffix.
func (c *Chain) Entry(state int) (string, error) {
	text, err := os.ReadFile(filepath.Join(c.Dir, ".moss/boot/token"))
	return fmt.Sprintf("moss-%s-%d-%s_", strings.TrimSpace(string(text)), state, c.Kernel.Version), err
}
