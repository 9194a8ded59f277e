package world

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/disk"
)

// LabDir is where a lab disk keeps its tools: no state's business, so it is
// there whatever state is live.
const LabDir = "/opt/lab"

// noteCount is how many packages lie ready on a lab disk: note-1, note-2 and on.
const noteCount = 20

// Lab builds, below dir, the disk of a machine on which moss itself is run. Its
// only state, 1, is a shell with commands; its kernel is none, QEMU brings one. In
// LabDir are moss, moss-boot, the program flakey with the kernel modules it needs,
// the packages note-N, and tiny, a system of three files; each package and the
// state have a list of their files beside them, as flakey makes it of the folders
// from which they were packed.
func (w *World) Lab(ctx context.Context, dir string, k Kernel) (*disk.Disk, error) {
	root, err := w.NewRoot(filepath.Join(dir, "lab"))
	if err != nil {
		return nil, err
	}
	l := lab{w, filepath.Join(root.Dir, LabDir), dir}
	for _, step := range []func(context.Context, Kernel) error{l.programs, l.modules, l.notes, l.tiny} {
		if err := step(ctx, k); err != nil {
			return nil, fmt.Errorf("make lab: %w", err)
		}
	}
	if err := l.install(ctx, root, k); err != nil {
		return nil, fmt.Errorf("make lab: %w", err)
	}
	for _, folder := range []string{"proc", "sys", "dev", "run", "tmp", "mnt"} {
		if err := os.MkdirAll(filepath.Join(root.Dir, folder), 0o755); err != nil {
			return nil, err
		}
	}
	return root.Disk(ctx, filepath.Join(dir, "lab.raw"), 512<<20)
}

type lab struct {
	w    *World
	to   string // LabDir on the new root
	work string
}

// programs are no part of a state, so that what the states hold stays small: all of
// it is read again and again under emulation.
func (l lab) programs(ctx context.Context, _ Kernel) error {
	if err := os.MkdirAll(l.to, 0o755); err != nil {
		return err
	}
	if err := l.build(ctx, "flakey", "./qemu-tests/flakey"); err != nil {
		return err
	}
	for _, name := range []string{"moss", "moss-boot"} {
		if err := install(l.w.Program(name), filepath.Join(l.to, name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (l lab) build(ctx context.Context, name string, args ...string) error {
	build := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(l.to, name)}, args...)...)
	build.Dir, build.Env = l.w.Repo, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", name, err, out)
	}
	return nil
}

// modules are in the order in which they must be loaded.
func (l lab) modules(_ context.Context, k Kernel) error {
	for i, name := range []string{
		"drivers/md/dm-mod", "drivers/md/dm-flakey",
		"fs/nls/nls_cp437", "fs/nls/nls_ascii", "fs/fat/fat", "fs/fat/vfat",
		"lib/libcrc32c", "fs/xfs/xfs", "fs/efivarfs/efivarfs",
	} {
		from := filepath.Join(filepath.Dir(k.Image), "../../modules", k.Version, "kernel", name+".ko")
		if err := install(from, filepath.Join(l.to, "modules", fmt.Sprintf("%02d-%s.ko", i, filepath.Base(name))), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// notes differ in all files but one, so that one content is in the store already.
func (l lab) notes(ctx context.Context, _ Kernel) error {
	for n := 1; n <= noteCount; n++ {
		dir := filepath.Join(l.work, "note")
		files := map[string][]byte{"usr/share/note/same": noise(0, 20000)}
		for i := range 8 {
			files[fmt.Sprintf("usr/share/note/%d/text", i)] = noise(100*n+i, 1000<<i)
		}
		if err := l.pack(ctx, dir, fmt.Sprintf("note-%d", n), files); err != nil {
			return err
		}
	}
	return nil
}

// noise is a text of its own for every number: nothing can compress it away,
// every run makes the same.
func noise(n, size int) []byte {
	x := uint64(n)*0x9e3779b97f4a7c15 + 1
	text := make([]byte, size)
	for i := range text {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		text[i] = byte(x)
	}
	return text
}

// tiny can boot as far as the check before a transaction's end can tell: its init
// is a static program.
func (l lab) tiny(ctx context.Context, k Kernel) error {
	init, err := os.ReadFile(filepath.Join(l.to, "flakey"))
	if err != nil {
		return err
	}
	return l.pack(ctx, filepath.Join(l.work, "tiny"), "tiny", l.system(k, init))
}

func (l lab) system(k Kernel, init []byte) map[string][]byte {
	kernel := filepath.Join("usr/lib/kernel", k.Version)
	return map[string][]byte{
		"usr/sbin/init": init, filepath.Join(kernel, "vmlinuz"): noise(1, 1<<20), filepath.Join(kernel, "50-lab.initrd"): noise(2, 1<<18),
	}
}

func (l lab) pack(ctx context.Context, dir, name string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for file, text := range files {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o755); err != nil {
			return err
		}
	}
	stone, err := l.w.PackDir(ctx, dir, name, "1", l.work)
	if err != nil {
		return err
	}
	if err := os.Rename(stone, filepath.Join(l.to, name+".stone")); err != nil {
		return err
	}
	return l.list(ctx, filepath.Join(dir, "usr"), name)
}

func (l lab) list(ctx context.Context, dir, name string) error {
	out, err := exec.CommandContext(ctx, filepath.Join(l.to, "flakey"), "list", dir).Output()
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	return os.WriteFile(filepath.Join(l.to, name+".list"), out, 0o644)
}

func (l lab) install(ctx context.Context, root *Root, k Kernel) error {
	stones, err := l.w.Pack(ctx, debian.Mini())
	if err != nil {
		return err
	}
	if err := l.pack(ctx, filepath.Join(l.work, "system"), "lab", l.system(k, []byte(miniInit))); err != nil {
		return err
	}
	if _, err := root.Moss(ctx, append([]string{"install", filepath.Join(l.to, "lab.stone")}, stones.Paths()...)...); err != nil {
		return err
	}
	return l.list(ctx, filepath.Join(root.Dir, "usr"), "base")
}
