package world

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"moss/qemu-tests/disk"
)

// Flaw is one thing that is wrong with state 2 of the mini disk, or with what is
// around it; Break puts it elsewhere.
type Flaw struct {
	Name string
	// Reason is a part of what early boot says of it; empty when state 2 boots all
	// the same.
	Reason string
	// Commands are debugfs(8)'s, done before Files, which are by their paths on the
	// disk and replace what is there.
	Commands []string
	Files    map[string]Content
}

// Content is what becomes of a file.
type Content struct {
	Mode os.FileMode
	// Make gets the file as it was, nil where none was; or the file From.
	Make func(old []byte) ([]byte, error)
	From string
}

// The places of what a boot of the mini system needs, on its disk.
const (
	tree1, tree2 = "/.moss/root/1/usr", "/.moss/root/2/usr"

	script      = tree2 + "/sbin/init"
	interpreter = tree2 + "/bin/dash"
	libraries   = "/lib/x86_64-linux-gnu"
	library     = tree2 + libraries + "/libc.so.6"
)

// Break does that to a state, which is state 2 or like it, of a copy of the disk
// that Mini made below dir.
func (f Flaw) Break(ctx context.Context, dir, path string, state int) error {
	d, err := disk.Open(ctx, path)
	if err != nil {
		return err
	}
	at := strings.NewReplacer("/.moss/root/2", fmt.Sprint("/.moss/root/", state), "/failed/2", fmt.Sprint("/failed/", state))
	var commands []string
	for _, command := range f.Commands {
		if state == 2 || command != "mkdir /.moss/boot/failed" {
			commands = append(commands, at.Replace(command))
		}
	}
	if err := d.EditRoot(ctx, commands...); err != nil {
		return fmt.Errorf("break state %d (%s): %w", state, f.Name, err)
	}
	for name, content := range f.Files {
		if err := content.put(ctx, d, dir, name, at.Replace(name)); err != nil {
			return fmt.Errorf("break state %d (%s): %w", state, f.Name, err)
		}
	}
	return nil
}

func (c Content) put(ctx context.Context, d *disk.Disk, dir, name, to string) error {
	_, missing := os.Stat(filepath.Join(dir, "mini", name))
	old, err := os.ReadFile(filepath.Join(dir, "mini", cmp.Or(c.From, name)))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	data, err := c.Make(old)
	if err != nil {
		return err
	}
	file := d.Path + ".new"
	defer os.Remove(file)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return err
	}
	if err := os.Chmod(file, c.Mode); err != nil {
		return err
	}
	var commands []string
	if missing == nil {
		commands = append(commands, "rm "+to)
	}
	return d.EditRoot(ctx, append(commands, "write "+file+" "+to)...)
}

// Text is a file of these words.
func Text(mode os.FileMode, text string) Content {
	return Content{Mode: mode, Make: func([]byte) ([]byte, error) { return []byte(text), nil }}
}

// Flaws are all that early boot finds by itself before it switches to a state.
func Flaws() []Flaw {
	return slices.Concat(treeFlaws(), programFlaws(), libraryFlaws(), exchangeFlaws())
}

func treeFlaws() []Flaw {
	return []Flaw{
		{Name: "tree missing", Reason: tree2 + " is missing", Commands: []string{"unlink " + tree2}},
		{Name: "folder missing", Reason: tree2 + " is missing", Commands: []string{"unlink /.moss/root/2"}},
		{Name: "unsealed", Reason: tree2 + " is not sealed: no valid .stateID", Commands: []string{"rm " + tree2 + "/.stateID"}},
		{Name: "seal damaged", Reason: tree2 + " is not sealed: no valid .stateID", Files: map[string]Content{tree2 + "/.stateID": Text(0o644, "2\x00\x00")}},
		{Name: "tree of another", Reason: tree2 + " is missing", Files: map[string]Content{tree2 + "/.stateID": Text(0o644, "500")}},
		{Name: "misnamed", Commands: []string{"ln /.moss/root/2 /.moss/root/88", "unlink /.moss/root/2"}},
		{Name: "no modules", Reason: "/usr/lib/modules has no modules for kernel ", Commands: []string{"mkdir " + tree2 + "/lib/modules", "mkdir " + tree2 + "/lib/modules/9.9.9"},
			Files: map[string]Content{tree2 + "/lib/modules/9.9.9/modules.dep": Text(0o644, "")}},
		{Name: "recorded", Reason: "failed before (2026-01-02T03:04:05Z): the boot was not blessed",
			Commands: []string{"mkdir /.moss/boot/failed"},
			Files:    map[string]Content{"/.moss/boot/failed/2": Text(0o644, "reason: the boot was not blessed\ntime: 2026-01-02T03:04:05Z\n")}},
	}
}

func programFlaws() []Flaw {
	return []Flaw{
		{Name: "init missing", Reason: "/sbin/init is missing", Commands: []string{"rm " + script}},
		{Name: "init not executable", Reason: "/usr/sbin/init is not executable", Files: map[string]Content{script: {Mode: 0o644, Make: same}}},
		{Name: "init of another machine", Reason: "/usr/sbin/init is for another kind of machine", Files: map[string]Content{script: {Mode: 0o755, Make: foreign, From: interpreter}}},
		{Name: "interpreter of another machine", Reason: "/usr/bin/dash is for another kind of machine", Files: map[string]Content{interpreter: {Mode: 0o755, Make: foreign}}},
		{Name: "interpreter missing", Reason: "/usr/bin/dash is missing", Commands: []string{"rm " + interpreter}},
		{Name: "loader missing", Reason: "needs its interpreter", Commands: []string{"unlink " + tree2 + "/lib64"}},
	}
}

func libraryFlaws() []Flaw {
	const extra, other = "/lib/extra", tree1 + libraries + "/libc.so.6"
	return []Flaw{
		{Name: "library missing", Reason: "libc.so.6", Commands: []string{"rm " + library}},
		{Name: "library cut short", Reason: "is cut short", Files: map[string]Content{library: {Mode: 0o644, Make: half}}},
		// Both states keep it where only ld.so.conf says that it is; one has lost it.
		{Name: "library of ld.so.conf missing", Reason: "libc.so.6",
			Commands: []string{"mkdir " + tree1 + extra, "ln " + other + " " + tree1 + extra + "/libc.so.6", "unlink " + other, "rm " + library},
			Files:    map[string]Content{"/etc/ld.so.conf": Text(0o644, "/usr"+extra+"\n"), "/etc/ld.so.cache": {Mode: 0o644, Make: cacheOf("/usr" + extra)}}},
	}
}

// exchangeFlaws make the kernel refuse the exchange of two sound trees.
func exchangeFlaws() []Flaw {
	return []Flaw{
		// A folder of another project takes no names from outside (ext4_cross_rename).
		{Name: "exchange across projects", Reason: "the exchange with /usr was refused: the two are on different file systems (invalid cross-device link)",
			Commands: []string{"feature project", "sif /.moss/root/2 projid 7", "sif /.moss/root/2 flags 0x20080000"}},
		{Name: "exchange not permitted", Reason: "the exchange with /usr was refused: error of the system (operation not permitted)",
			Commands: []string{"sif " + tree2 + " flags 0x80010"}}, // immutable
		// The tree's ".." is not the folder that it is in.
		{Name: "exchange of damaged folders", Reason: "the exchange with /usr was refused: the disk reports an error (structure needs cleaning)",
			Commands: []string{"mkdir /.moss/root/20", "ln " + tree2 + " /.moss/root/20/usr", "unlink " + tree2, "unlink /.moss/root/2", "ln /.moss/root/20 /.moss/root/2", "unlink /.moss/root/20"}},
	}
}

// DamagedRoot is no fault of state 2: the file system has an error, so that it makes
// itself read-only when that is met, which is before the first exchange. State 3,
// which is live, can boot here.
func DamagedRoot() Flaw {
	return Flaw{
		Name: "damaged root", Reason: "the exchange with /usr was refused: the root cannot be written (read-only file system)",
		Commands: append(liveBoots(), "ssv errors 2", "zap_block -f /.moss/root/1 0"),
	}
}

// liveBoots gives state 3 what it lacks.
func liveBoots() []string {
	commands := []string{"ln " + tree2 + "/lib64 /usr/lib64", "rm /lib64", "symlink /lib64 usr/lib64"}
	for _, name := range []string{"/libc.so.6", "/ld-linux-x86-64.so.2"} {
		commands = append(commands, "ln "+tree2+libraries+name+" /usr"+libraries+name)
	}
	return commands
}

// Mended is a state 2 that works now, of which early boot has recorded that it did
// not, after a restart.
func Mended() Flaw {
	return Flaw{Name: "mended", Commands: []string{"mkdir /.moss/boot/failed"}, Files: map[string]Content{
		"/.moss/boot/failed/2": Text(0o644, "reason: /sbin/init is missing\nkernel: 6.1\ntime: 2026-01-02T03:04:05Z\ntree: 1-1\n"),
		"/.moss/boot/attempts": Text(0o644, "1\n"),
	}}
}

// FlawNamed is one of them.
func FlawNamed(name string) Flaw {
	all := Flaws()
	return all[slices.IndexFunc(all, func(f Flaw) bool { return f.Name == name })]
}

func same(old []byte) ([]byte, error) { return old, nil }
func half(old []byte) ([]byte, error) { return old[:len(old)/2], nil }

// foreign is the same program for an ARM processor, as far as its header says
// (e_machine in the ELF specification).
func foreign(old []byte) ([]byte, error) {
	data := slices.Clone(old)
	data[18], data[19] = 183, 0
	return data, nil
}

// cacheOf has ldconfig(8) make the cache of a folder with a C library.
func cacheOf(folder string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) {
		dir, err := os.MkdirTemp("", "ld-cache-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		for _, name := range []string{"etc", strings.TrimPrefix(folder, "/")} {
			if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
				return nil, err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "etc/ld.so.conf"), []byte(folder+"\n"), 0o644); err != nil {
			return nil, err
		}
		// Any library of this machine will do: names and places are all that is kept.
		if err := install("/usr"+libraries+"/libc.so.6", filepath.Join(dir, folder, "libc.so.6"), 0o755); err != nil {
			return nil, err
		}
		if out, err := exec.Command("ldconfig", "-r", dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ldconfig: %w: %s", err, out)
		}
		return os.ReadFile(filepath.Join(dir, "etc/ld.so.cache"))
	}
}

// Flakey builds the program of that name into a folder.
func (w *World) Flakey(ctx context.Context, dir string) (string, error) {
	return filepath.Join(dir, "flakey"), lab{w: w, to: dir}.build(ctx, "flakey", "./qemu-tests/flakey")
}
