package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/internal/cmdline"
	"moss/internal/mount"
	"moss/store"
)

// machine is where the kernel and udev tell of mounts and devices.
type machine struct{ proc, sys, dev, udev string }

func thisMachine() machine { return machine{"/proc", "/sys", "/dev", "/run/udev/data"} }

// RootError says that an entry would not know where its root is.
type RootError struct {
	Root string
	Why  string // what was in the way of finding it, or ""
}

func (e *RootError) Error() string {
	said := "no root= for the kernel command line of " + e.Root
	if e.Why != "" {
		said += ": " + e.Why
	}
	return said
}

// Unwrap makes it a refusal: nothing was changed.
func (e *RootError) Unwrap() error { return store.ErrRefused }

// Hint says where it belongs.
func (e *RootError) Hint() string {
	return e.write() + ", or use --no-boot"
}

func (e *RootError) write() string {
	return "write root=UUID=... rw into " + filepath.Join(e.Root, "etc/kernel/cmdline.d/10-root.cmdline")
}

// withRoot puts in front of the snippets' parameters where the root is. A snippet
// that says root= says all of it, even where the machine runs from another device:
// whoever wrote it may be about to move the disk. Otherwise it is what the running
// system was booted with, for that has worked; and where it was booted without, or
// the root is not the running system, what the mount table says. Of the found
// words, one that a snippet says too is left to the snippet.
func withRoot(found func() ([]string, error), snippets []string) ([]string, error) {
	said := map[string]bool{}
	for _, word := range snippets {
		said[slot(word)] = true
	}
	if said["root"] {
		return snippets, nil
	}
	words, err := found()
	if err != nil {
		return nil, err
	}
	words = slices.DeleteFunc(slices.Clone(words), func(word string) bool { return said[slot(word)] })
	return append(words, snippets...), nil
}

// slot is what a word about the root sets: of two words with one slot the last
// one counts. "" is a word about something else.
func slot(word string) string {
	switch key := keyOf(word); {
	case key == "rw", key == "ro":
		return "rw"
	case slices.Contains([]string{"root", "rootfstype", "rootflags", "rootwait", "rootdelay"}, key):
		return key
	case key == "cryptdevice", key == "luks", slices.ContainsFunc([]string{"rd.luks", "luks.", "rd.lvm", "rd.md"}, func(p string) bool { return strings.HasPrefix(key, p) }):
		return word // there may be several
	}
	return ""
}

// rootWords finds the words that lead an initramfs to a root.
func (m machine) rootWords(root string) ([]string, error) {
	line, err := m.running(root)
	if err != nil {
		return nil, err
	}
	if words := keptWords(line); slices.ContainsFunc(words, func(word string) bool { return slot(word) == "root" }) {
		return append(m.openedWords(root, words), words...), nil
	}
	words, why, err := m.mountedRoot(root)
	if err == nil && why != "" {
		err = &RootError{root, why}
	}
	return words, err
}

// openedWords name the LUKS containers that the root is in, for kept words that do
// not: what opened them, such as a crypttab in the initramfs of the last boot, need
// not be in that of the next.
func (m machine) openedWords(root string, kept []string) []string {
	luks := func(word string) bool {
		key := keyOf(word)
		return key == "luks" || strings.HasPrefix(key, "luks.") || strings.HasPrefix(key, "rd.luks")
	}
	if slices.ContainsFunc(kept, luks) {
		return nil
	}
	words, why, err := m.mountedRoot(root)
	if err != nil || why != "" {
		return nil
	}
	return slices.DeleteFunc(words, func(word string) bool { return !luks(word) })
}

// keptWords are the words about the root of a command line that has worked. Each
// slot keeps its last word only: what is kept is booted with, and read again from
// there, and must not grow.
func keptWords(line string) []string {
	all, _ := rawWords(line)
	if end := slices.IndexFunc(all, endsParameters); end >= 0 {
		all = all[:end]
	}
	seen := map[string]bool{"": true}
	var kept []string
	for _, word := range slices.Backward(all) {
		if s := slot(word); !seen[s] {
			seen[s] = true
			kept = append(kept, word)
		}
	}
	slices.Reverse(kept)
	return kept
}

// running is the command line this machine was booted with, "" for a root that is
// not the running system's: another folder, or the "/" of a chroot, as an
// installer makes one.
func (m machine) running(root string) (string, error) {
	if filepath.Clean(root) != "/" || m.inChroot() {
		return "", nil
	}
	data, err := os.ReadFile(filepath.Join(m.proc, "cmdline"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

// inChroot compares our root with that of PID 1; who may not look is no installer.
func (m machine) inChroot() bool {
	first, err := os.Stat(filepath.Join(m.proc, "1/root") + "/")
	own, bad := os.Stat("/")
	return err == nil && bad == nil && !os.SameFile(first, own)
}

// running is that of this machine.
func running(root string) (string, error) { return thisMachine().running(root) }

// mountedRoot reads from the mount table what a root is on, or why that cannot be
// said on a command line.
func (m machine) mountedRoot(root string) (words []string, why string, err error) {
	table, err := os.Open(filepath.Join(m.proc, "self/mountinfo"))
	if err != nil {
		return nil, "the mount table cannot be read: " + err.Error(), nil
	}
	defer table.Close()
	points, err := mount.Table(table)
	if err != nil {
		return nil, "", err
	}
	path, err := filepath.Abs(root)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return nil, "", fmt.Errorf("find the root's device: %w", err)
	}
	point, ok := mount.At(points, path)
	if !ok {
		return nil, "no file system is mounted there", nil
	}
	words, why = m.pointWords(point)
	return words, why, nil
}

// pointWords names the device of a mount, and on btrfs the subvolume: without that
// the default one would be mounted, which anybody may change.
func (m machine) pointWords(p mount.Point) (words []string, why string) {
	name := m.deviceOf(p)
	if name == "" {
		return nil, fmt.Sprintf("%s of type %s is not on a block device", p.Source, p.FSType)
	}
	words, why = m.deviceWords(name, p.FSType)
	switch {
	case why != "":
		return nil, why
	case p.FSType == "btrfs":
		flags, why := subvolume(p)
		return append(words, flags, "rw"), why
	case p.Root != "/":
		return nil, fmt.Sprintf("it is the folder %s of a file system, not all of it", p.Root)
	}
	return append(words, "rw"), ""
}

func subvolume(p mount.Point) (flags, why string) {
	for _, option := range p.SuperOptions {
		if name, ok := strings.CutPrefix(option, "subvol="); ok && name != p.Root {
			return "", fmt.Sprintf("it is the folder %s of the subvolume %s", p.Root, name)
		}
	}
	if strings.ContainsFunc(p.Root, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`",\`, r) }) {
		return "", fmt.Sprintf("the subvolume's name %q cannot be written on a command line", p.Root)
	}
	flags = "rootflags=subvol=" + p.Root
	if strings.Contains(flags, " ") {
		flags = `"` + flags + `"`
	}
	return flags, ""
}

// bare says what a kernel without an initramfs does with a command line. It finds a
// root by itself only under these names (early_lookup_bdev, block/early-lookup.c).
func bare(line cmdline.Line) string {
	value, _ := line.Last("root")
	known := func(prefix string) bool { return strings.HasPrefix(value, prefix) }
	needs := func(p cmdline.Param) bool { return strings.HasPrefix(p.Key, "rd.") }
	if slices.ContainsFunc([]string{"/dev/mapper/", "/dev/disk/"}, known) || slices.ContainsFunc(line.Params, needs) ||
		!slices.ContainsFunc([]string{"PARTUUID=", "PARTLABEL=", "/dev/"}, known) {
		return "by itself it does not find root=" + value
	}
	return "it starts whatever /usr is live, not the state that the entry names"
}
