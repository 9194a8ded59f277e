package image

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
	"moss/store/activate"
)

// withModinfo is a module that says what firmware it wants.
func withModinfo(text string) string {
	const names = "\x00.modinfo\x00.shstrtab\x00"
	head := make([]byte, 64)
	le := binary.LittleEndian
	copy(head, "\x7fELF\x02\x01\x01")
	le.PutUint16(head[16:], 1)
	le.PutUint16(head[18:], 62)
	le.PutUint32(head[20:], 1)
	le.PutUint64(head[40:], uint64(64+len(text)+len(names)))
	for at, value := range map[int]uint16{52: 64, 58: 64, 60: 3, 62: 2} {
		le.PutUint16(head[at:], value)
	}
	section := func(name, kind uint32, at, size int) []byte {
		s := make([]byte, 64)
		le.PutUint32(s, name)
		le.PutUint32(s[4:], kind)
		le.PutUint64(s[24:], uint64(at))
		le.PutUint64(s[32:], uint64(size))
		return s
	}
	return string(head) + text + names + string(make([]byte, 64)) + string(section(1, 1, 64, len(text))) + string(section(10, 3, 64+len(text), len(names)))
}

func TestFirmwareOfTheModules(t *testing.T) {
	dir := root(t)
	testutil.Tree{
		modulesDir + "kernel/fs/ext4.ko":         withModinfo("license=GPL\x00firmware=a/one.bin\x00firmware=two.bin\x00firmware=gone.bin\x00firmware=../../../etc/passwd\x00firmware=three.bin\x00"),
		modulesDir + "kernel/unused.ko":          withModinfo("firmware=unused.bin\x00"),
		"usr/lib/firmware/a/one.bin":             "first",
		"usr/lib/firmware/two.bin.xz":            squeeze(t, "xz", "second"),
		"usr/lib/firmware/three.bin.zst":         squeeze(t, "zstd", "third"),
		"usr/lib/firmware/updates/6.1.0/two.bin": "newer",
		"usr/lib/firmware/unused.bin":            "no",
		"usr/lib/firmware/four.bin":              "-> three.bin.zst",
	}.Create(t, dir)
	image, report := build(t, Config{Root: dir, Compress: "none"})
	if want := []string{"a/one.bin", "three.bin", "two.bin"}; !slices.Equal(report.Firmware, want) {
		t.Errorf("got %v, want %v", report.Firmware, want)
	}
	for _, text := range []string{"first", "newer", "third"} {
		if !bytes.Contains(image, []byte(text)) {
			t.Errorf("got no firmware %q", text)
		}
	}
	if image, report = build(t, Config{Root: dir, Compress: "none", Firmware: No}); report.Firmware != nil || bytes.Contains(image, []byte("first")) {
		t.Error("got firmware that nobody wanted")
	}
}

func TestMicrocodeInFront(t *testing.T) {
	dir := root(t)
	testutil.Tree{
		"usr/lib/firmware/intel-ucode/06-01-01":                   "\x01\x00\x00\x00one",
		"usr/lib/firmware/intel-ucode/06-01-02.xz":                squeeze(t, "xz", "\x01\x00\x00\x00two"),
		"usr/lib/firmware/intel-ucode/06-01-02-sig":               "no",
		"usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin":     "DMA\x00amd",
		"usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin.asc": "no",
	}.Create(t, dir)
	for _, compress := range []string{"none", "zstd"} {
		image, report := build(t, Config{Root: dir, Compress: compress, Time: 7})
		at := bytes.Index(image, []byte("\x01\x00\x00\x00one\x01\x00\x00\x00two"))
		if at < 0 || at%alignment != 0 || !bytes.Contains(image, []byte("DMA\x00amd")) || report.Microcode != 21 {
			t.Errorf("%s: got it at %d, %d bytes, want it in plain at a multiple of %d", compress, at, report.Microcode, alignment)
		}
		if again, _ := build(t, Config{Root: dir, Compress: compress, Time: 7}); !bytes.Equal(image, again) {
			t.Errorf("%s: two builds differ", compress)
		}
		entries, err := List(bytes.NewReader(image))
		if err != nil || entries[0].Name != "kernel" || !slices.ContainsFunc(entries, func(e Entry) bool { return e.Name == "init" }) {
			t.Errorf("%s: got %v, %v, want both archives", compress, entries, err)
		}
	}
	image, _ := build(t, Config{Root: dir, Compress: "none", Microcode: "/usr/lib/firmware/amd-ucode/microcode_amd_fam17h.bin"})
	if bytes.Contains(image, []byte("GenuineIntel")) || !bytes.Contains(image, []byte("AuthenticAMD")) {
		t.Error("got other microcode than the file that was named")
	}
	for name, want := range map[string]string{"/usr/lib/moss/moss-init": "of neither Intel nor AMD", "/gone": "no such file"} {
		if _, err := makePlan(Config{Root: dir, Microcode: name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := root(t)
	testutil.Tree{"etc/root.key": "0400:secret", "etc/conf/a": "1", "etc/conf/b/c": "2", "etc/conf/link": "-> a", "lib": "-> usr/lib", "usr/lib/x": "3"}.Create(t, dir)
	cfg := Config{Root: dir, Compress: "none", Files: []string{"/etc/root.key", "/etc/conf", "/lib/x", "/usr/lib/x"}, Keymap: []byte("bkeymap")}
	image, _ := build(t, cfg)
	entries, err := List(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Entry{
		{"etc/root.key", modeFile | 0o400, 6, ""}, {"etc/conf/a", modeFile | 0o644, 1, ""}, {"etc/conf/b/c", modeFile | 0o644, 1, ""},
		{"etc/conf/link", modeLink | 0o777, 1, "a"}, {"usr/lib/x", modeFile | 0o644, 1, ""}, {"etc/moss.bkeymap", modeFile | 0o644, 7, ""},
	} {
		if !slices.Contains(entries, want) {
			t.Errorf("got %v, want %v in it", entries, want)
		}
	}
	out := filepath.Join(t.TempDir(), "image")
	if _, err := BuildFile(out, cfg); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want an image with files for root alone", info.Mode(), err)
	}
	for name, want := range map[string]string{"etc/x": "no path from /", "/etc/none": "no such file", "/init": "no such file"} {
		cfg.Files = []string{name}
		if _, err := makePlan(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	testutil.Tree{"init": "evil"}.Create(t, dir)
	if _, err := makePlan(Config{Root: dir, Files: []string{"/init"}}); err == nil || !strings.Contains(err.Error(), "two things want that name") {
		t.Errorf("got %v, want that /init is taken", err)
	}
}

// A dynamic program of this machine runs in a root that holds nothing but what the
// image brings for it.
func TestProgramWithItsLibraries(t *testing.T) {
	const name = "/usr/bin/cat"
	dir := root(t)
	cfg := Config{Root: "/", Usr: "/usr", Mode: ModeList, Init: filepath.Join(dir, "usr/lib/moss/moss-init"), Compress: "none", Programs: []string{"cat"}, Microcode: "no"}
	cfg.Kernel = "6.1.0"
	p := plan{cfg: cfg}
	p.system = activate.Open("/")
	if err := p.addPrograms(); err != nil {
		t.Fatal(err)
	}
	into := t.TempDir()
	for _, e := range p.entries {
		at := filepath.Join(into, e.name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if e.target != "" {
			if err := os.Symlink(e.target, at); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := e.read()
		if err == nil {
			err = os.WriteFile(at, data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	testutil.Tree{"lib": "-> usr/lib", "hello": "it runs"}.Create(t, into)
	out, err := exec.Command("chroot", into, name, "/hello").CombinedOutput()
	if err != nil || string(out) != "it runs" {
		t.Errorf("got %q, %v; the image brings %v", out, err, testutil.List(t, into))
	}
	p.cfg.Programs = []string{"no-such-program"}
	if err := p.addPrograms(); err == nil || !strings.Contains(err.Error(), "there is none in /usr/bin, /usr/sbin, /bin, /sbin") {
		t.Errorf("got %v, want where it was looked for", err)
	}
}

func TestOmit(t *testing.T) {
	dir := root(t)
	_, report := build(t, Config{Root: dir, Compress: "none", Omit: []string{"crc32c-hw"}})
	if want := []string{"ext4", "jbd2"}; !slices.Equal(report.Modules, want) {
		t.Errorf("got %v, want %v: a soft dependency can be left out", report.Modules, want)
	}
	if _, err := makePlan(Config{Root: dir, Omit: []string{"jbd2"}}); err == nil || !strings.Contains(err.Error(), "ext4 -> jbd2: it is left out by omit") {
		t.Errorf("got %v, want that ext4 needs it", err)
	}
}

// The kernel that the image is for does not run here, and its modules are not those
// of the one that does (uname would name another folder).
func TestImageForAnotherKernel(t *testing.T) {
	dir := root(t)
	testutil.Tree{"usr/lib/modules/9.0.0/kernel/ext4.ko": "\x7fELF newer", "usr/lib/modules/9.0.0/modules.dep": "kernel/ext4.ko:\n"}.Create(t, dir)
	image, report := build(t, Config{Root: dir, Kernel: "6.1.0", Compress: "none"})
	if report.Kernel != "6.1.0" || !bytes.Contains(image, []byte(module("ext4"))) || bytes.Contains(image, []byte("9.0.0")) {
		t.Errorf("got kernel %s, want 6.1.0 and nothing of 9.0.0", report.Kernel)
	}
	if image, report = build(t, Config{Root: dir, Compress: "none"}); report.Kernel != "9.0.0" || bytes.Contains(image, []byte("6.1.0")) {
		t.Errorf("got kernel %s, want the newest and nothing of 6.1.0", report.Kernel)
	}
}

func TestDiff(t *testing.T) {
	dir := root(t)
	a, _ := build(t, Config{Root: dir, Compress: "zstd", Time: 5})
	same, _ := build(t, Config{Root: dir, Compress: "none"})
	if found, err := Diff(bytes.NewReader(a), bytes.NewReader(same)); err != nil || len(found) != 0 {
		t.Errorf("got %v, %v, want no difference for compression and time", found, err)
	}
	write(t, dir, modulesDir+"kernel/fs/ext4.ko", module("EXT4"))
	b, _ := build(t, Config{Root: dir, Modules: []string{"odd_one"}})
	found, err := Diff(bytes.NewReader(a), bytes.NewReader(b))
	var got []string
	for _, d := range found {
		got = append(got, strings.TrimPrefix(d.Name, modulesDir))
		if d.Name == modulesDir+"kernel/fs/ext4.ko" && (d.A == nil || d.B == nil || !d.Content || d.A.Size != d.B.Size) {
			t.Errorf("got %+v, want other content of the same size", d)
		}
		if d.Name == modulesDir+"kernel/odd_one.ko" && (d.A != nil || d.B == nil) {
			t.Errorf("got %+v, want it in the second only", d)
		}
	}
	if want := []string{"kernel/fs/ext4.ko", "kernel/odd_one.ko", "modules.dep"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := Diff(bytes.NewReader(a), strings.NewReader("junk")); err == nil {
		t.Error("junk: got no error")
	}
}

func TestSumFollowsTheContent(t *testing.T) {
	dir := root(t)
	sum := func(cfg Config) string {
		t.Helper()
		cfg.Root = dir
		text, _, err := Sum(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := sum(Config{})
	seen := map[string]bool{first: true}
	if sum(Config{}) != first {
		t.Error("two sums of the same differ")
	}
	write(t, dir, modulesDir+"kernel/unused.ko", module("changed"))
	if sum(Config{}) != first {
		t.Error("a module that is not in the image counts")
	}
	for _, cfg := range []Config{{Compress: "xz"}, {Level: 3}, {Modules: []string{"odd_one"}}, {Keymap: []byte("x")}} {
		if s := sum(cfg); seen[s] {
			t.Errorf("%+v: got the sum of another", cfg)
		} else {
			seen[s] = true
		}
	}
	write(t, dir, modulesDir+"kernel/fs/jbd2.ko.gz", squeeze(t, "gzip", module("JBD2")))
	if sum(Config{}) == first {
		t.Error("a module changed and the sum did not")
	}
}
