package early

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

func TestSeparateUsrIsRefused(t *testing.T) {
	for name, tt := range map[string]struct{ line, fstab, want string }{
		"none":              {"ro", "# /dev/sda2 /usr ext4 defaults 0 2\nUUID=x / ext4 defaults 0 1\nUUID=y /home ext4 defaults 0 2\nUUID=z /usr/local ext4 defaults 0 2\n", ""},
		"no fstab":          {"ro", "", ""},
		"on a device":       {"ro", "UUID=x\t/usr  ext4 defaults 0 2", "/etc/fstab mounts UUID=x on /usr; moss replaces /usr by one rename, which does not reach across file systems; move its content onto the root, and take the line away"},
		"a subvolume":       {"ro", "UUID=x /usr/ btrfs subvol=@usr", "mounts UUID=x on /usr"},
		"escaped":           {"ro", `LABEL=a\040b /\165sr ext4`, "mounts LABEL=a b on /usr"},
		"bound to itself":   {"ro", "/usr /usr none bind,ro 0 0", ""},
		"bound elsewhere":   {"ro", "/data/usr /usr none bind 0 0", "mounts /data/usr on /usr"},
		"not at boot":       {"ro", "UUID=x /usr ext4 noauto 0 2", ""},
		"an overlay":        {"ro", "overlay /usr overlay lowerdir=/usr,upperdir=/u 0 0", ""},
		"a broken line":     {"ro", "UUID=x /usr\n\n", ""},
		"mount.usr":         {"mount.usr=UUID=x", "", "mount.usr=UUID=x on the command line mounts a /usr of its own"},
		"mount.usrfstype":   {"mount.usrfstype=ext4", "", "mount.usrfstype=ext4 on the command line"},
		"mount.usrflags is": {"mount.usrflags=ro", "", ""},
	} {
		b := machine(t, tt.line)
		b.Sysroot = b.path("sysroot")
		testutil.Tree{"usr/bin/": ""}.Create(t, b.Sysroot)
		if tt.fstab != "" {
			testutil.Tree{"etc/fstab": tt.fstab}.Create(t, b.Sysroot)
		}
		err := b.refuseSeparateUsr()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

// What another initramfs has mounted at /usr is refused unless it is the root's
// own folder.
func TestMountedUsrIsRefused(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	b := machine(t, "")
	b.Sysroot = b.path("sysroot")
	mountMemory(t, b.Sysroot, 0)
	testutil.Tree{"usr/bin/": "", "other/": ""}.Create(t, b.Sysroot)
	usr := filepath.Join(b.Sysroot, "usr")
	bind := func(from string) {
		t.Helper()
		if err := unix.Mount(from, usr, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		mount func()
		want  string
	}{
		"bound to itself":      {func() { bind(usr) }, ""},
		"another of the root":  {func() { bind(filepath.Join(b.Sysroot, "other")) }, "/usr is a mount of tmpfs (tmpfs); moss replaces /usr by one rename"},
		"another file system ": {func() { mountMemory(t, usr, 0) }, "is a mount of"},
	} {
		tt.mount()
		err := b.refuseSeparateUsr()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
		if err := unix.Unmount(usr, unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	}
	// Inside the root's own mount, where nothing is mounted at /usr.
	if err := b.refuseSeparateUsr(); err != nil {
		t.Error(err)
	}
}

// A table that is a pipe is none: a boot that reads it would wait for ever.
func TestTableThatIsAPipe(t *testing.T) {
	b := machine(t, "")
	b.Sysroot = b.path("sysroot")
	testutil.Tree{"etc/": ""}.Create(t, b.Sysroot)
	if err := unix.Mkfifo(filepath.Join(b.Sysroot, "etc/fstab"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := b.fstab(); got != "" {
		t.Errorf("got %q", got)
	}
}
