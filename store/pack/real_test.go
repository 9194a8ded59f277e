package pack

import (
	"slices"
	"strings"
	"testing"
)

func TestRealPing(t *testing.T) {
	r, err := Deb(t.Context(), realDebs(t, "iputils-ping")[0], t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range open(t, r.Stone).Package().Layouts {
		if l.Path == "bin/ping" {
			if len(l.Xattrs) != 1 || l.Xattrs[0].Name != xattrCapability {
				t.Errorf("got %v on bin/ping, want a capability", l.Xattrs)
			}
			return
		}
	}
	t.Error("no bin/ping")
}

func TestRealKernel(t *testing.T) {
	r, err := Deb(t.Context(), realDebs(t, "linux-image-[0-9]*")[0], t.TempDir(), Options{Level: 1})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, l := range open(t, r.Stone).Package().Layouts {
		paths = append(paths, l.Path)
	}
	version := ""
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, "lib/kernel/"); ok && strings.HasSuffix(p, "/vmlinuz") {
			version = strings.TrimSuffix(rest, "/vmlinuz")
		}
	}
	if version == "" {
		t.Fatal("no lib/kernel/*/vmlinuz")
	}
	for _, name := range []string{"modules.dep", "modules.dep.bin", "modules.alias", "modules.alias.bin", "modules.softdep",
		"modules.symbols", "modules.symbols.bin", "modules.builtin.bin", "modules.order", "modules.builtin"} {
		if !slices.Contains(paths, "lib/modules/"+version+"/"+name) {
			t.Errorf("no lib/modules/%s/%s", version, name)
		}
	}
}

// What is special about packages is in these: setuid and setgid programs, owners,
// symlinks that climb, empty folders, hard links, no content at all.
func TestRealPackages(t *testing.T) {
	all := realDebs(t, "base-files", "bash-completion", "coreutils", "libc6", "linux-image-amd64", "login", "mount", "nano",
		"passwd", "perl-base", "systemd", "udev", "util-linux", "zlib1g")
	results, err := Debs(t.Context(), all, t.TempDir(), Options{Level: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var stones []string
	for _, r := range results {
		open(t, r.Stone)
		stones = append(stones, r.Stone)
	}
	if _, err := Extract(t.Context(), stones, t.TempDir()); err != nil {
		t.Error(err)
	}
}

// BenchmarkRealKernel packs the largest package of a Debian system. The bytes
// are those of the .deb.
func BenchmarkRealKernel(b *testing.B) {
	file := realDebs(b, "linux-image-[0-9]*")[0]
	for b.Loop() {
		r, err := Deb(b.Context(), file, b.TempDir(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(r.InputBytes)
	}
}
