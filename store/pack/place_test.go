package pack

import (
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/internal/testutil"
)

func TestPlace(t *testing.T) {
	for name, want := range map[string]string{
		"usr":                         "",
		"usr/bin/ls":                  "bin/ls",
		"usr/share/factory/etc/x":     "share/factory/etc/x",
		"bin":                         "bin",
		"bin/ping":                    "bin/ping",
		"sbin/init":                   "sbin/init",
		"lib/systemd/systemd":         "lib/systemd/systemd",
		"lib/modules/6.1/kernel/x.ko": "lib/modules/6.1/kernel/x.ko",
		"lib32/x":                     "lib32/x",
		"lib64/ld-linux-x86-64.so.2":  "lib64/ld-linux-x86-64.so.2",
		"libx32/x":                    "libx32/x",
		"libfoo/x":                    "share/factory/libfoo/x",
		"boot":                        "share/factory/boot",
		"boot/vmlinuz-6.1.0-56-amd64": "lib/kernel/6.1.0-56-amd64/vmlinuz",
		"boot/System.map-6.1":         "lib/kernel/6.1/System.map",
		"boot/config-6.1":             "lib/kernel/6.1/config",
		"boot/vmlinuz-":               "share/factory/boot/vmlinuz-",
		"boot/vmlinuz":                "share/factory/boot/vmlinuz",
		"boot/config-dir/x":           "share/factory/boot/config-dir/x",
		"boot/grub/grub.cfg":          "share/factory/boot/grub/grub.cfg",
		"etc/passwd":                  "share/factory/etc/passwd",
		"var/lib/dpkg":                "share/factory/var/lib/dpkg",
		"root":                        "share/factory/root",
		"opt/x/bin/y":                 "share/factory/opt/x/bin/y",
		"file-in-the-root":            "share/factory/file-in-the-root",
	} {
		if got := place(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestRetarget(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"usr/bin/vi", "nano", "nano"},
		{"usr/share/man/man8/ping4.8.gz", "ping.8.gz", "ping.8.gz"},
		{"usr/lib/x86_64-linux-gnu/libz.so", "../../../lib/x86_64-linux-gnu/libz.so.1", "libz.so.1"},
		{"usr/share/doc/x", "../../../etc/x", "../../../etc/x"},
		{"usr/lib/x/../y", "z", "z"},
		{"bin/ping4", "ping", "ping"},
		{"bin/x", "../usr/bin/x", "x"},
		{"bin/x", "../sbin/y", "../sbin/y"},
		{"bin/x", "../../../../sbin/y", "../sbin/y"},
		{"lib/systemd/x", "../../etc/x", "../../../etc/x"},
		{"lib/systemd/x", "../../var/run/x", "../../../var/run/x"},
		{"lib/a/b", "../../usr/share/c", "../../share/c"},
		{"lib/modules/6.1/vmlinuz", "../../../boot/vmlinuz-6.1", "../../kernel/6.1/vmlinuz"},
		{"lib/x", "..", "../.."},
		{"lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"},
		{"sbin/a", "/etc/alternatives/a", "/etc/alternatives/a"},
		{"etc/os-release", "../usr/lib/os-release", "../usr/lib/os-release"},
		{"var/run", "../run", "../run"},
		{"usr/share/factory/etc/x", "../../../../lib/y", "../../../lib/y"},
		{"lib/keep", "./a//b/../c/", "./a//b/../c/"},
	} {
		if got := retarget(test.name, test.text, place(test.name)); got != test.want {
			t.Errorf("%s -> %s: got %q, want %q", test.name, test.text, got, test.want)
		}
	}
}

// Wherever a link led, it leads to the same place on the merged system.
func TestRetargetLeadsToTheSamePlace(t *testing.T) {
	part := rapid.SampledFrom([]string{"usr", "bin", "lib", "lib64", "boot", "etc", "var", "a", "b", "vmlinuz-6.1"})
	step := rapid.SampledFrom([]string{"..", "..", "..", "usr", "lib", "boot", "etc", "vmlinuz-6.1", "a", "."})
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		name := strings.Join(rapid.SliceOfN(part, 2, 5).Draw(t, "name"), "/")
		text := strings.Join(rapid.SliceOfN(step, 1, 6).Draw(t, "text"), "/")
		placed := place(name)
		if strings.HasPrefix(placed, factory) {
			return
		}
		got := retarget(name, text, placed)
		leads := path.Join("/usr", path.Dir(placed), got)
		if want := live(path.Join("/", path.Dir(name), text)); leads != want {
			t.Fatalf("%s -> %s became %s -> %s, which leads to %s, want %s", name, text, placed, got, leads, want)
		}
	})
}
