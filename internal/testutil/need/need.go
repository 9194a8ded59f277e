// Package need says what a test needs of the machine. Without it the test is left
// out, unless MOSS_TEST_ALL is set: CI's machine has it all, and there a test that
// is left out is one that nobody would miss.
package need

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

const all = "MOSS_TEST_ALL"

// Packages are the Debian packages of the programs that not every Debian has.
// qemu-tests/tools.sh installs them.
func Packages() map[string]string {
	return map[string]string{
		"blkid": "util-linux", "unshare": "util-linux",
		"cert-to-efi-sig-list": "efitools", "sig-list-to-certs": "efitools", "sign-efi-sig-list": "efitools",
		"cpio":        "cpio",
		"cryptsetup":  "cryptsetup-bin",
		"dbus-daemon": "dbus-daemon",
		"debootstrap": "debootstrap",
		"debugfs":     "e2fsprogs",
		"depmod":      "kmod", "modprobe": "kmod",
		"fsck.fat": "dosfstools", "mkfs.fat": "dosfstools", "mkfs.vfat": "dosfstools",
		"glib-compile-schemas": "libglib2.0-bin",
		"groff":                "groff-base",
		"losetup":              "mount", "mount": "mount", "umount": "mount",
		"mcopy": "mtools", "mshowfat": "mtools",
		"minisign":   "minisign",
		"btrfs":      "btrfs-progs",
		"mkfs.btrfs": "btrfs-progs",
		"mkfs.ext2":  "e2fsprogs", "mkfs.ext3": "e2fsprogs", "mkfs.ext4": "e2fsprogs",
		"mkfs.f2fs": "f2fs-tools",
		"mkfs.xfs":  "xfsprogs",
		"objcopy":   "binutils",
		"mkswap":    "util-linux",
		"openssl":   "openssl",
		"python3":   "python3",
		"e2fsck":    "e2fsprogs", "resize2fs": "e2fsprogs",
		"swtpm": "swtpm", "systemd-cryptenroll": "systemd",
		"sbverify":         "sbsigntool",
		"setfattr":         "attr",
		"sfdisk":           "fdisk",
		"strace":           "strace",
		"systemd-sysusers": "systemd", "systemd-tmpfiles": "systemd",
		"update-mime-database": "shared-mime-info",
		"xz":                   "xz-utils",
		"zstd":                 "zstd",
	}
}

// Machine ends a test that finds something missing.
func Machine(t testing.TB, format string, args ...any) {
	t.Helper()
	missing := fmt.Sprintf(format, args...)
	if os.Getenv(all) != "" {
		t.Fatalf("left out in spite of %s: %s", all, missing)
	}
	t.Skipf("left out: %s", missing)
}

// Root is for what only root may do.
func Root(t testing.TB, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Machine(t, "%s needs root", what)
	}
}

// Program is the path of a program.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if pack := Packages()[name]; pack != "" {
		Machine(t, "%s is not installed (Debian: %s)", name, pack)
	}
	Machine(t, "%s is not installed", name)
	return ""
}
