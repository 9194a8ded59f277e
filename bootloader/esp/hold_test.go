package esp_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/bootloader/esp"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// real is a machine whose ESP vda1 and XBOOTLDR vda2 are loop devices with an
// ext4 on them, which looks like a FAT to who reads no more than its start: not
// every kernel that runs tests has vfat.
func real(t *testing.T, mark byte) *box {
	t.Helper()
	b := newBox(t)
	b.disk("vda", 512, volume{typeESP, "01", nil}, volume{typeXBOOTLDR, "02", nil}, volume{typeLinux, "03", nil})
	b.mount("8:3 / ext4 a")
	memory := testutil.Memory(t, "64m")
	for _, name := range []string{"vda1", "vda2"} {
		image := filepath.Join(memory, name)
		if err := os.WriteFile(image, make([]byte, 4<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		testutil.Run(t, "mkfs.ext4", "-q", image)
		f, err := os.OpenFile(image, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		front := with(fat32()[:1024], 14, 1) // the second entry then comes before ext4's own start
		copy(front[512:], "\xf8\xff\xff\x0f\xff\xff\xff\x0f")
		if _, err := f.WriteAt(with(front, 0x41, mark), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		node := testutil.Loop(t, image)
		if err := os.Remove(b.path("dev/" + name)); err != nil {
			t.Fatal(err)
		}
		b.link("dev/"+name, node)
		b.link("sys/dev/block/7:"+strings.TrimPrefix(node, "/dev/loop"), b.path("sys/class/block/"+name))
	}
	return b
}

func open(t *testing.T, q esp.Query) esp.Boot {
	t.Helper()
	got, err := esp.Open(q.Of("vfat", "ext4"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func closed(t *testing.T, b *box, boots ...esp.Boot) {
	t.Helper()
	for _, one := range boots {
		for range 2 {
			if err := one.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if left := testutil.List(t, b.path("run")); len(left) > 0 {
		t.Errorf("got %q left after Close", left)
	}
	for _, name := range []string{"vda1", "vda2"} {
		fd, err := unix.Open(b.path("dev/"+name), unix.O_RDONLY|unix.O_EXCL, 0)
		if err != nil {
			t.Errorf("%s is still in use: %v", name, err)
			continue
		}
		_ = unix.Close(fd)
	}
}

func TestMountedOnDemand(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	b := real(t, 0)
	boot := open(t, b.query("/"))
	for name, dir := range map[string]string{"vda1": boot.ESP, "vda2": boot.Dir} {
		part := map[string]esp.Part{"vda1": boot.ESPPart, "vda2": boot.DirPart}[name]
		if part.Name != name || !part.Ours || part.Dirty || part.FSType != "ext4" {
			t.Errorf("got %+v, want %s", part, name)
		}
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		if want := int64(unix.ST_NOSUID | unix.ST_NODEV | unix.ST_NOEXEC); st.Flags&(want|unix.ST_RDONLY) != want {
			t.Errorf("%s: got flags %#x", dir, st.Flags)
		}
		info, err := os.Stat(filepath.Dir(dir))
		if err != nil || info.Mode() != fs.ModeDir|0o700 || !strings.HasPrefix(dir, b.path("run")+"/") {
			t.Errorf("%s: got %v, %v, want a folder of ours alone", dir, info.Mode(), err)
		}
		testutil.Tree{"loader/" + name: "x"}.Create(t, dir)
	}
	if boot.ESP == boot.Dir || boot.Warnings() != nil {
		t.Errorf("got %+v, %v", boot, boot.Warnings())
	}
	closed(t, b, boot)

	q := b.query("/")
	q.ReadOnly = true
	boot = open(t, q)
	if got := testutil.Read(t, filepath.Join(boot.Dir, "loader/vda2")); got != "x" {
		t.Errorf("got %q, want what was written before", got)
	}
	if err := os.WriteFile(filepath.Join(boot.ESP, "y"), nil, 0o600); !errors.Is(err, unix.EROFS) {
		t.Errorf("got %v, want a read-only file system", err)
	}
	closed(t, b, boot)
}

// A question must neither disturb a change nor keep it from being made.
func TestQuestionAndChangeTogether(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	b := real(t, 0)
	ask := b.query("/")
	ask.ReadOnly = true
	write := func(boot esp.Boot) error { return os.WriteFile(filepath.Join(boot.Dir, "x"), nil, 0o600) }
	for _, first := range []esp.Query{ask, b.query("/")} {
		second := ask
		second.ReadOnly = !first.ReadOnly
		boots := []esp.Boot{open(t, first), open(t, second)}
		for i, q := range []esp.Query{first, second} {
			if err := write(boots[i]); errors.Is(err, unix.EROFS) != q.ReadOnly || err != nil && !q.ReadOnly {
				t.Errorf("read-only %v, opened %d: got %v", q.ReadOnly, i, err)
			}
		}
		if err := boots[0].Close(); err != nil {
			t.Error(err)
		}
		if err := write(boots[1]); errors.Is(err, unix.EROFS) != second.ReadOnly {
			t.Errorf("read-only %v, alone: got %v", second.ReadOnly, err)
		}
		closed(t, b, boots[1])
	}
}

// What a person mounted read-only stays read-only.
func TestMountedReadOnlyElsewhere(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	b := real(t, 0)
	dir := t.TempDir()
	testutil.Run(t, "mount", "-t", "ext4", "-o", "ro", b.path("dev/vda1"), dir)
	defer testutil.Run(t, "umount", dir)
	b.mount("8:3 / ext4 a", "8:1 "+dir+" ext4 a ro")
	got, err := esp.Open(b.query("/").Of("ext4"))
	hinter := hint(nil)
	if !errors.Is(err, unix.EBUSY) || !errors.As(err, &hinter) || !strings.Contains(hinter.Hint(), "remount,rw "+dir) {
		t.Errorf("got %+v, %v, want the command that helps", got, err)
	}
	if left := testutil.List(t, b.path("run")); len(left) > 0 {
		t.Errorf("got %q left", left)
	}
}

// What a killed process leaves goes with the next that opens; what a living one
// uses stays.
func TestLeftoverIsSwept(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	b := real(t, 0)
	killed, living := open(t, b.query("/")), open(t, b.query("/"))
	if err := esp.Abandon(killed); err != nil {
		t.Fatal(err)
	}
	next := open(t, b.query("/"))
	if _, err := os.Stat(filepath.Dir(killed.ESP)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want the leftover gone", err)
	}
	for _, boot := range []esp.Boot{living, next} {
		if _, err := os.Stat(filepath.Join(boot.ESP, "lost+found")); err != nil {
			t.Error(err)
		}
		if err := boot.Close(); err != nil {
			t.Error(err)
		}
	}
	closed(t, b)
}

// An unclean one is repaired before it is mounted for writing, and left alone for
// a question.
func TestUncleanIsRepaired(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	b := real(t, 1)
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	testutil.Tree{"fsck.fat": "0755:#!/bin/sh\necho 'too bad'; exit 2\n"}.Create(t, bin)
	failed := open(t, b.query("/"))
	if said := strings.Join(failed.Warnings(), "\n"); !failed.ESPPart.Dirty || !strings.Contains(said, "could not repair it: exit status 2: too bad") || !strings.Contains(said, "may be damaged") {
		t.Errorf("got %+v, %q, want that it is still unclean", failed, said)
	}
	closed(t, b, failed)
	testutil.Tree{"fsck.fat": "0755:#!/bin/sh\necho 'fsck.fat 4.2'\necho \"Dirty bit $1\"; printf '\\033[31mfile\\n'\nprintf '\\0' | dd of=\"$2\" bs=1 seek=65 conv=notrunc,fsync 2>/dev/null\nexit 1\n"}.Create(t, bin)
	q := b.query("/")
	q.ReadOnly = true
	boot := open(t, q)
	if said := boot.Warnings(); !boot.ESPPart.Dirty || len(said) != 2 || !strings.Contains(said[0], "fsck.fat -p "+b.path("dev/vda1")) {
		t.Errorf("got %+v, %q, want the command to type", boot, said)
	}
	closed(t, b, boot)
	boot = open(t, b.query("/"))
	said := boot.Warnings()
	if boot.ESPPart.Dirty || boot.DirPart.Dirty || len(said) != 2 || !strings.Contains(said[1], b.path("dev/vda2")+" was not unmounted cleanly; fsck.fat -p: Dirty bit -p; ?[31mfile") {
		t.Errorf("got %+v, %q, want what was repaired", boot, said)
	}
	closed(t, b, boot)
	boot = open(t, b.query("/"))
	if said := boot.Warnings(); said != nil {
		t.Errorf("got %q, want nothing the second time", said)
	}
	closed(t, b, boot)
}

// The real fsck.fat, on a device that cannot be mounted after all.
func TestRepairByFsck(t *testing.T) {
	b := newBox(t)
	b.disk("vda", 512, volume{typeESP, "01", nil})
	b.mount("8:9 / ext4 a")
	b.link("sys/dev/block/8:9", b.path("sys/class/block/vda"))
	image := sparse(t, 64<<20)
	need.Program(t, "fsck.fat")
	testutil.Run(t, "mkfs.fat", "-F", "32", image)
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{1}, 0x41); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(image, b.path("dev/vda1")); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{true, false} {
		q := b.query("/")
		q.ReadOnly = readOnly
		got, err := esp.Open(q)
		hinter := hint(nil)
		if err == nil || !errors.As(err, &hinter) || hinter.Hint() == "" || !strings.Contains(err.Error(), b.path("dev/vda1")) {
			t.Errorf("got %+v, %v, want that it cannot be mounted", got, err)
		}
		if _, unclean, _ := esp.Unclean(f); unclean != readOnly {
			t.Errorf("read-only %v: got unclean %v", readOnly, unclean)
		}
	}
	if left := testutil.List(t, b.path("run")); len(left) > 0 {
		t.Errorf("got %q left", left)
	}
}
