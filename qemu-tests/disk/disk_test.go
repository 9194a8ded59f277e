package disk

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

const (
	diskGUID = "0d0c0b0a-0102-4304-8506-0708090a0b0c"
	espGUID  = "1d0c0b0a-0102-4304-8506-0708090a0b0c"
	rootGUID = "2d0c0b0a-0102-4304-8506-0708090a0b0c"
	rootUUID = "3d0c0b0a-0102-4304-8506-0708090a0b0c"
)

func needTools(t *testing.T) {
	t.Helper()
	if err := Tools(); err != nil {
		need.Machine(t, "%v", err)
	}
}

// trees makes a root with everything that a copy likes to lose.
func trees(t *testing.T) (esp, root string) {
	t.Helper()
	esp, root = t.TempDir(), t.TempDir()
	testutil.Tree{
		"EFI/BOOT/BOOTX64.EFI":                     "loader",
		"loader/entries/moss-1+3.conf":             "title one\n",
		"loader/entries/moss-00000000000002.conf":  "title two\n",
		"loader/loader.conf":                       "timeout 0\n",
		"moss/0123456789abcdef/vmlinuz-6.1-rc1.xy": strings.Repeat("kernel", 10000),
	}.Create(t, esp)
	testutil.Tree{
		"usr/bin/su":      "4755:su",
		"usr/bin/ping":    "0755:ping",
		"usr/bin/sh":      "-> dash",
		"usr/lib/a":       "shared content",
		"var/empty/":      "0700:",
		"var/tmp/":        "1777:",
		"home/user/.conf": "0600:mine",
	}.Create(t, root)
	must(t, os.Link(filepath.Join(root, "usr/lib/a"), filepath.Join(root, "usr/lib/b")))
	must(t, os.Chown(filepath.Join(root, "home/user/.conf"), 1000, 1001))
	must(t, unix.Setxattr(filepath.Join(root, "usr/lib/a"), "user.note", []byte("kept"), 0))
	// cap_net_raw=ep in the form of VFS_CAP_REVISION_2.
	caps := append([]byte{1, 0, 0, 2, 0, 0x20, 0, 0}, make([]byte, 12)...)
	must(t, unix.Setxattr(filepath.Join(root, "usr/bin/ping"), "security.capability", caps, 0))
	return esp, root
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func build(t *testing.T) *Disk {
	t.Helper()
	needTools(t)
	esp, root := trees(t)
	d, err := Build(t.Context(), filepath.Join(t.TempDir(), "disk.img"), Layout{
		GUID: diskGUID,
		ESP:  Volume{Size: 40 << 20, Tree: esp, Label: "ESP", GUID: espGUID, UUID: "1A2B-3C4D"},
		Root: Volume{Size: 100<<20 - 5, Tree: root, Label: "moss-root", GUID: rootGUID, UUID: rootUUID},
	})
	must(t, err)
	return d
}

func view(t *testing.T, d *Disk) *View {
	t.Helper()
	v, err := d.View(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, v.Close()) })
	return v
}

func TestBuiltDiskReadsBack(t *testing.T) {
	d := build(t)
	v := view(t, d)
	must(t, v.ESP.Check(t.Context()))
	must(t, v.Root.Check(t.Context()))
	for name, want := range map[string][]string{
		"/":               {"EFI/", "loader/", "moss/"},
		"/EFI/BOOT":       {"BOOTX64.EFI"},
		"/loader/entries": {"moss-00000000000002.conf", "moss-1+3.conf"},
	} {
		got, err := v.ESP.List(t.Context(), name)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("ESP %s: %v %s", name, err, diff)
		}
	}
	got, err := v.Root.List(t.Context(), "/")
	if want := []string{"home/", "lost+found/", "usr/", "var/"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("root: got %v, %v, want %v", got, err, want)
	}
	sameFile(t, v.ESP, "/moss/0123456789abcdef/vmlinuz-6.1-rc1.xy", strings.Repeat("kernel", 10000))
	sameFile(t, v.Root, "/usr/lib/b", "shared content")
	for _, f := range []Files{v.ESP, v.Root} {
		if _, err := f.ReadFile(t.Context(), "/absent"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%T: got %v, want ErrNotExist", f, err)
		}
		if _, err := f.List(t.Context(), "/absent"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%T: got %v, want ErrNotExist", f, err)
		}
	}
}

func sameFile(t *testing.T, f Files, name, want string) {
	t.Helper()
	if got, err := f.ReadFile(t.Context(), name); err != nil || string(got) != want {
		t.Errorf("%s: got %.60q, %v, want %.60q", name, got, err, want)
	}
}

func TestRootKeepsWhatCopiesLose(t *testing.T) {
	img := view(t, build(t)).Root.(ext4)
	for _, want := range []struct{ command, name, text string }{
		{"stat", "/usr/bin/su", "Mode:  04755"},
		{"stat", "/var/tmp", "Mode:  01777"},
		{"stat", "/usr/lib/a", "Links: 2"},
		{"stat", "/usr/bin/sh", `Fast link dest: "dash"`},
		{"stat", "/home/user/.conf", "User:  1000   Group:  1001"},
		{"ea_list", "/usr/bin/ping", "security.capability (20) = 01 00 00 02 00 20"},
		{"ea_list", "/usr/lib/b", `user.note (4) = "kept"`},
	} {
		got, err := img.debugfs(t.Context(), want.command, want.name)
		if err != nil || !strings.Contains(string(got), want.text) {
			t.Errorf("%s %s: got %s, %v, want %q", want.command, want.name, got, err, want.text)
		}
	}
}

func TestOtherToolsReadTheTable(t *testing.T) {
	d := build(t)
	if _, err := lookTool("sfdisk"); err != nil {
		need.Machine(t, "sfdisk is not installed (Debian: fdisk)")
	}
	must(t, run(t.Context(), "sfdisk", "--verify", d.Path))
	got, said, err := output(t.Context(), "sfdisk", "-d", d.Path)
	must(t, err)
	if said != "" {
		t.Errorf("sfdisk complains: %s", said)
	}
	for _, want := range []string{
		"label-id: " + strings.ToUpper(diskGUID),
		"start=        2048, size=       81920, type=" + strings.ToUpper(espType) + ", uuid=" + strings.ToUpper(espGUID) + `, name="ESP"`,
		"start=       83968, size=      204800, type=" + strings.ToUpper(rootType) + ", uuid=" + strings.ToUpper(rootGUID) + `, name="moss-root"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("got %s, want %q", got, want)
		}
	}
	blkid, err := exec.Command("blkid", "-p", "-O", "1048576", "-S", "41943040", "-o", "value", "-s", "UUID", d.Path).Output()
	if string(blkid) != "1A2B-3C4D\n" {
		t.Errorf("blkid: got %q, %v, want the ESP's serial number", blkid, err)
	}
}

func TestBackupTableServes(t *testing.T) {
	d := build(t)
	if _, err := lookTool("sfdisk"); err != nil {
		need.Machine(t, "sfdisk is not installed (Debian: fdisk)")
	}
	f, err := os.OpenFile(d.Path, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt(make([]byte, (1+tableSectors)*sector), sector)
	must(t, errors.Join(err, f.Close()))
	got, _, err := output(t.Context(), "sfdisk", "-d", d.Path)
	if err != nil || !strings.Contains(string(got), strings.ToUpper(rootGUID)) {
		t.Errorf("without the first table: got %s, %v, want the partitions from the second", got, err)
	}
	if _, err := Open(t.Context(), d.Path); err == nil || !strings.Contains(err.Error(), "no GUID partition table") {
		t.Errorf("got %v, want an error", err)
	}
}

func TestOpenTellsWhatBuildTold(t *testing.T) {
	d := build(t)
	overlay := filepath.Join(t.TempDir(), "overlay.qcow2")
	must(t, Overlay(t.Context(), d.Path, overlay))
	for _, path := range []string{d.Path, overlay} {
		got, err := Open(t.Context(), path)
		must(t, err)
		want := *d
		want.Path = path
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Error(diff)
		}
	}
	sameFile(t, view(t, &Disk{Path: overlay, ESP: d.ESP, Root: d.Root}).Root, "/usr/lib/a", "shared content")
}

func TestImageIsSparse(t *testing.T) {
	d := build(t)
	var st unix.Stat_t
	must(t, unix.Stat(d.Path, &st))
	if st.Size < 140<<20 || st.Blocks*512 > 12<<20 {
		t.Errorf("got %d bytes, %d on disk, want at least 140 MiB, at most 12 MiB on disk", st.Size, st.Blocks*512)
	}
}

func TestRandomIdentitiesDiffer(t *testing.T) {
	var a, b Layout
	a.complete()
	b.complete()
	if a.GUID == b.GUID || a.Root.UUID == b.Root.UUID || a.ESP.UUID == b.ESP.UUID || a.ESP.GUID == a.Root.GUID {
		t.Errorf("got the same identity twice: %+v %+v", a, b)
	}
}

func TestBuildRefuses(t *testing.T) {
	needTools(t)
	good := Volume{Size: 40 << 20}
	for name, layout := range map[string]Layout{
		"only ext4":          {ESP: good, Root: Volume{Size: 1 << 30, Type: "xfs"}},
		"are the least":      {ESP: Volume{Size: 1 << 20}, Root: good},
		"an XBOOTLDR has":    {ESP: good, Root: good, XBOOTLDR: Volume{Size: 1 << 20}},
		"no GUID":            {GUID: "1234", ESP: good, Root: good},
		"longer than 36":     {ESP: good, Root: Volume{Size: 40 << 20, Label: strings.Repeat("x", 37)}},
		"no such file":       {ESP: good, Root: Volume{Size: 40 << 20, Tree: "/absent/tree"}},
		"could not allocate": {ESP: good, Root: Volume{Size: 2 << 20, Tree: bigTree(t, 8<<20)}},
		"/absent-esp: no":    {ESP: Volume{Size: 40 << 20, Tree: "/absent-esp"}, Root: good},
	} {
		path := filepath.Join(t.TempDir(), "disk.img")
		_, err := Build(t.Context(), path, layout)
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(name)) {
			t.Errorf("got %v, want an error with %q", err, name)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a broken image is left", name)
		}
	}
}

func bigTree(t *testing.T, size int) string {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "big"), slices.Repeat([]byte("x"), size), 0o644))
	return dir
}
