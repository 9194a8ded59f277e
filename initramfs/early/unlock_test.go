package early

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/cmdline"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

const boxUUID = "01234567-89ab-4cde-8f01-23456789abcd"

func box(name string) blockDevice {
	return blockDevice{Name: name, Node: "/dev/" + name, Holds: superblock{Type: "crypto_LUKS", UUID: boxUUID}}
}

// mapped adds a mapping to a machine that is a folder.
func mapped(t testing.TB, top, kernel, name, uuid string) {
	t.Helper()
	testutil.Tree{"sys/class/block/" + kernel + "/dm/name": name + "\n", "sys/class/block/" + kernel + "/dm/uuid": uuid + "\n"}.Create(t, top)
}

func TestLuksWords(t *testing.T) {
	other := "11111111-2222-3333-4444-555555555555"
	plain := unlockWords{name: "luks-" + boxUUID, tries: 3, tpm2: true}
	for text, want := range map[string]unlockWords{
		"":                                  plain,
		"rd.luks.uuid=" + boxUUID:           plain,
		"rd.luks.name=" + boxUUID + "=root": {name: "root", tries: 3, tpm2: true},
		"rd.luks.name=" + other + "=root":   plain,
		"rd.luks.key=/k":                    {name: plain.name, keyfile: "/k", tries: 3, tpm2: true},
		"rd.luks.key=" + boxUUID + "=/a=b":  {name: plain.name, keyfile: "/a=b", tries: 3, tpm2: true},
		"rd.luks.key=" + other + "=/k":      plain,
		"rd.luks.key=/any rd.luks.key=" + strings.ToUpper(boxUUID) + "=/mine": {name: plain.name, keyfile: "/mine", tries: 3, tpm2: true},
		"rd.luks.options=discard,tries=5,what,luks":                           {name: plain.name, tries: 5, tpm2: true, flags: []string{"allow-discards"}, odd: []string{"what"}},
		"rd.luks.options=" + boxUUID + "=no-read-workqueue,tpm2-device=none":  {name: plain.name, tries: 3, flags: []string{"no-read-workqueue"}},
		"rd.luks.options=" + other + "=discard":                               plain,
		"rd.luks.options=nofail":                                              {name: plain.name, tries: 3, tpm2: true, nofail: true},
		"rd.luks.key=/k:UUID=1234":                                            {name: plain.name, tries: 3, tpm2: true, away: "UUID=1234"},
		"luks.name=" + boxUUID + "=root luks.key=/k luks.options=tries=5":     {name: "root", keyfile: "/k", tries: 5, tpm2: true},
		"luks.options=tries=5 rd.luks.options=tries=6":                        {name: plain.name, tries: 6, tpm2: true},
		"rd.luks.options=tries=6 luks.options=tries=5":                        {name: plain.name, tries: 5, tpm2: true},
	} {
		got, err := luksWords(cmdline.Parse(text), boxUUID)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(unlockWords{})); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", text, err, diff)
		}
	}
	for text, want := range map[string]string{
		"rd.luks.key=k":                     "no absolute path",
		"rd.luks.options=header=/h":         "not supported",
		"rd.luks.options=tries=x":           "no number",
		"rd.luks.name=" + boxUUID + "=":     "no name",
		"rd.luks.options=luks,tries=-1,x=y": "no number",
	} {
		if _, err := luksWords(cmdline.Parse(text), boxUUID); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want it to say %q", text, err, want)
		}
	}
	argv := unlockWords{name: "n", keyfile: "/k", tries: 2, flags: []string{"a", "b"}, tpm2: true}.argv("/dev/x")
	if got := strings.Join(argv[1:], " "); got != "--device /dev/x --name n --tries 2 --keyfile /k --tpm2 --flags a,b" {
		t.Errorf("got %s", got)
	}
}

func TestLuksNamed(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "rd.luks.uuid=" + boxUUID: true, "rd.luks.uuid=luks-" + boxUUID: true, "rd.luks.uuid=" + strings.ToUpper(boxUUID): true,
		"rd.luks.name=" + boxUUID + "=x": true, "rd.luks.uuid=0123": false, "luks.uuid=" + boxUUID: true, "luks.name=" + boxUUID + "=x": true, "rd.luks.uuid": false,
	} {
		if got := luksNamed(cmdline.Parse(text), boxUUID); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
		if luksNamed(cmdline.Parse(text), "") {
			t.Errorf("%q names what has no UUID", text)
		}
	}
}

// rd.luks= and luks= are booleans of systemd; the last one counts.
func TestLuksOff(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "rd.luks=0": "rd.luks=0", "rd.luks=false": "rd.luks=false", "rd.luks=OFF": "rd.luks=OFF", "luks=no": "luks=no", "rd.luks=no rd.luks=yes": "",
		"luks=1 rd.luks=n": "rd.luks=n", "luks": "", "luks.uuid=no": "",
	} {
		if got := luksOff(cmdline.Parse(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A key file on a stick is no reason not to ask.
func TestKeyOnAnotherDevice(t *testing.T) {
	b := machine(t, "rd.luks.key=/k:UUID=stick rd.luks.uuid="+boxUUID)
	screenFile := b.console.tty
	script(t, b, "cd "+b.Top+" && mkdir -p sys/class/block/dm-0/dm && echo x >sys/class/block/dm-0/dm/name && echo CRYPT-LUKS2-0123456789ab4cde8f0123456789abcd-x >sys/class/block/dm-0/dm/uuid")
	b.console.tty = screenFile
	if !b.unlockNamed([]blockDevice{box("vda2")}) {
		t.Fatalf("not opened: %v", b.stuck)
	}
	if got := testutil.Read(t, b.path("called")); strings.Contains(got, "keyfile") || !strings.Contains(screen(t, b), "a key file on another device (UUID=stick) is not read here") {
		t.Errorf("called with %q, said %q", got, screen(t, b))
	}
}

func TestUnlockWithoutProgram(t *testing.T) {
	b := &Boot{Top: t.TempDir()}
	_, err := b.unlock(box("vda2"))
	if err == nil || !strings.Contains(err.Error(), "is a LUKS container and this image has no moss-unlock: rebuild it with `luks: yes`") {
		t.Errorf("got %v", err)
	}
	b.line = cmdline.Parse("rd.luks=no rd.luks.uuid=" + boxUUID)
	if _, err := b.unlock(box("vda2")); err == nil || !strings.Contains(err.Error(), "rd.luks=no") {
		t.Errorf("forbidden: got %v", err)
	}
	if b.unlockNamed([]blockDevice{box("vda2")}) {
		t.Error("forbidden: opened")
	}
}

// TestUnlockOnce: what is mapped is not asked for again, whoever mapped it.
func TestUnlockOnce(t *testing.T) {
	b := &Boot{Top: t.TempDir(), line: cmdline.Parse("rd.luks.uuid=" + boxUUID)}
	mapped(t, b.Top, "dm-0", "swap", "CRYPT-PLAIN-swap")
	mapped(t, b.Top, "dm-1", "my-root", "CRYPT-LUKS2-0123456789ab4cde8f0123456789abcd-my-root")
	if name, err := b.unlock(box("vda2")); name != "dm-1" || err != nil {
		t.Errorf("got %q, %v", name, err)
	}
	if b.unlockNamed([]blockDevice{box("vda2")}) {
		t.Error("opened again")
	}
	if got := mapperName(b.path("sys"), "dm-1"); got != "my-root" {
		t.Errorf("got %q", got)
	}
}

// script puts a program in moss-unlock's place, which says what it was called
// with and does what the test wants.
func script(t *testing.T, b *Boot, text string) {
	t.Helper()
	testutil.Tree{"usr/lib/moss/moss-unlock": "0755:#!/bin/sh\necho \"$@\" > " + b.Top + "/called\n" + text + "\n", "dev/": ""}.Create(t, b.Top)
	console, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { console.Close() })
	b.console.tty = console
}

func TestUnlock(t *testing.T) {
	b := &Boot{Top: t.TempDir(), line: cmdline.Parse("rd.luks.name=" + boxUUID + "=root")}
	dm := filepath.Join(b.Top, "sys/class/block/dm-0/dm")
	script(t, b, "mkdir -p "+dm+" && echo root > "+dm+"/name && echo CRYPT-LUKS1-0123456789ab4cde8f0123456789abcd-root > "+dm+"/uuid")
	if !b.unlockNamed([]blockDevice{{Name: "vda1"}, box("vda2")}) {
		t.Fatalf("not opened: %v", b.stuck)
	}
	if got := testutil.Read(t, filepath.Join(b.Top, "called")); got != "--device /dev/vda2 --name root --tries 3 --tpm2\n" {
		t.Errorf("called with %q", got)
	}
}

func TestUnlockFails(t *testing.T) {
	for text, want := range map[string]string{"exit 1": "was not unlocked (moss-unlock ended with 1", "exit 0": "the kernel does not show", "kill -9 $$": "ended with 137"} {
		b := &Boot{Top: t.TempDir()}
		script(t, b, text)
		if _, err := b.unlock(box("vda2")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", text, err, want)
		}
	}
}

func TestTwoContainersOfOneName(t *testing.T) {
	b := &Boot{Top: t.TempDir(), line: cmdline.Parse("rd.luks.uuid=" + boxUUID)}
	script(t, b, "exit 0")
	b.unlockNamed([]blockDevice{box("vda2"), box("vdb2")})
	if err := b.stuck[boxUUID]; err == nil || !strings.Contains(err.Error(), "two LUKS containers have the UUID "+boxUUID) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.Top, "called")); err == nil {
		t.Error("one of them was opened")
	}
}

// TestCiphers: the words are those of real headers.
func TestCiphers(t *testing.T) {
	for name, test := range map[string]struct{ args, want string }{
		"LUKS2": {"--type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000", "aes ecb plain64 xts"},
		"LUKS1": {"--type luks1 --pbkdf-force-iterations 1000 -c aes-cbc-essiv:sha256", "aes cbc essiv sha256"},
	} {
		path := filepath.Join(t.TempDir(), "disk")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 17<<20); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(need.Program(t, "cryptsetup"), append(strings.Fields("luksFormat -q "+test.args), path, "-")...)
		cmd.Stdin = strings.NewReader("x")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := strings.Join(luksCiphers(path), " "); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	if got := strings.Join(parseCiphers([]byte(`"encryption": "xchacha20,aes-adiantum-plain64"`)), " "); got != "adiantum aes nhpoly1305 plain64 xchacha20" {
		t.Errorf("adiantum: got %q", got)
	}
	if got := luksCiphers(filepath.Join(t.TempDir(), "none")); got != nil {
		t.Errorf("no device: got %q", got)
	}
}

func FuzzCiphers(f *testing.F) {
	f.Add([]byte(`LUKS..\x00\x02{"encryption":"aes-xts-plain64"}`))
	f.Add(append([]byte("LUKS\xba\xbe\x00\x01"), make([]byte, 600)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		if words := parseCiphers(data); len(words) > mostWords {
			t.Errorf("%d words", len(words))
		}
	})
}
