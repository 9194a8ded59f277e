package kmod

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

// kernel records what it is asked to load and refuses some.
type kernel struct {
	asked  []string
	refuse map[string]error
}

func (k *kernel) insert(path, params string) error {
	name := strings.TrimSuffix(filepath.Base(path), ".ko")
	k.asked = append(k.asked, strings.TrimSpace(name+" "+params))
	if err := k.refuse[name]; err != nil {
		return &fs.PathError{Op: "finit_module", Path: path, Err: err}
	}
	return nil
}

func loader(t *testing.T, k *kernel, loaded []string, params map[string]string, blacklist ...string) *Loader {
	t.Helper()
	l, err := NewLoader("testdata/debian", loaded, params, blacklist)
	if err != nil {
		t.Fatal(err)
	}
	l.Insert = k.insert
	return l
}

func asked(t *testing.T, k *kernel, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, k.asked); diff != "" {
		t.Error(diff)
	}
	k.asked = nil
}

func TestLoadInOrderAndOnce(t *testing.T) {
	k := &kernel{}
	l := loader(t, k, nil, nil)
	for range 2 {
		if err := l.Load("ext4"); err != nil {
			t.Fatal(err)
		}
	}
	asked(t, k, "crc32c-intel", "crc32c_generic", "jbd2", "mbcache", "crc16", "ext4")
	if err := l.Load("libcrc32c"); err != nil {
		t.Fatal(err)
	}
	asked(t, k, "libcrc32c")
}

func TestLoadSkipsWhatIsThere(t *testing.T) {
	k := &kernel{refuse: map[string]error{"crc16": unix.EEXIST}}
	l := loader(t, k, []string{"jbd2", "crc32c_generic", "crc32c-intel"}, nil)
	for _, name := range []string{"ext4", "sha256_generic", "crc16"} {
		if err := l.Load(name); err != nil {
			t.Fatal(err)
		}
	}
	asked(t, k, "mbcache", "crc16", "ext4")
}

func TestLoadPassesParameters(t *testing.T) {
	k := &kernel{}
	l := loader(t, k, nil, map[string]string{"nvme-core": "io_timeout=60 max_retries=9"},
		"crct10dif-pclmul", "crct10dif_generic")
	if err := l.Load("nvme"); err != nil {
		t.Fatal(err)
	}
	asked(t, k, "crct10dif_common", "crc64", "crc-t10dif", "crc64-rocksoft", "t10-pi",
		"nvme-core io_timeout=60 max_retries=9", "nvme")
}

func TestSoftDependencyMayFail(t *testing.T) {
	k := &kernel{refuse: map[string]error{"crc32c-intel": unix.ENODEV}}
	l := loader(t, k, nil, nil)
	var heard []error
	l.Ignored = func(err error) { heard = append(heard, err) }
	for _, name := range []string{"ext4", "libcrc32c"} {
		if err := l.Load(name); err != nil {
			t.Fatal(err)
		}
	}
	// Not asked for again: reading a module that the processor lacks costs time.
	asked(t, k, "crc32c-intel", "crc32c_generic", "jbd2", "mbcache", "crc16", "ext4", "libcrc32c")
	if len(heard) != 1 || !errors.Is(heard[0], unix.ENODEV) {
		t.Errorf("got %v, want one ENODEV", heard)
	}
	if err := l.Load("crc32c_intel"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("wanted by name: got %v, want ENODEV", err)
	}
}

func TestHardFailureNamesModuleFileErrno(t *testing.T) {
	k := &kernel{refuse: map[string]error{"jbd2": unix.ENOEXEC}}
	err := loader(t, k, nil, nil).Load("ext4")
	want := fmt.Sprintf("load module jbd2 for ext4: finit_module testdata/debian/kernel/fs/jbd2/jbd2.ko: %v", unix.ENOEXEC)
	if err == nil || err.Error() != want || !errors.Is(err, unix.ENOEXEC) {
		t.Errorf("got %v, want %s", err, want)
	}
	asked(t, k, "crc32c-intel", "crc32c_generic", "jbd2")
	if err := loader(t, k, nil, nil).Load("no-such"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
}

func TestBlacklist(t *testing.T) {
	k := &kernel{}
	l := loader(t, k, nil, nil, "crc32c-intel", "jbd2", "ahci")
	if err := l.Load("ext4"); err != nil {
		t.Fatal(err)
	}
	// The soft one is left out, the hard one is not: ext4 was asked for.
	asked(t, k, "crc32c_generic", "jbd2", "mbcache", "crc16", "ext4")
	if err := l.Load("ahci"); !errors.Is(err, ErrBlacklisted) {
		t.Errorf("got %v, want ErrBlacklisted", err)
	}
	if err := l.LoadAlias("pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01"); err != nil {
		t.Error(err)
	}
	asked(t, k)
}

func TestLoadAlias(t *testing.T) {
	k := &kernel{refuse: map[string]error{"crc32c-intel": unix.ENODEV}}
	l := loader(t, k, nil, nil)
	for _, modalias := range []string{"virtio:d00000002v00001AF4", "crypto-crc32c", "acpi:nothing"} {
		if err := l.LoadAlias(modalias); err != nil {
			t.Error(err)
		}
	}
	asked(t, k, "virtio_ring", "virtio", "virtio_blk", "crc32c-intel", "crc32c_generic")

	k.refuse = map[string]error{"crct10dif_common": unix.ENOMEM}
	if err := l.LoadAlias("crct10dif"); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("got %v, want ENOMEM", err)
	}
}

func TestLoaded(t *testing.T) {
	dir := folder(t, testutil.Tree{"modules": "ext4 1 2 - Live 0x0\nnvme_core 212992 1 nvme, Live 0x0 (OE)\n\n"})
	got, err := Loaded(filepath.Join(dir, "modules"))
	if diff := cmp.Diff([]string{"ext4", "nvme_core"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := Loaded(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

// The real system call: a file that is no module is refused by name, whether
// this machine's kernel takes modules or not.
func TestInsertReportsErrno(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ko")
	if err := os.WriteFile(path, []byte("not a module"), 0o644); err != nil {
		t.Fatal(err)
	}
	var errno syscall.Errno
	if err := insert(path, ""); !errors.As(err, &errno) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an errno and %s", err, path)
	}
	if err := insert(path+"absent", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}
