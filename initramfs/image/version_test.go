package image

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCompareVersions(t *testing.T) {
	oldToNew := []string{
		"5.10.0", "6.1.0~rc1-1", "6.1.0-rc1", "6.1.0-9-amd64", "6.1.0-56-amd64",
		"6.1.0-056-arm64", "6.1.1", "6.9", "6.10", "6.10.1-1", "6.10.1.a", "6.10.1.b",
	}
	for i, a := range oldToNew {
		for j, b := range oldToNew {
			if got, want := compareVersions(a, b), order(i > j); got != want && i != j {
				t.Errorf("%s with %s: got %d, want %d", a, b, got, want)
			}
		}
		if got := compareVersions(a, a); got != 0 {
			t.Errorf("%s with itself: got %d, want 0", a, got)
		}
	}
}

func TestChooseKernelTakesTheNewestThatHasModules(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"6.9.0/kernel", "6.10.0/kernel", "6.11.0"} {
		if err := os.MkdirAll(filepath.Join(root, "usr/lib/modules", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for want, version := range map[string]string{"": "6.10.0", "6.9.0": "6.9.0"} {
		dir, err := chooseKernel(filepath.Join(root, "usr"), want)
		if err != nil || filepath.Base(dir) != version {
			t.Errorf("%q: got %s, %v, want %s", want, dir, err, version)
		}
	}
	_, err := chooseKernel(filepath.Join(root, "usr"), "6.11.0")
	kernel, ok := err.(*KernelError)
	if !ok || kernel.Hint() != "there are: 6.9.0, 6.10.0" {
		t.Errorf("got %v, want the kernels named", err)
	}
}
