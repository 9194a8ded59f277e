package testutil

import (
	"path/filepath"
	"testing"

	"moss/internal/testutil/need"
)

// KernelModules is the module folder of Debian's kernel.
func KernelModules(t testing.TB) string {
	t.Helper()
	return debian(t, "Debian's kernel", "build/kernel-*/usr/lib/modules/*")
}

// KernelImage is Debian's kernel, as Debian signed it.
func KernelImage(t testing.TB) string {
	t.Helper()
	return debian(t, "Debian's kernel", "build/kernel-*/usr/lib/kernel/*/vmlinuz")
}

// LoaderFile is a file of Debian's systemd-boot by its pattern, from this machine
// or from what was downloaded.
func LoaderFile(t testing.TB, pattern string) string {
	t.Helper()
	const dir = "usr/lib/systemd/boot/efi"
	if paths, _ := filepath.Glob(filepath.Join("/", dir, pattern)); len(paths) > 0 {
		return paths[0]
	}
	deb, to := debian(t, "systemd-boot", "build/debian/cache/archives/systemd-boot-efi_*.deb"), t.TempDir()
	Run(t, "dpkg-deb", "-x", deb, to)
	paths, err := filepath.Glob(filepath.Join(to, dir, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s has no %s", deb, pattern)
	}
	return paths[0]
}

// debian finds what the tests that boot machines leave behind.
func debian(t testing.TB, what, pattern string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(Repo(t), pattern))
	if err != nil || len(paths) == 0 {
		need.Machine(t, "no %s under build: make vm brings it", what)
	}
	return paths[len(paths)-1]
}
