package system

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/bootloader/sign"
	"moss/bootloader/sign/signtest"
	"moss/internal/testutil"
	"moss/internal/ui"
)

// refusedWith wants exit code 3, words in the error and advice.
func refusedWith(t *testing.T, what string, err error, words string) {
	t.Helper()
	if ExitCode(err) != exitRefused || !strings.Contains(err.Error(), words) || ui.Hint(err) == "" {
		t.Errorf("%s: got %v (code %d, hint %q), want a refusal with %q and advice", what, err, ExitCode(err), ui.Hint(err), words)
	}
}

func keyOptions(root string) Options {
	return Options{Root: root, Now: signingDay(), Log: func(string) {}}
}

// TestKeysOfAMachine: made once, refused where it could end in a machine that
// does not start, enrolled when everything is said.
func TestKeysOfAMachine(t *testing.T) {
	root, k := withKeys(t)
	opt := keyOptions(root)
	_, err := CreateKeys(opt)
	refusedWith(t, "keys twice", err, "already")
	own := Enrollment{OwnOnly: true}
	_, err = EnrollKeys(opt, Enrollment{})
	refusedWith(t, "no choice", err, "option ROM")
	_, err = EnrollKeys(opt, own)
	refusedWith(t, "no variables", err, "no EFI variables")
	firmware := signtest.NewFirmware(k, 0)
	opt.Vars = firmware
	_, err = EnrollKeys(opt, own)
	refusedWith(t, "user mode", err, "setup mode")
	firmware.Set("SetupMode", 1)
	_, err = EnrollKeys(opt, Enrollment{Microsoft: true})
	refusedWith(t, "no vendor certificates", err, "nothing in")
	bare := opt
	bare.Root = t.TempDir()
	_, err = EnrollKeys(bare, own)
	refusedWith(t, "no keys", err, "no Secure Boot keys")
	_, err = EnrollKeys(opt, own)
	refusedWith(t, "no $BOOT", err, "cannot be looked at")
	testutil.Tree{"efi/EFI/": "", "efi/loader/": ""}.Create(t, root)
	_, err = EnrollKeys(opt, own)
	refusedWith(t, "no loader", err, "no boot loader")
	loader := filepath.Join(root, "efi/EFI/systemd/systemd-bootx64.efi")
	testutil.Tree{"efi/EFI/systemd/systemd-bootx64.efi": string(signtest.Small(1))}.Create(t, root)
	_, err = EnrollKeys(opt, own)
	refusedWith(t, "unsigned loader", err, "would not start "+loader)
	forced := own
	forced.Force, forced.Agree = true, func() (bool, error) { return false, nil }
	if _, err := EnrollKeys(opt, forced); err != nil {
		t.Errorf("forced: %v", err)
	}
	if err := k.Sign(loader, loader); err != nil {
		t.Fatal(err)
	}
	own.Agree = func() (bool, error) { return false, nil }
	if done, err := EnrollKeys(opt, own); err != nil || len(done.Enrolled) > 0 || len(firmware.Order) > 0 {
		t.Errorf("not agreed: got %v, %v, the firmware %v", done, err, firmware.Order)
	}
	testutil.Tree{vendorCerts + "/db/ca.der": string(k.PK.Cert.Raw)}.Create(t, root)
	done, err := EnrollKeys(opt, Enrollment{Microsoft: true})
	if err != nil || !slices.Equal(done.Enrolled, []string{"db", "KEK", "PK"}) || done.Others != 1 {
		t.Errorf("got %v, %v", done, err)
	}
	members := sign.State(firmware).DB
	if len(members) != 2 || members[0].Owner != k.Owner || members[1].Owner != sign.MicrosoftOwner {
		t.Errorf("got %d members", len(members))
	}
}

// TestExportKeys leaves the firmware alone, in whatever mode it is.
func TestExportKeys(t *testing.T) {
	root, k := withKeys(t)
	opt := keyOptions(root)
	firmware := signtest.NewFirmware(k, 1)
	opt.Vars = firmware
	dir := filepath.Join(root, "efi/loader/keys/moss")
	done, err := EnrollKeys(opt, Enrollment{OwnOnly: true, Export: dir})
	if err != nil || len(done.Files) != 6 || len(done.Enrolled) > 0 || len(firmware.Order) > 0 {
		t.Errorf("got %v, %v, the firmware %v", done, err, firmware.Order)
	}
	want := []string{"KEK.auth", "KEK.esl", "PK.auth", "PK.esl", "db.auth", "db.esl"}
	var got []string
	rows, err := os.ReadDir(dir)
	for _, row := range rows {
		got = append(got, row.Name())
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// TestKeysStatus says what is signed and what does not fit together.
func TestKeysStatus(t *testing.T) {
	root, k := withKeys(t)
	const kernel, other = "moss-0123456789ab/00000000000000000000000000000000.linux", "moss-0123456789ab/11111111111111111111111111111111.initrd"
	testutil.NewRoot(t, root)
	testutil.Tree{".moss/boot/token": "0123456789ab\n", "efi/" + kernel: string(signtest.Small(0)), "efi/" + other: "initrd",
		"efi/EFI/systemd/systemd-bootx64.efi": string(signtest.Small(1)), "efi/EFI/BOOT/BOOTX64.EFI": "no image"}.Create(t, root)
	loader := filepath.Join(root, "efi/EFI/systemd/systemd-bootx64.efi")
	if err := k.Sign(loader, loader); err != nil {
		t.Fatal(err)
	}
	opt := keyOptions(root)
	firmware := signtest.NewFirmware(k, 1)
	opt.Vars = firmware
	st := readKeys(t, opt)
	want := []SignedFile{{filepath.Join(root, "efi/EFI/BOOT/BOOTX64.EFI"), false}, {loader, true}, {filepath.Join(root, "efi", kernel), false}}
	if !slices.Equal(st.Files, want) || st.SetupMode != "on" || st.SecureBoot != "off" || st.Keys.Fingerprint != sign.Fingerprint(k.DB.Cert) || st.Enrolled != (EnrolledKeys{}) {
		t.Errorf("got %+v", st)
	}
	noted(t, st, "moss-boot keys enroll")
	_, err := EnrollKeys(opt, Enrollment{Extra: extraCert(t, k)})
	refusedWith(t, "unsigned files", err, kernel)
	if _, err := EnrollKeys(opt, Enrollment{Extra: extraCert(t, k), Force: true}); err != nil {
		t.Fatal(err)
	}
	st = readKeys(t, opt)
	if st.Enrolled != (EnrolledKeys{PK: true, KEK: true, DB: true, Others: 1}) {
		t.Errorf("got %+v", st.Enrolled)
	}
	noted(t, st, "not all files")
	stranger := opt
	stranger.Vars = signtest.NewFirmware(k, 0)
	stranger.Vars.(*signtest.Firmware).Set("SecureBoot", 1)
	noted(t, readKeys(t, stranger), "does not know our key")
	bare := keyOptions(t.TempDir())
	st = readKeys(t, bare)
	if st.Keys != nil || st.SecureBoot != "unknown" || len(st.Files) > 0 {
		t.Errorf("got %+v", st)
	}
	noted(t, st, "keys create")
	noted(t, st, "find boot partition")
}

func extraCert(t *testing.T, k *sign.Keys) string {
	dir := t.TempDir()
	testutil.Tree{"db/other.der": string(k.PK.Cert.Raw)}.Create(t, dir)
	return dir
}

func readKeys(t *testing.T, opt Options) KeysStatus {
	t.Helper()
	st, err := ReadKeys(opt)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func noted(t *testing.T, st KeysStatus, words string) {
	t.Helper()
	if !slices.ContainsFunc(st.Notes, func(line string) bool { return strings.Contains(line, words) }) {
		t.Errorf("got notes %q, want one with %q", st.Notes, words)
	}
}

// TestSignFiles: in place, to another file, and only looking.
func TestSignFiles(t *testing.T) {
	root, k := withKeys(t)
	opt, kernel, text := keyOptions(root), filepath.Join(root, "usr/kernel"), filepath.Join(root, "usr/text")
	_, err := SignFiles(opt, SignRequest{Files: []string{kernel}, Verify: true})
	refusedWith(t, "unsigned", err, kernel)
	out := filepath.Join(root, "out.efi")
	if done, err := SignFiles(opt, SignRequest{Files: []string{kernel}, Output: out}); err != nil || !slices.Equal(done, []SignedFile{{out, true}}) {
		t.Errorf("got %v, %v", done, err)
	}
	if !errors.Is(sign.Verify(kernel, k.ByDB()), sign.ErrUnsigned) || sign.Verify(out, k.ByDB()) != nil {
		t.Error("the wrong file was signed")
	}
	if _, err := SignFiles(opt, SignRequest{Files: []string{kernel, text}}); !errors.Is(err, sign.ErrFormat) || sign.Verify(kernel, k.ByDB()) != nil {
		t.Errorf("got %v", err)
	}
	if done, err := SignFiles(opt, SignRequest{Files: []string{kernel, out}, Verify: true}); err != nil || len(done) != 2 {
		t.Errorf("got %v, %v", done, err)
	}
	_, err = SignFiles(keyOptions(t.TempDir()), SignRequest{Files: []string{kernel}})
	refusedWith(t, "no keys", err, "no Secure Boot keys")
}
