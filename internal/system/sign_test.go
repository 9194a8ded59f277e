package system

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moss/bootloader"
	"moss/bootloader/sign"
	"moss/bootloader/sign/signtest"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/internal/ui"
)

func signingDay() time.Time { return time.Date(2026, 11, 22, 3, 30, 0, 0, time.UTC) }

// keyFiles are the keys of all these tests: making them is slow.
var keyFiles = sync.OnceValues(func() (testutil.Tree, error) {
	root, err := os.MkdirTemp("", "moss-keys-*")
	if err != nil {
		return nil, err
	}
	_, err = sign.Create(root, signingDay())
	files := testutil.Tree{}
	for _, name := range []string{"GUID", "keys/PK/PK.key", "keys/PK/PK.pem", "keys/KEK/KEK.key", "keys/KEK/KEK.pem", "keys/db/db.key", "keys/db/db.pem"} {
		text, one := os.ReadFile(filepath.Join(root, sign.Home, name))
		files[filepath.Join(sign.Home, name)] = string(text)
		err = errors.Join(err, one)
	}
	return files, errors.Join(err, os.RemoveAll(root))
})

// withKeys is a root with keys and a tree that has a kernel to sign.
func withKeys(t *testing.T) (root string, k *sign.Keys) {
	t.Helper()
	root = t.TempDir()
	files, err := keyFiles()
	if err != nil {
		t.Fatal(err)
	}
	files.Create(t, root)
	if k, err = sign.Load(filepath.Join(root, sign.Home)); err != nil {
		t.Fatal(err)
	}
	testutil.Tree{"usr/kernel": string(signtest.Small(3)), "usr/text": "the kernel", "usr/50.initrd": "initrd", "usr/lib/os-release": "ID=testos\n",
		"usr/lib/systemd/boot/efi/linuxx64.efi.stub": string(signtest.Small(9))}.Create(t, root)
	return root, k
}

// make a signer, and collect what it warns of.
func testSigner(t *testing.T, root string, how Sign, write bool) (*signer, *[]string) {
	t.Helper()
	warned := &[]string{}
	s, err := newSigner(root, how, write, func(line string) { *warned = append(*warned, line) })
	if err != nil {
		t.Fatal(err)
	}
	return s, warned
}

func mustImage(t *testing.T, s *signer, path string) string {
	t.Helper()
	got, err := s.image(path)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestSignedImages: made once, found again by content, made again when damaged.
func TestSignedImages(t *testing.T) {
	root, k := withKeys(t)
	kernel := filepath.Join(root, "usr/kernel")
	plan, _ := testSigner(t, root, SignAuto, false)
	planned, err := os.ReadFile(mustImage(t, plan, kernel))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(signedDir(root)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a plan has made something: %v", err)
	}
	s, warned := testSigner(t, root, SignYes, true)
	signed := mustImage(t, s, kernel)
	if filepath.Dir(signed) != signedDir(root) || sign.Verify(signed, k.ByDB()) != nil || len(*warned) > 0 {
		t.Fatalf("got %s: %v, warned %v", signed, sign.Verify(signed, k.ByDB()), *warned)
	}
	if text := testutil.Read(t, signed); text != string(planned) {
		t.Error("the plan was made with another file")
	}
	if err := plan.close(); err != nil {
		t.Error(err)
	}
	before := stat(t, signed)
	copied := filepath.Join(root, "usr/copied")
	testutil.Tree{"usr/copied": string(signtest.Small(3))}.Create(t, root)
	for _, write := range []bool{true, false} {
		again, _ := testSigner(t, root, SignAuto, write)
		for _, path := range []string{kernel, copied, signed} {
			if got := mustImage(t, again, path); got != signed {
				t.Errorf("write %v: %s became %s, want %s", write, path, got, signed)
			}
		}
	}
	if !os.SameFile(before, stat(t, signed)) {
		t.Error("it was signed again")
	}
	if err := os.WriteFile(signed, []byte("MZ damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	mended, _ := testSigner(t, root, SignAuto, true)
	if got := mustImage(t, mended, kernel); got != signed || sign.Verify(got, k.ByDB()) != nil {
		t.Errorf("damaged: got %s, %v", got, sign.Verify(got, k.ByDB()))
	}
}

// TestSignOrNot: what moss.yaml says, with keys and without.
func TestSignOrNot(t *testing.T) {
	root, _ := withKeys(t)
	kernel, text := filepath.Join(root, "usr/kernel"), filepath.Join(root, "usr/text")
	if s, _ := testSigner(t, root, SignNo, true); mustImage(t, s, kernel) != kernel {
		t.Error("sign: no was not heeded")
	}
	s, warned := testSigner(t, root, SignAuto, true)
	if mustImage(t, s, text) != text || len(*warned) != 1 || !strings.Contains((*warned)[0], "Secure Boot will not start it") {
		t.Errorf("what is no image: warned %v", *warned)
	}
	s, _ = testSigner(t, root, SignYes, true)
	if _, err := s.image(text); ExitCode(err) != exitRefused || ui.Hint(err) == "" {
		t.Errorf("sign: yes for what is no image: got %v", err)
	}
	bare := t.TempDir()
	if s, _ := testSigner(t, bare, SignAuto, true); mustImage(t, s, kernel) != kernel {
		t.Error("without keys something was signed")
	}
	if _, err := newSigner(bare, SignYes, true, nil); ExitCode(err) != exitRefused || !errors.Is(err, sign.ErrNoKeys) {
		t.Errorf("sign: yes without keys: got %v", err)
	}
	// Keys of which one is damaged: unsigned files would not start.
	if err := os.WriteFile(filepath.Join(root, "var/lib/sbctl/keys/db/db.key"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ = testSigner(t, root, SignAuto, true)
	if _, err := s.image(kernel); ExitCode(err) != exitRefused || !strings.Contains(ui.Hint(err), "put the Secure Boot keys back") || !strings.Contains(ui.Hint(err), "sign: no") {
		t.Errorf("a key that cannot be used: got %v, %q", err, ui.Hint(err))
	}
	s, err := newSignerFor(sign.Firmware{SecureBoot: "on"}, root, SignAuto, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.image(kernel); ExitCode(err) != exitRefused || strings.Contains(ui.Hint(err), "sign: no") {
		t.Errorf("with Secure Boot on: got %v, %q", err, ui.Hint(err))
	}
}

// TestKeyThatIsAway: what is signed already needs no key.
func TestKeyThatIsAway(t *testing.T) {
	root, _ := withKeys(t)
	kernel := filepath.Join(root, "usr/kernel")
	s, _ := testSigner(t, root, SignAuto, true)
	signed := mustImage(t, s, kernel)
	if err := os.Remove(filepath.Join(root, sign.Home, "keys/db/db.key")); err != nil {
		t.Fatal(err)
	}
	s, _ = testSigner(t, root, SignYes, true)
	if got := mustImage(t, s, kernel); got != signed {
		t.Errorf("got %s, want %s", got, signed)
	}
	_, err := s.image(filepath.Join(root, "usr/lib/systemd/boot/efi/linuxx64.efi.stub"))
	if ExitCode(err) != exitRefused || strings.Count(err.Error(), "no such file") != 1 {
		t.Errorf("what has to be signed: got %v", err)
	}
}

// TestSignedIsRootsAlone: an image holds an initrd that only root may read. What an
// older release left open is closed.
func TestSignedIsRootsAlone(t *testing.T) {
	root, _ := withKeys(t)
	if err := os.MkdirAll(signedDir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, how := range []Sign{SignAuto, SignNo} {
		s, _ := testSigner(t, root, how, true)
		k, err := s.unify(plainKernel(root, "moss.fstx=1"), filepath.Join(root, "usr"))
		if err != nil {
			t.Fatal(err)
		}
		if file, dir := stat(t, k.Image).Mode().Perm(), stat(t, signedDir(root)).Mode().Perm(); file != 0o600 || dir != 0o700 {
			t.Errorf("sign %s: got the modes %v and %v of the folder", how, file, dir)
		}
	}
}

// TestPlanAsAnyone: an ordinary user cannot read sbctl's keys, and can see the
// plan all the same.
func TestPlanAsAnyone(t *testing.T) {
	need.Root(t, "becoming another user")
	root, _ := withKeys(t)
	if err := os.Chmod(filepath.Join(root, "var/lib/sbctl/keys/db/db.key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir := root; dir != "/"; dir = filepath.Dir(dir) {
		if stat(t, dir).Mode()&0o001 == 0 {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if filepath.Dir(dir) == os.TempDir() {
			break
		}
	}
	kernel, pem := filepath.Join(root, "usr/kernel"), filepath.Join(root, "var/lib/sbctl/keys/db/db.pem")
	done := make(chan error)
	look := func() error {
		// The thread is never given back: it stays another user's.
		runtime.LockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			return err
		}
		var warned []string
		s, err := newSigner(root, SignAuto, false, func(line string) { warned = append(warned, line) })
		if err != nil {
			return err
		}
		if s.keys == nil && len(warned) != 1 {
			return errors.New("it was not said that the keys cannot be read")
		}
		got, err := s.image(kernel)
		if err == nil && got != kernel {
			err = errors.New("got " + got)
		}
		return err
	}
	for _, mode := range []os.FileMode{0o644, 0o400} {
		if err := os.Chmod(pem, mode); err != nil {
			t.Fatal(err)
		}
		go func() { done <- look() }()
		if err := <-done; err != nil {
			t.Errorf("certificate of mode %v: %v", mode, err)
		}
	}
}

// TestSweepSigned removes what no menu needs, and what a cut has left.
func TestSweepSigned(t *testing.T) {
	root := t.TempDir()
	if err := sweepSigned(root, nil); err != nil {
		t.Error(err)
	}
	testutil.Tree{".moss/boot/signed/a-1.efi": "a", ".moss/boot/signed/b-1.efi": "b", ".moss/boot/signed/.c-1.efi.tmp-7": "half", ".moss/boot/signed/dir/": ""}.Create(t, root)
	w := bootloader.Want{States: []bootloader.State{{Kernels: []bootloader.Kernel{{Image: filepath.Join(signedDir(root), "a-1.efi")}}}},
		Rescue: &bootloader.Kernel{Image: "/elsewhere/vmlinuz"}}
	const loader = "usr/lib/systemd/boot/efi/systemd-bootx64.efi"
	testutil.Tree{loader: "loader"}.Create(t, root)
	sum, err := sumFile(filepath.Join(root, loader))
	if err != nil {
		t.Fatal(err)
	}
	testutil.Tree{".moss/boot/signed/" + sum + "-1.efi": "signed loader"}.Create(t, root)
	if err := sweepSigned(root, imagesOf(w)); err != nil {
		t.Fatal(err)
	}
	rows, err := os.ReadDir(signedDir(root))
	var names []string
	for _, row := range rows {
		names = append(names, row.Name())
	}
	if err != nil || !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values([]string{"a-1.efi", "dir", sum + "-1.efi"}))) {
		t.Errorf("got %v, %v left", names, err)
	}
}

func plainKernel(root string, words ...string) bootloader.Kernel {
	return bootloader.Kernel{Version: "6.1.0-1-test", Image: filepath.Join(root, "usr/kernel"), Initrds: []string{filepath.Join(root, "usr/50.initrd")}, Cmdline: words}
}

// TestUnify: one image of all, signed, made once; another state's is another.
func TestUnify(t *testing.T) {
	root, k := withKeys(t)
	usr := filepath.Join(root, "usr")
	plan, warned := testSigner(t, root, SignAuto, false)
	planned, err := plan.unify(plainKernel(root, "root=UUID=1", `x="a b"`, "moss.fstx=1"), usr)
	if err != nil || len(planned.Initrds) != 0 || len(*warned) != 0 {
		t.Fatalf("a plan gives %v, %v, warned %v", planned, err, *warned)
	}
	coming := testutil.Read(t, planned.Image)
	if err := plan.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(signedDir(root)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a plan has made something: %v", err)
	}
	s, _ := testSigner(t, root, SignAuto, true)
	one, err := s.unify(plainKernel(root, "root=UUID=1", `x="a b"`, "moss.fstx=1"), usr)
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Initrds)+len(one.Cmdline) > 0 || one.Version != "6.1.0-1-test" || sign.Verify(one.Image, k.ByDB()) != nil {
		t.Errorf("got %v: %v", one, sign.Verify(one.Image, k.ByDB()))
	}
	text := testutil.Read(t, one.Image)
	if text != coming {
		t.Error("the plan was made with another image")
	}
	for _, part := range []string{`root=UUID=1 x="a b" moss.fstx=1`, "ID=testos\n", "6.1.0-1-test", "initrd"} {
		if !strings.Contains(text, part) {
			t.Errorf("the image does not hold %q", part)
		}
	}
	before := stat(t, one.Image)
	again, _ := testSigner(t, root, SignAuto, true)
	same, err := again.unify(plainKernel(root, "root=UUID=1", `x="a b"`, "moss.fstx=1"), usr)
	if err != nil || same.Image != one.Image || !os.SameFile(before, stat(t, same.Image)) {
		t.Errorf("the second time: got %v, %v", same, err)
	}
	other, err := again.unify(plainKernel(root, "root=UUID=1", `x="a b"`, "moss.fstx=2"), usr)
	if err != nil || other.Image == one.Image {
		t.Errorf("another state: got %v, %v", other, err)
	}
	if rows, err := os.ReadDir(signedDir(root)); err != nil || len(rows) != 2 {
		t.Errorf("got %d files, %v, want the two images", len(rows), err)
	}
	if _, err := again.unify(plainKernel(root, strings.Repeat("x", 3000)), usr); ExitCode(err) != exitRefused {
		t.Errorf("a line that is too long: got %v", err)
	}
	// Without a stub of its own a state takes the live one; without any it is refused.
	if got, err := again.unify(plainKernel(root, "moss.fstx=1"), filepath.Join(root, "nowhere")); err != nil || got.Initrds != nil {
		t.Errorf("the live stub: got %v, %v", got, err)
	}
	if err := os.RemoveAll(filepath.Join(usr, "lib/systemd")); err != nil {
		t.Fatal(err)
	}
	if _, err := again.unify(plainKernel(root, "moss.fstx=1"), usr); ExitCode(err) != exitRefused || !strings.Contains(err.Error(), "linuxx64.efi.stub") {
		t.Errorf("no stub: got %v", err)
	}
}

// TestUnifyUnsigned: without keys it is one image all the same.
func TestUnifyUnsigned(t *testing.T) {
	root, _ := withKeys(t)
	s, _ := testSigner(t, root, SignNo, true)
	got, err := s.unify(plainKernel(root, "moss.fstx=1"), filepath.Join(root, "usr"))
	if err != nil || !strings.HasSuffix(got.Image, "-unsigned.efi") || !errors.Is(sign.Verify(got.Image, nil), sign.ErrUnsigned) {
		t.Errorf("got %v, %v", got, err)
	}
}

// TestFinishMenu: every kernel is signed; only the states that the menu shows
// become one image; what was given is not changed.
func TestFinishMenu(t *testing.T) {
	root, k := withKeys(t)
	w := bootloader.Want{Keep: 2, Booted: 1}
	for id := range uint64(5) {
		w.States = append(w.States, bootloader.State{ID: id + 1, Pinned: id == 1, Kernels: []bootloader.Kernel{plainKernel(root, "moss.fstx="+string('1'+rune(id)))}})
	}
	rescue := plainKernel(root, "moss.shell")
	w.Rescue = &rescue
	s, _ := testSigner(t, root, SignAuto, true)
	done, err := s.finishMenu(w, true, func(uint64) string { return filepath.Join(root, "usr") })
	if err != nil {
		t.Fatal(err)
	}
	var unified []uint64
	images := map[string]bool{}
	for _, one := range done.States {
		kernel := one.Kernels[0]
		if sign.Verify(kernel.Image, k.ByDB()) != nil {
			t.Errorf("state %d: not signed", one.ID)
		}
		if kernel.Initrds == nil {
			unified = append(unified, one.ID)
		}
		images[kernel.Image] = true
	}
	if !slices.Equal(unified, []uint64{1, 2, 4, 5}) || len(images) != 5 {
		t.Errorf("got images of the states %v, %d files; want 1 (booted), 2 (pinned), 4 and 5 (newest), and one signed kernel", unified, len(images))
	}
	if sign.Verify(done.Rescue.Image, k.ByDB()) != nil || len(done.Rescue.Cmdline)+len(done.Rescue.Initrds) != 0 {
		t.Errorf("rescue: got %v", done.Rescue)
	}
	if w.States[0].Kernels[0].Image != filepath.Join(root, "usr/kernel") || rescue.Image != w.Rescue.Image {
		t.Error("the menu that was given has changed")
	}
	if err := sweepSigned(root, imagesOf(done)); err != nil {
		t.Fatal(err)
	}
	for _, image := range imagesOf(done) {
		if _, err := os.Stat(image); err != nil {
			t.Error(err)
		}
	}
}
