package debian

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

// installed is a root into whose /usr packages were put.
func installed(t *testing.T) string {
	t.Helper()
	need.Root(t, "making accounts' files")
	root := t.TempDir()
	testutil.Tree{
		"usr/bin/sh":                                "-> dash",
		"usr/lib64/ld.so":                           "loader",
		"usr/share/factory/etc/issue":               "Debian\n",
		"usr/share/factory/etc/security/secret":     "0600:x",
		"usr/share/factory/etc/os-release":          "-> ../usr/lib/os-release",
		"usr/share/factory/var/lib/dbus/":           "0750:",
		"usr/share/factory/var/run/":                "",
		"usr/share/factory/var/lock/":               "",
		"usr/share/factory/boot/config-6.1":         "not copied",
		"usr/share/factory/srv/data":                "a folder of its own",
		"usr/share/base-files/profile":              "PATH=/usr/bin\n",
		"usr/share/base-files/dot.bashrc":           "PS1='# '\n",
		"usr/share/base-passwd/passwd.master":       "root:*:0:0:root:/root:/bin/bash\ndaemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n",
		"usr/share/base-passwd/group.master":        "root:*:0:\ndaemon:*:1:\nshadow:*:42:\n",
		"usr/lib/sysusers.d/basic.conf":             "# comment\ng shadow 42 -\ng users 100 -\nu root 0 - /root /bin/bash\nu nobody 65534:65534 - /nonexistent\n",
		"usr/lib/sysusers.d/dbus.conf":              "u messagebus - \"System Message Bus\"\nm messagebus users\n",
		"usr/lib/systemd/system/serial-getty@.unit": "",
	}.Create(t, root)
	must(t, os.Chown(filepath.Join(root, "usr/share/factory/etc/security/secret"), 0, 42))
	must(t, unix.Setxattr(filepath.Join(root, "usr/share/factory/etc/issue"), "user.note", []byte("kept"), 0))
	return root
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	must(t, err)
	return string(data)
}

func TestSkeletonAccounts(t *testing.T) {
	root := installed(t)
	must(t, Skeleton(t.Context(), root, Options{RootPassword: "$y$hash"}))
	for name, want := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n" +
			"nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\nmessagebus:x:995:995:System Message Bus:/:/usr/sbin/nologin\n",
		"etc/shadow": "root:$y$hash:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n" +
			"nobody:*:19000:0:99999:7:::\nmessagebus:*:19000:0:99999:7:::\n",
		"etc/group": "root:x:0:\ndaemon:x:1:\nshadow:x:42:\nusers:x:100:messagebus\n" +
			"messagebus:x:995:\nrender:x:996:\nkvm:x:997:\nsgx:x:998:\ninput:x:999:\n",
	} {
		if diff := cmp.Diff(want, read(t, root, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, want := range map[string]string{"etc/passwd": "644 0:0", "etc/shadow": "640 0:42", "etc/gshadow": "640 0:42", "etc/security/secret": "600 0:42"} {
		if got := owner(t, root, name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func owner(t *testing.T, root, name string) string {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(filepath.Join(root, name), &st))
	return fmt.Sprintf("%o %d:%d", st.Mode&0o7777, st.Uid, st.Gid)
}

func TestSkeletonFiles(t *testing.T) {
	root := installed(t)
	must(t, Skeleton(t.Context(), root, Options{Hostname: "box", MachineID: strings.Repeat("0a", 16), RootPARTUUID: "r-1", ESPPARTUUID: "e-1"}))
	for name, want := range map[string]string{
		"etc/hostname":   "box\n",
		"etc/machine-id": strings.Repeat("0a", 16) + "\n",
		"etc/fstab":      "PARTUUID=r-1 / ext4 rw,relatime 0 0\nPARTUUID=e-1 /efi vfat umask=0077,nofail 0 0\n",
		"etc/issue":      "Debian\n",
		"etc/profile":    "PATH=/usr/bin\n",
		"root/.bashrc":   "PS1='# '\n",
		"srv/data":       "a folder of its own",
	} {
		if got := read(t, root, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"bin": "usr/bin", "lib64": "usr/lib64", "var/run": "/run", "var/lock": "/run/lock",
		"etc/os-release":                                                   "../usr/lib/os-release",
		"etc/systemd/system/default.target":                                "/usr/lib/systemd/system/multi-user.target",
		"etc/systemd/system/systemd-logind.service":                        "/dev/null",
		"etc/systemd/system/getty.target.wants/serial-getty@ttyS0.service": "/usr/lib/systemd/system/serial-getty@.service",
	} {
		if got, err := os.Readlink(filepath.Join(root, name)); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want a link to %s", name, got, err, want)
		}
	}
	for name, want := range map[string]string{"tmp": "1777 0:0", "root": "700 0:0", "proc": "555 0:0", "var/lib/dbus": "750 0:0"} {
		if got := owner(t, root, name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"boot/config-6.1", "sbin", "lib32"} {
		if exists(filepath.Join(root, name)) {
			t.Errorf("%s is there, want it left out", name)
		}
	}
	note := make([]byte, 8)
	if n, err := unix.Getxattr(filepath.Join(root, "etc/issue"), "user.note", note); err != nil || string(note[:n]) != "kept" {
		t.Errorf("extended attribute: got %q, %v, want it kept", note[:max(n, 0)], err)
	}
}

func TestSkeletonTwiceKeepsTheUsersFiles(t *testing.T) {
	root := installed(t)
	must(t, Skeleton(t.Context(), root, Options{MachineID: "1"}))
	testutil.Tree{"etc/issue": "mine\n", "etc/passwd": "me:x:0:0::/:/bin/sh\n", "root/.bashrc": "mine\n"}.Create(t, root)
	before := testutil.List(t, root)
	must(t, Skeleton(t.Context(), root, Options{MachineID: "1"}))
	if diff := cmp.Diff(before, testutil.List(t, root)); diff != "" {
		t.Errorf("the second call changed: %s", diff)
	}
}

func TestSkeletonLeavesUnmergedFoldersAlone(t *testing.T) {
	root := installed(t)
	testutil.Tree{"bin/own": "old world"}.Create(t, root)
	must(t, Skeleton(t.Context(), root, Options{}))
	if info, err := os.Lstat(filepath.Join(root, "bin")); err != nil || !info.IsDir() {
		t.Errorf("/bin: got %v, %v, want the folder that was there", info, err)
	}
	if got := read(t, root, "etc/machine-id"); got != "" {
		t.Errorf("machine id: got %q, want an empty file for the first boot", got)
	}
}

func TestSkeletonSaysWhatIsMissing(t *testing.T) {
	root := installed(t)
	must(t, os.Remove(filepath.Join(root, "usr/share/base-passwd/group.master")))
	err := Skeleton(t.Context(), root, Options{})
	if err == nil || !strings.Contains(err.Error(), "accounts") || !strings.Contains(err.Error(), "group.master") {
		t.Errorf("got %v, want the step and the file", err)
	}
	testutil.Tree{"usr/share/base-passwd/group.master": "root:*:zero:\n"}.Create(t, root)
	if err := Skeleton(t.Context(), root, Options{}); err == nil || !strings.Contains(err.Error(), `"zero"`) {
		t.Errorf("got %v, want an error about the number", err)
	}
}
