package testutil

import "testing"

// Kernel is the version of the kernel that Base brings.
const Kernel = "6.1.0-1-test"

// Base is a package that makes a tree bootable, as far as a file system can tell.
func Base() Stone {
	return Stone{Name: "base", Files: Tree{
		"lib/kernel/" + Kernel + "/vmlinuz":        "the kernel",
		"lib/kernel/" + Kernel + "/50-moss.initrd": "the early-boot image",
		"lib/modules/" + Kernel + "/modules.dep":   "",
		"lib/os-release":                           "ID=testos\nPRETTY_NAME=\"Test OS 1\"\n",
		"sbin/init":                                "0755:" + StaticProgram(),
	}}
}

// NewRoot makes, at root, a machine id, a kernel command line, an empty /usr and
// a place for $BOOT.
func NewRoot(t testing.TB, root string) {
	t.Helper()
	Tree{
		"etc/machine-id":                       "0123456789abcdef0123456789abcdef\n",
		"etc/kernel/cmdline.d/10-root.cmdline": "# comment\nroot=UUID=1234 rw\n",
		"efi/EFI/":                             "",
		"usr/":                                 "",
	}.Create(t, root)
}
