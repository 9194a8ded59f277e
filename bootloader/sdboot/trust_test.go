package sdboot_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"moss/bootloader/sdboot"
	"moss/bootloader/sdboot/sdboottest"
	"moss/bootloader/sign"
	"moss/internal/testutil"
)

// signers makes two keys and gives what each signs.
func signers(t *testing.T) (ours, other func(content string) string) {
	t.Helper()
	var by [2]func(string) string
	for i := range by {
		root := t.TempDir()
		testutil.NewRoot(t, root)
		k, err := sign.Create(root, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		by[i] = func(content string) string {
			path := filepath.Join(t.TempDir(), "program")
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := k.Sign(path, path); err != nil {
				t.Fatal(err)
			}
			return testutil.Read(t, path)
		}
	}
	return by[0], by[1]
}

// in says whether a program is one of some.
func in(all ...string) func([]byte) bool {
	return func(data []byte) bool { return slices.Contains(all, string(data)) }
}

// knowing gives a request what the wiring gives it.
func knowing(r sdboot.Request) sdboot.Request {
	r.Digest = func(data []byte) string {
		sum, _ := sign.Digest(data)
		return string(sum)
	}
	r.Signers = func(data []byte) (names []string) {
		certs, _ := sign.Signers(data)
		for _, cert := range certs {
			names = append(names, sign.Fingerprint(cert))
		}
		return names
	}
	return r
}

// TestSecureBootAsksWhoSigned: a signature by anybody at all starts nothing.
func TestSecureBootAsksWhoSigned(t *testing.T) {
	ours, other := signers(t)
	for _, c := range []struct {
		name, there, source string
		on                  bool // Secure Boot
		trusted             []string
		refused             string // "" writes it
	}{
		{"by nobody in db", ours(boot("251")), other(boot("252")), true, []string{ours(boot("251"))}, "nobody signed it whom the firmware trusts"},
		{"by one in db", other(boot("251")), ours(boot("252")), true, []string{ours(boot("252"))}, ""},
		{"by the signer of what is there", other(boot("251")), other(boot("252")), true, nil, ""},
		{"by the signer of what is there and one more", other(boot("251")), ours(other(boot("252"))), true, nil, ""},
		{"off", ours(boot("251")), other(boot("252")), false, nil, ""},
		{"unsigned over signed, off or unknown", ours(boot("251")), boot("252"), false, nil, "it carries no signature, and "},
		{"unsigned over unsigned, off or unknown", boot("251"), boot("252"), false, nil, ""},
	} {
		for name, do := range map[string]verb{"install": sdboot.Install, "update": sdboot.Update} {
			r := newRig(t, testutil.Tree{mainX64: c.there, fallbackX64: c.there}, c.source)
			r.ask = knowing(r.ask)
			r.ask.Trusted = in(c.trusted...)
			if c.on {
				r.write("SecureBoot", []byte{1})
			}
			if c.refused == "" {
				r.run(do)
			} else {
				r.refused(do, c.refused)
				r.has(mainX64, c.there)
				r.ask.Force = true
				r.run(do)
			}
			r.has(mainX64, c.source)
			r.has(fallbackX64, c.source)
			if t.Failed() {
				t.Fatalf("%s: %s", name, c.name)
			}
		}
	}
	alone := newRig(t, nil, other(boot("252")))
	alone.ask.Trusted = in()
	alone.write("SecureBoot", []byte{1})
	alone.refused(sdboot.Install, "nobody signed it whom the firmware trusts")
}

// TestUpdateAddsOurSignature: of equal programs ours is put there, when it is the
// same program and starts.
func TestUpdateAddsOurSignature(t *testing.T) {
	ours, other := signers(t)
	for _, c := range []struct {
		name, there, source string
		on, trusted, want   bool
		note                string
	}{
		{"by another", other(boot("252")), ours(boot("252")), false, false, true, ""},
		{"by another, and trusted", other(boot("252")), ours(boot("252")), true, true, true, ""},
		{"by another, and ours not trusted yet", other(boot("252")), ours(boot("252")), true, false, false, "does not get our signature"},
		{"by another, ours added", other(boot("252")), ours(other(boot("252"))), true, true, true, ""},
		{"ours already, of a program that was not signed", ours(boot("252")), boot("252"), false, true, false, "252 already"},
		{"another build", other(program(0x8664, magic("252")+"\n", false)), ours(boot("252")), false, true, false, "another build"},
		{"newer", other(boot("253")), ours(boot("252")), false, true, false, "newer"},
	} {
		r := newRig(t, testutil.Tree{mainX64: c.there}, c.source)
		r.ask = knowing(r.ask)
		r.ask.Trusted = func([]byte) bool { return c.trusted }
		r.ask.Ours = in(ours(boot("252")), ours(other(boot("252"))))
		if c.on {
			r.write("SecureBoot", []byte{1})
		}
		plan := r.run(sdboot.Update)
		if got := slices.Contains(ops(plan), sdboot.OpProgram); got != c.want || !strings.Contains(strings.Join(plan.Notes, "\n"), c.note) {
			t.Errorf("%s: got written %v, %q, want %v, %q", c.name, got, plan.Notes, c.want, c.note)
		}
	}
}

// TestSpaceIsThePeak: a file that is replaced is there twice only until the new
// one has its name.
func TestSpaceIsThePeak(t *testing.T) {
	r := newRig(t, testutil.Tree{mainX64: boot("251"), fallbackX64: boot("251")}, boot("252"))
	found := r.scan()
	found.Space.Cluster = 512
	size := found.Space.Round(uint64(len(boot("252"))))
	found.Space.Free = 2 * size // what is kept, and one temporary file
	plan, err := sdboot.Update(r.ask, found)
	if err != nil || plan.Need != 2*size || len(plan.Steps) != 3 {
		t.Errorf("got need %d, %v, want %d and no refusal", plan.Need, err, 2*size)
	}
	found.Space.Free--
	if _, err := sdboot.Update(r.ask, found); err == nil {
		t.Error("got no refusal with a byte less")
	}
}

// TestALargePreviousProgram is replaced, and removed with the rest.
func TestALargePreviousProgram(t *testing.T) {
	for _, do := range []verb{sdboot.Install, sdboot.Remove} {
		r := newRig(t, testutil.Tree{mainX64: boot("251"), keptX64: "x"}, boot("252"))
		if err := os.Truncate(filepath.Join(r.esp.ESP, keptX64), 17<<20); err != nil {
			t.Fatal(err)
		}
		r.run(do)
		if info, err := os.Stat(filepath.Join(r.esp.ESP, keptX64)); err == nil && info.Size() > 1<<20 {
			t.Errorf("got %d bytes", info.Size())
		}
	}
}

// TestSignedSources: a signed one counts without its unsigned twin, and before it.
func TestSignedSources(t *testing.T) {
	for _, c := range []struct{ there, want string }{
		{"systemd-bootx64.efi", "systemd-bootx64.efi"},
		{"systemd-bootx64.efi.signed", "systemd-bootx64.efi.signed"},
		{"systemd-bootx64.efi systemd-bootx64.efi.signed systemd-bootaa64.efi", "systemd-bootaa64.efi systemd-bootx64.efi.signed"},
		{"systemd-bootx64 systemd-bootx64.signed systemd-boot.efi addonx64.efi.stub linuxx64.efi.signed systemd-bootx64.efi.bak", ""},
	} {
		usr := t.TempDir()
		for name := range strings.FieldsSeq(c.there) {
			testutil.Tree{filepath.Join(sdboot.SourceDir, name): sdboottest.Boot("1")}.Create(t, usr)
		}
		paths, err := sdboot.Sources(usr)
		var got []string
		for _, path := range paths {
			got = append(got, filepath.Base(path))
		}
		if strings.Join(got, " ") != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: got %q, %v, want %s", c.there, got, err, c.want)
		}
	}
}

// TestLinksOutOfTheESP are refused: a root that is looked at from outside must
// not lead to the loader of this machine.
func TestLinksOutOfTheESP(t *testing.T) {
	host := t.TempDir()
	testutil.Tree{"EFI/systemd/systemd-bootx64.efi": boot("251"), "EFI/BOOT/BOOTX64.EFI": boot("251"), "loader/entries/": ""}.Create(t, host)
	before := testutil.List(t, host)
	for _, rel := range []string{"EFI", "EFI/systemd", "EFI/BOOT", "loader", "loader/entries"} {
		r := newRig(t, testutil.Tree{"EFI/": "", "loader/": ""}, boot("252"))
		path := filepath.Join(r.esp.ESP, rel)
		_ = os.Remove(path)
		if err := os.Symlink(filepath.Join(host, rel), path); err != nil {
			t.Fatal(err)
		}
		_, err := sdboot.Scan(r.esp, r.vars, "")
		if err == nil || !strings.Contains(err.Error(), path+" is a link that leads out of "+r.esp.ESP) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want a refusal in one line", rel, err)
		}
	}
	if after := testutil.List(t, host); !slices.Equal(before, after) {
		t.Errorf("got %v, want %v", after, before)
	}
	inner := newRig(t, testutil.Tree{"real/": ""}, boot("252"))
	if err := os.Symlink("real", filepath.Join(inner.esp.ESP, "EFI")); err != nil {
		t.Fatal(err)
	}
	inner.run(sdboot.Install)
	inner.has("real/BOOT/BOOTX64.EFI", boot("252"))
}
