package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/initramfs/kmod"
)

// machine is what the running machine needs to reach its root.
type machine struct {
	names     []string // modules: file systems, and drivers that are bound now
	aliases   []string // of the devices between the root and the processor
	loaded    []string
	encrypted bool   // the root is in a LUKS container
	rootType  string // file system of the root
}

// HostError says that there is no machine to look at.
type HostError struct{ Err error }

func (e *HostError) Error() string { return "build for this machine alone: " + e.Err.Error() }

// Unwrap is why.
func (e *HostError) Unwrap() error { return e.Err }

// Hint says how to do without.
func (e *HostError) Hint() string {
	return "name the modules instead (--only ext4,virtio_blk,virtio_pci; mode: list and modules: in initramfs.yaml), or build the generic image"
}

// host looks at the running machine. Only the devices on the way to the root
// count: the drivers of others come from the root itself.
func (p *plan) host() (machine, error) {
	if p.cfg.Host == "" {
		return machine{}, &HostError{fmt.Errorf("%s is not the root of the running system", p.cfg.Root)}
	}
	h := hostReader{root: p.cfg.Host, seen: map[string]bool{}}
	h.found.loaded, _ = kmod.Loaded(h.path("proc/modules")) // a kernel without modules has no such file
	if err := h.read(); err != nil {
		return machine{}, &HostError{err}
	}
	if _, err := os.Stat(h.path("sys/firmware/efi")); err == nil {
		// For the way back to an earlier state: its entry is on $BOOT.
		h.found.names = append(h.found.names, "efivarfs", "vfat")
	}
	return h.found, nil
}

type hostReader struct {
	root  string
	found machine
	seen  map[string]bool // devices
}

func (h *hostReader) path(name string) string { return filepath.Join(h.root, name) }

func (h *hostReader) read() error {
	fsType, device, source, err := h.rootMount()
	if err != nil {
		return err
	}
	h.found.rootType = fsType
	h.found.names = append(h.found.names, fsType)
	dir := h.path("sys/dev/block/" + device)
	// btrfs and others have device numbers of their own; the source names one.
	if _, err := os.Stat(dir); err != nil {
		dir = h.path("sys/class/block/" + h.kernelName(source))
	}
	if _, err := os.Stat(dir); err != nil || source == "" {
		return fmt.Errorf("its root is %s, which is on no disk here", fsType)
	}
	if err := h.device(dir); err != nil {
		return err
	}
	return h.others(fsType, source)
}

// rootMount finds the mount at /, the last one made, in mountinfo
// (Documentation/filesystems/proc.rst, 3.5).
func (h *hostReader) rootMount() (fsType, device, source string, err error) {
	text, err := os.ReadFile(h.path("proc/self/mountinfo"))
	if err != nil {
		return "", "", "", err
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) > 4 && left[4] == "/" && len(right) > 1 {
			fsType, device, source = right[0], left[2], right[1]
		}
	}
	if fsType == "" {
		return "", "", "", errors.New("no file system is mounted at /")
	}
	return fsType, device, source, nil
}

// kernelName is what the kernel calls the device that a mount names, which may be
// a link such as /dev/mapper/root.
func (h *hostReader) kernelName(source string) string {
	if real, err := filepath.EvalSymlinks(h.path(source)); err == nil {
		source = real
	}
	return filepath.Base(source)
}

// others follows what else the root needs: further devices of a btrfs, and swap if
// the machine is to resume from it.
func (h *hostReader) others(fsType, source string) error {
	var names []string
	if fsType == "btrfs" {
		members, _ := filepath.Glob(h.path("sys/fs/btrfs/*/devices/*"))
		mine := slices.ContainsFunc(members, func(m string) bool { return filepath.Base(m) == h.kernelName(source) })
		for _, m := range members {
			if mine && filepath.Dir(m) == filepath.Dir(h.memberOf(members, source)) {
				names = append(names, filepath.Base(m))
			}
		}
	}
	if line, err := os.ReadFile(h.path("proc/cmdline")); err == nil && strings.Contains(" "+string(line), " resume=") {
		swaps, _ := os.ReadFile(h.path("proc/swaps"))
		for line := range strings.Lines(string(swaps)) {
			if words := strings.Fields(line); len(words) > 1 && words[1] == "partition" {
				names = append(names, h.kernelName(words[0]))
			}
		}
	}
	for _, name := range names {
		if err := h.device(h.path("sys/class/block/" + name)); err != nil {
			return err
		}
	}
	return nil
}

func (h *hostReader) memberOf(members []string, source string) string {
	i := slices.IndexFunc(members, func(m string) bool { return filepath.Base(m) == h.kernelName(source) })
	return members[max(i, 0)]
}

// device takes a device of sysfs with all that it hangs on.
func (h *hostReader) device(dir string) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil || h.seen[real] {
		return err
	}
	h.seen[real] = true
	if uuid, err := os.ReadFile(filepath.Join(real, "dm/uuid")); err == nil {
		h.found.names = append(h.found.names, "dm_mod")
		if strings.HasPrefix(string(uuid), "CRYPT-") {
			h.found.encrypted = true
		}
	}
	below, err := os.ReadDir(filepath.Join(real, "slaves"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, one := range below {
		if err := h.device(filepath.Join(real, "slaves", one.Name())); err != nil {
			return err
		}
	}
	return h.ancestors(real)
}

// ancestors notes each device from a disk up to its bus. The parts of a disk lie
// in the disk's folder.
func (h *hostReader) ancestors(dir string) error {
	top, err := filepath.EvalSymlinks(h.path("sys"))
	if err != nil {
		return err
	}
	for ; len(dir) > len(top)+1; dir = filepath.Dir(dir) {
		if alias, err := os.ReadFile(filepath.Join(dir, "modalias")); err == nil {
			h.found.aliases = append(h.found.aliases, strings.TrimSpace(string(alias)))
		}
		if module, err := os.Readlink(filepath.Join(dir, "driver/module")); err == nil {
			h.found.names = append(h.found.names, filepath.Base(module))
		}
		// An NVMe disk with several ways hangs on none of them by its path.
		if filepath.Base(filepath.Dir(dir)) == "nvme-subsystem" {
			ways, _ := filepath.Glob(filepath.Join(dir, "nvme[0-9]*", "device"))
			for _, way := range ways {
				if err := h.device(way); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
