package system_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader"
	"moss/bootloader/efivar"
	"moss/bootloader/esp"
	"moss/bootloader/sdboot/sdboottest"
	"moss/bootloader/sign"
	"moss/bootloader/sign/signtest"
	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

func statusOf(t testing.TB, opt system.Options) system.BootStatus {
	t.Helper()
	st, err := system.ReadBootStatus(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// codes of the warnings, in their order.
func codes(st system.BootStatus) string {
	var all []string
	for _, w := range st.Warnings {
		all = append(all, w.Code)
	}
	return strings.Join(all, " ")
}

// warned wants a warning with a code, and gives it.
func warned(t testing.TB, st system.BootStatus, code string) bootloader.Warning {
	t.Helper()
	i := slices.IndexFunc(st.Warnings, func(w bootloader.Warning) bool { return w.Code == code })
	if i < 0 {
		t.Fatalf("got %+v, want a warning %s", st.Warnings, code)
	}
	return st.Warnings[i]
}

// withLoader is a base that brings a loader, so that nothing is left to wish for.
func withLoader() testutil.Stone {
	stone := base()
	stone.Files["lib/systemd/boot/efi/systemd-bootx64.efi"] = sdboottest.Boot("252.39")
	return stone
}

// listed is all that is in a root, but for the index that a reader of SQLite leaves
// beside the database.
func listed(t testing.TB, root string) []string {
	return slices.DeleteFunc(testutil.List(t, root), func(line string) bool { return strings.HasPrefix(line, ".moss/db/moss.sqlite-") })
}

func TestBootStatus(t *testing.T) {
	m := newMachine(t, 1)
	install(t, m.opt, withLoader())
	if _, err := system.InstallLoader(t.Context(), m.opt, system.LoaderRequest{}); err != nil {
		t.Fatal(err)
	}
	m.set("LoaderInfo", "systemd-boot 252.39")
	if err := m.vars.Write(efivar.Loader("LoaderFeatures"), []byte{0xff, 7, 0, 0, 0, 0, 0, 0}, efivar.Volatile); err != nil {
		t.Fatal(err)
	}
	before := listed(t, m.root)
	st := statusOf(t, m.opt)
	if diff := cmp.Diff(before, listed(t, m.root)); diff != "" {
		t.Errorf("something was changed:\n%s", diff)
	}
	if len(st.Warnings) != 0 || len(st.Unread) != 0 {
		t.Errorf("got the warnings %+v and unread %q, want none", st.Warnings, st.Unread)
	}
	if st.Menu.Matches == nil || !*st.Menu.Matches || st.Active != 2 || st.Default != 2 || st.OneShot != nil || st.Next.State != 2 || len(st.Entries) != 2 {
		t.Errorf("got %+v", st)
	}
	if st.Firmware != (system.FirmwareStatus{Type: "unknown", Variables: true}) || st.Loader.Running != "systemd-boot 252.39" || !slices.Contains(st.Loader.Features, "counting") {
		t.Errorf("got %+v and %+v", st.Firmware, st.Loader)
	}
	if len(st.Loader.Installed) != 2 || st.Loader.Installed[0].Version != "252.39" || st.Loader.Available != "252.39" || !strings.HasPrefix(st.Loader.Installed[0].Path, "/EFI/") {
		t.Errorf("got %+v", st.Loader)
	}
	if st.ESP == nil || st.ESP.Dir != filepath.Join(m.root, "efi") || st.ESP.Free == 0 || st.ESP.Total < st.ESP.Free || st.XBOOTLDR != nil {
		t.Errorf("got %+v and %+v", st.ESP, st.XBOOTLDR)
	}
}

// TestBootStatusOfAChoice: what a person chose is no difference.
func TestBootStatusOfAChoice(t *testing.T) {
	m := newMachine(t, 2)
	if _, err := system.SetDefault(t.Context(), m.opt, 1); err != nil {
		t.Fatal(err)
	}
	if st := statusOf(t, m.opt); st.Menu.Matches == nil || !*st.Menu.Matches || st.Default != 1 || codes(st) != "default-not-live loader-missing" {
		t.Errorf("got %+v, default %d, %s", st.Menu, st.Default, codes(st))
	}
}

// TestBootStatusKeys: scripts read these.
func TestBootStatusKeys(t *testing.T) {
	text, err := json.Marshal(statusOf(t, system.Options{Root: t.TempDir()}))
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for key, value := range top {
		keys = append(keys, key)
		null := slices.Contains([]string{"esp", "xbootldr", "oneshot", "next"}, key)
		if string(value) == "null" != null {
			t.Errorf("%s is %s", key, value)
		}
	}
	slices.Sort(keys)
	want := []string{"active", "boot", "booted", "default", "entries", "esp", "failed", "firmware", "good", "loader", "menu", "next", "oneshot", "pinned",
		"secure_boot", "unread", "warnings", "xbootldr"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Error(diff)
	}
	if bytes.Count(text, []byte("null")) != 5 { // with menu.matches
		t.Errorf("got %s, want null in five places", text)
	}
}

// TestBootStatusHidesNothingBehindAnError: what cannot be read is said, and the
// rest is there.
func TestBootStatusHidesNothingBehindAnError(t *testing.T) {
	for _, c := range []struct {
		what    string
		states  int
		harm    func(t *testing.T, m machine)
		unread  string
		warning string
		menu    bool // the menu is read all the same
	}{
		{"a configuration that makes no sense", 1, func(t *testing.T, m machine) {
			testutil.Tree{"etc/moss/moss.yaml": "keep: [\n"}.Create(t, m.root)
		}, "what the menu should be: ", "", true},
		{"no store", 1, func(t *testing.T, m machine) {
			if err := os.Rename(filepath.Join(m.root, ".moss/db"), filepath.Join(m.root, ".moss/gone")); err != nil {
				t.Fatal(err)
			}
		}, "the states: ", "", true},
		{"no boot partition", 1, func(t *testing.T, m machine) {
			if err := os.RemoveAll(filepath.Join(m.root, "efi")); err != nil {
				t.Fatal(err)
			}
		}, "", "no-boot", false},
		{"a kernel that is gone from its state", 2, func(t *testing.T, m machine) {
			if err := os.Remove(filepath.Join(m.root, ".moss/root/1/usr/lib/kernel", kernel, "50-moss.initrd")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("/usr/nowhere", filepath.Join(m.root, ".moss/root/1/usr/lib/kernel", kernel, "50-moss.initrd")); err != nil {
				t.Fatal(err)
			}
		}, "", "menu-note", true},
		{"a loader that is none", 1, func(t *testing.T, m machine) {
			testutil.Tree{"usr/lib/systemd/boot/efi/systemd-bootx64.efi": "text"}.Create(t, m.root)
		}, "the loader of /usr: ", "", true},
		{"certificates that are none", 1, func(t *testing.T, m machine) {
			testutil.Tree{"var/lib/sbctl/keys/db/db.pem": "text"}.Create(t, m.root)
		}, "the Secure Boot keys and signatures: ", "", true},
	} {
		m := newMachine(t, c.states)
		c.harm(t, m)
		st := statusOf(t, m.opt)
		if c.unread != "" && !slices.ContainsFunc(st.Unread, func(line string) bool { return strings.HasPrefix(line, c.unread) && !strings.Contains(line, "\n") }) {
			t.Errorf("%s: got unread %q, want %q", c.what, st.Unread, c.unread)
		}
		if c.warning != "" {
			warned(t, st, c.warning)
		}
		if c.menu != (st.Next != nil && st.Next.State == uint64(c.states) && len(st.Entries) == c.states) {
			t.Errorf("%s: got next %+v and %d entries", c.what, st.Next, len(st.Entries))
		}
		if c.what != "no store" && st.Active != uint64(c.states) {
			t.Errorf("%s: got the live state %d", c.what, st.Active)
		}
	}
	if _, err := system.ReadBootStatus(t.Context(), system.Options{Root: "/nonexistent"}); err == nil || !strings.Contains(err.Error(), "/nonexistent") {
		t.Errorf("got %v, want that there is no such root", err)
	}
}

// TestBootStatusTellsWhatIsWrong: from the machine to the words.
func TestBootStatusTellsWhatIsWrong(t *testing.T) {
	m := newMachine(t, 3)
	m.count(3, "+0-3")
	testutil.Tree{".moss/boot/failed/3": "reason: no init\nkernel: 6.1\ntime: 2026-11-22T03:30:00Z\n", ".moss/boot/failed/.x.tmp-1": "half"}.Create(t, m.root)
	m.set("LoaderEntryDefault", bootloader.Pattern("0123456789ab", 9))
	m.set("LoaderEntryOneShot", bootloader.Pattern("0123456789ab", 1))
	if err := os.Remove(onBoot(t, m.root, "moss-*/*.initrd")[0]); err != nil {
		t.Fatal(err)
	}
	st := statusOf(t, m.opt)
	if got, want := codes(st), "no-entry file-missing setting-stale entry-bad loader-missing"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if w := warned(t, st, "entry-bad"); w.Do != "moss-boot -D "+m.root+" list" || !strings.HasSuffix(w.Text, "no init") {
		t.Errorf("got %+v", w)
	}
	if diff := cmp.Diff([]system.FailedState{{State: 3, Reason: "no init", Kernel: "6.1", Time: "2026-11-22T03:30:00Z"}}, st.Failed); diff != "" {
		t.Error(diff)
	}
	if st.Menu.Matches == nil || *st.Menu.Matches || len(st.Menu.Steps) == 0 || st.OneShot == nil || *st.OneShot != 1 || st.Default != 2 || st.Next.State != 1 {
		t.Errorf("got %+v, one-shot %v, default %d, next %+v", st.Menu, st.OneShot, st.Default, st.Next)
	}
	// What it names mends it.
	synced, err := system.SyncMenu(t.Context(), m.opt)
	if err != nil || !slices.Equal(synced.Steps, st.Menu.Steps) {
		t.Errorf("got %v, %v, want what status said: %v", synced.Steps, err, st.Menu.Steps)
	}
	if got := codes(statusOf(t, m.opt)); got != "entry-bad loader-missing" {
		t.Errorf("synced: got %s", got)
	}
}

// TestBootStatusWithoutBlessing: the unit of the live state counts.
func TestBootStatusWithoutBlessing(t *testing.T) {
	m := newMachine(t, 1)
	m.count(1, "+2-1")
	if w := warned(t, statusOf(t, m.opt), "not-blessed"); !strings.HasSuffix(w.Do, " bless good 1") {
		t.Errorf("got %+v", w)
	}
	testutil.Tree{"usr/lib/systemd/system/moss-bless.service": ""}.Create(t, m.root)
	if got := codes(statusOf(t, m.opt)); strings.Contains(got, "not-blessed") {
		t.Errorf("got %s", got)
	}
}

// TestBootStatusOfXBOOTLDR: two places, one of them open for the question alone.
func TestBootStatusOfXBOOTLDR(t *testing.T) {
	m := newMachine(t, 1)
	boot := esp.Boot{ESP: filepath.Join(m.root, "system"), Dir: filepath.Join(m.root, "efi"),
		ESPPart: esp.Part{Node: "/dev/vda1", UUID: "11", Ours: true}, DirPart: esp.Part{Node: "/dev/vda2", UUID: "22", Dirty: true}}
	testutil.Tree{"system/EFI/": ""}.Create(t, m.root)
	st := statusOf(t, system.Held(m.opt, boot))
	if st.ESP == nil || st.ESP.Dir != "" || st.ESP.Device != "/dev/vda1" || st.ESP.PARTUUID != "11" || st.ESP.ReadOnly || st.ESP.Total == 0 {
		t.Errorf("got the ESP %+v", st.ESP)
	}
	if st.XBOOTLDR == nil || st.XBOOTLDR.Dir != boot.Dir || st.XBOOTLDR.Device != "/dev/vda2" || !st.XBOOTLDR.Dirty {
		t.Errorf("got XBOOTLDR %+v", st.XBOOTLDR)
	}
	// The loader.conf that the rig wrote is where no loader looks now.
	for code, do := range map[string]string{"config-unread": "rm " + filepath.Join(boot.Dir, "loader/loader.conf"),
		"dirty": "umount " + boot.Dir + " && fsck.fat -p /dev/vda2 && mount " + boot.Dir} {
		if w := warned(t, st, code); w.Do != do {
			t.Errorf("got %+v, want %q", w, do)
		}
	}
}

// TestBootStatusOfSecureBoot: all that the firmware checks next is looked at.
func TestBootStatusOfSecureBoot(t *testing.T) {
	root := newRoot(t)
	k, err := sign.Create(root, options(root).Now)
	if err != nil {
		t.Fatal(err)
	}
	opt := options(root)
	install(t, opt, signable())
	firmware := signtest.NewFirmware(k, 0)
	firmware.Set("SecureBoot", 1)
	opt.Vars = firmware
	warned(t, statusOf(t, opt), "key-unknown")
	firmware = signtest.NewFirmware(k, 1)
	opt.Vars = firmware
	if _, err := system.EnrollKeys(opt, system.Enrollment{OwnOnly: true, Force: true}); err != nil {
		t.Fatal(err)
	}
	firmware.Set("SetupMode", 0)
	firmware.Set("SecureBoot", 1)
	st := statusOf(t, opt)
	if s := st.SecureBoot; s.State != "on" || s.SetupMode != "off" || s.Key != sign.Fingerprint(k.DB.Cert) || s.Signed != "yes" || !s.Enrolled || len(s.Files) != 1 || !*st.Menu.Matches {
		t.Fatalf("got %+v", st)
	}
	unsigned := onBoot(t, root, "moss-*/*.linux")[0]
	if err := os.WriteFile(unsigned, signtest.Small(3), 0o644); err != nil {
		t.Fatal(err)
	}
	st = statusOf(t, opt)
	if st.SecureBoot.Signed != "no" || !slices.ContainsFunc(st.SecureBoot.Files, func(f system.SignedFile) bool { return !f.Signed && strings.HasSuffix(f.Path, ".linux") }) {
		t.Errorf("got %+v", st.SecureBoot)
	}
	warned(t, st, "unsigned")
	// A loader counts as well.
	testutil.Tree{"EFI/systemd/systemd-bootx64.efi": sdboottest.Boot("252.39")}.Create(t, filepath.Join(root, "efi"))
	if st = statusOf(t, opt); len(st.SecureBoot.Files) != 2 {
		t.Errorf("got %+v", st.SecureBoot)
	}
}

func TestThisBoot(t *testing.T) {
	line := "root=UUID=1 moss.fstx=2 quiet moss.fstx=4"
	b, err := system.ThisBootOf(line, nil)
	if err != nil || b.Wanted != 4 || b.Activated != 0 || b.Fallback {
		t.Errorf("no report: got %+v, %v", b, err)
	}
	b, err = system.ThisBootOf(line, []byte(`{"wanted":4,"activated":3,"fallback":true,"step":2,"reason":"no init","failed":[{"state":4,"reason":"no init"}],"kernel":"6.1"}`))
	want := system.ThisBoot{Wanted: 4, Activated: 3, Fallback: true, Step: 2, Reason: "no init", Failed: []system.Bad{{State: 4, Reason: "no init"}}}
	if diff := cmp.Diff(want, b); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	b, err = system.ThisBootOf("root=/dev/vda", []byte(`{"wanted":null,"activated":3,"fallback":false,"reason":"","failed":[]}`))
	if err != nil || b.Wanted != 0 || b.Activated != 3 || b.Failed == nil {
		t.Errorf("nothing wanted: got %+v, %v", b, err)
	}
	if b, err := system.ThisBootOf(line, []byte("{")); err == nil || b.Wanted != 4 || b.Failed == nil {
		t.Errorf("half a report: got %+v, %v, want what the command line says and an error", b, err)
	}
}

func TestFeatureNames(t *testing.T) {
	if got := system.FeatureNames(1<<3 | 1<<19 | 1<<63); !slices.Equal(got, []string{"oneshot", "preferred"}) {
		t.Errorf("got %q", got)
	}
	if got := system.FeatureNames(0); got == nil || len(got) != 0 {
		t.Errorf("got %#v, want an empty list", got)
	}
}

// TestBootStatusAsOrdinaryUser: all but what only root may read.
func TestBootStatusAsOrdinaryUser(t *testing.T) {
	need.Root(t, "becoming another user")
	m := newMachine(t, 2)
	for _, dir := range []string{filepath.Dir(m.root), m.root} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() (st system.BootStatus) {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestAskBootStatus$")
		cmd.Env = []string{"MOSS_TEST_STATUS=" + m.root}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.Output()
		if err != nil || json.Unmarshal(out, &st) != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return st
	}
	before := listed(t, m.root)
	st := ask()
	if len(st.Unread) != 0 || st.Menu.Matches == nil || !*st.Menu.Matches || st.Next.State != 2 || codes(st) != "loader-missing" {
		t.Errorf("got %+v", st)
	}
	if after := listed(t, m.root); !slices.Equal(before, after) {
		t.Errorf("something was changed:\n%s", cmp.Diff(before, after))
	}
	if err := os.Chmod(filepath.Join(m.root, "efi"), 0o700); err != nil {
		t.Fatal(err)
	}
	st = ask()
	if w := warned(t, st, "no-boot"); st.Next != nil || st.Active != 2 || !strings.Contains(w.Text, "permission denied") || !strings.HasPrefix(w.Do, "sudo moss-boot") {
		t.Errorf("got %+v and %+v", w, st)
	}
}

// TestAskBootStatus is the ordinary user's side of it.
func TestAskBootStatus(t *testing.T) {
	if root := os.Getenv("MOSS_TEST_STATUS"); root != "" {
		st, err := system.ReadBootStatus(t.Context(), system.Options{Root: root})
		if err != nil || json.NewEncoder(os.Stdout).Encode(st) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// TestBootStatusCommands are for what was asked about.
func TestBootStatusCommands(t *testing.T) {
	for _, c := range []struct{ root, esp, do, want string }{
		{"/", "", "moss-boot sync", "moss-boot sync"},
		{"/mnt", "", "moss-boot sync && moss-boot update", "moss-boot -D /mnt sync && moss-boot -D /mnt update"},
		{"/mnt", "/mnt/efi", "moss-boot set-default 3 --force", "moss-boot -D /mnt set-default 3 --force --esp /mnt/efi"},
		{"/a b's", "", "moss state remove 1 2", `moss -D '/a b'\''s' state remove 1 2`},
		{"/mnt", "/efi", "sudo moss-boot status", "sudo moss-boot -D /mnt status --esp /efi"},
		{"/mnt", "/efi", "moss-boot keys enroll", "moss-boot -D /mnt keys enroll"},
		{"/mnt", "/efi", "umount /moss && fsck.fat -p /dev/vda1", "umount /moss && fsck.fat -p /dev/vda1"},
		{"/mnt", "/efi", "moss-boot status --esp DIR", "moss-boot -D /mnt status --esp DIR"},
	} {
		if got := system.Aimed(system.Options{Root: c.root, ESP: c.esp}, c.do); got != c.want {
			t.Errorf("%s for %q and %q: got %q, want %q", c.do, c.root, c.esp, got, c.want)
		}
	}
}
