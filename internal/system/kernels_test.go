package system

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
)

func TestKernelVersions(t *testing.T) {
	usr := filepath.Join(t.TempDir(), "usr[1]*") // no pattern of ours
	testutil.Tree{
		"lib/kernel/6.9.1/vmlinuz": "k", "lib/kernel/6.10.0/vmlinuz": "k", "lib/kernel/6.2/System.map": "m", "lib/kernel/cmdline.d/x.cmdline": "x",
		"lib/kernel/6.8.0/vmlinuz": "-> ../../k", "lib/kernel/current.desktop.kernel": "-> 6.10.0/vmlinuz", "lib/kernel/7.0/vmlinuz/": "",
	}.Create(t, usr)
	got, err := kernelVersions(usr)
	if want := []string{"6.8.0", "6.9.1", "6.10.0"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err := kernelVersions(t.TempDir()); err != nil || got != nil {
		t.Errorf("without kernels: got %q, %v", got, err)
	}
	odd := t.TempDir()
	testutil.Tree{"lib/kernel": "a file"}.Create(t, odd)
	if got, err := kernelVersions(odd); err != nil || got != nil {
		t.Errorf("lib/kernel is a file: got %q, %v", got, err)
	}
	sick := t.TempDir()
	testutil.Tree{"lib/kernel": "-> kernel"}.Create(t, sick)
	if got, err := kernelVersions(sick); err == nil {
		t.Errorf("got %q, want an error: a folder that cannot be read is not an empty one", got)
	}
}

// newc is an archive as the kernel's early parser reads it.
func newc(names ...string) string {
	var out strings.Builder
	for _, name := range append(names, "TRAILER!!!") {
		name, body, _ := strings.Cut(name, ":")
		fmt.Fprintf(&out, "070701%s%08X%s%08X%08X", strings.Repeat("0", 48), len(body), strings.Repeat("0", 32), len(name)+1, 0)
		out.WriteString(name)
		out.WriteString(strings.Repeat("\x00", 1+(4-(newcHeader+len(name)+1)%4)%4))
		out.WriteString(body + strings.Repeat("\x00", (4-len(body)%4)%4))
	}
	return out.String()
}

func TestMicrocodeByContent(t *testing.T) {
	early := []string{"kernel", "kernel/x86", "kernel/x86/microcode", "kernel/x86/microcode/GenuineIntel.bin:some code"}
	for _, c := range []struct {
		name, data string
		want       bool
	}{
		{"pure", newc(early...), true},
		{"padded", newc(early...) + strings.Repeat("\x00", 700), true},
		{"dracut's mark and dots", newc(append([]string{".", "early_cpio:1", "./kernel"}, early...)...), true},
		{"in front of an initramfs", newc(early...) + "\x28\xb5\x2f\xfd rest", false},
		{"in front of a second archive", newc(early...) + newc("init:x"), false},
		{"an initramfs", newc("init:x", "kernel/x86/microcode/GenuineIntel.bin:x"), false},
		{"tables of the firmware alone", newc("kernel", "kernel/firmware/acpi/x.aml:x"), false},
		{"cut off", newc(early...)[:300], false},
		{"empty", "", false},
		{"compressed", "\x28\xb5\x2f\xfd" + newc(early...), false},
	} {
		if got := onlyMicrocode(strings.NewReader(c.data)); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func FuzzMicrocode(f *testing.F) {
	f.Add(newc("kernel/x86/microcode/a:b"))
	f.Fuzz(func(t *testing.T, data string) {
		if onlyMicrocode(strings.NewReader(data)) && !strings.Contains(data, "kernel/x86/microcode/") {
			t.Errorf("%q is taken for microcode", data)
		}
	})
}

func TestInitrdOrder(t *testing.T) {
	const own, shared, admin = "lib/kernel/" + someKernel + "/", "lib/kernel/initrd.d/", "etc/kernel/initrd.d/"
	for _, c := range []struct {
		name      string
		usr, root testutil.Tree
		want      string // base names
	}{
		{name: "none"},
		{name: "by name, the machine's own last", usr: testutil.Tree{own + "50-default.initrd": "a", own + "60-nvidia.initrd": "b", shared + "55-shared.initrd": "c"},
			root: testutil.Tree{admin + "10-mine.initrd": "d"}, want: "50-default.initrd 55-shared.initrd 60-nvidia.initrd 10-mine.initrd"},
		{name: "capitals sort as small letters", usr: testutil.Tree{own + "B.initrd": "b", own + "a.initrd": "a"}, want: "a.initrd B.initrd"},
		{name: "microcode by name first", usr: testutil.Tree{own + "50-default.initrd": "a", shared + "90-intel-ucode.initrd": "u"},
			root: testutil.Tree{admin + "amd-Microcode.initrd": "m"}, want: "90-intel-ucode.initrd amd-Microcode.initrd 50-default.initrd"},
		{name: "microcode by content first", usr: testutil.Tree{own + "50-default.initrd": "a", shared + "80-cpu.initrd": newc("kernel/x86/microcode/AuthenticAMD.bin:x")}, want: "80-cpu.initrd 50-default.initrd"},
		{name: "masked", usr: testutil.Tree{own + "50-default.initrd": "a", shared + "55-shared.initrd": "c"},
			root: testutil.Tree{admin + "55-shared.initrd": "-> /dev/null", admin + "50-default.initrd": ""}},
		{name: "one file twice", usr: testutil.Tree{own + "50-a.initrd": "a", own + "60-b.initrd": "-> 50-a.initrd", shared + "70-c.initrd": "-> /usr/" + own + "50-a.initrd"}, want: "50-a.initrd"},
		{name: "hidden", usr: testutil.Tree{own + ".50-a.initrd": "a", own + "60-b.initrd": "b", own + "x.initrd.bak": "c"}, want: "60-b.initrd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := someSystem(t, c.root, c.usr)
			var first string
			for range 2 {
				found, err := v.initrds(someKernel)
				var names []string
				for _, path := range found {
					if _, err := os.Stat(path); err != nil {
						t.Error(err)
					}
					names = append(names, filepath.Base(path))
				}
				if got := strings.Join(names, " "); err != nil || got != c.want || first != "" && got != first {
					t.Errorf("got %q, %v, want %q", got, err, c.want)
				} else {
					first = got
				}
			}
		})
	}
	v := someSystem(t, nil, testutil.Tree{own + "50-a.initrd": "-> /usr/nothing"})
	if got, err := v.initrds(someKernel); err == nil {
		t.Errorf("got %q, want an error: the initrd is a link that leads nowhere", got)
	}
}
