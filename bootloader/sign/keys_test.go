package sign_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader/sign"
	"moss/bootloader/sign/signtest"
	"moss/internal/testutil"
)

// TestCreate: sbctl's layout, modes, names and dates, and never a second time.
func TestCreate(t *testing.T) {
	root := t.TempDir()
	k, err := sign.Create(root, day())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{"GUID": 0o600, "keys": fs.ModeDir | 0o755}
	for _, name := range []string{"PK", "KEK", "db"} {
		want["keys/"+name] = fs.ModeDir | 0o755
		want["keys/"+name+"/"+name+".key"] = 0o600
		want["keys/"+name+"/"+name+".pem"] = 0o644
	}
	if diff := cmp.Diff(want, modes(t, filepath.Join(root, "var/lib/sbctl"))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if owner := string(read(t, filepath.Join(root, "var/lib/sbctl/GUID"))); owner != k.Owner || len(owner) != 36 {
		t.Errorf("got owner %q in the file, %q", owner, k.Owner) // sbctl takes no line end
	}
	for title, pair := range map[string]sign.Pair{"Platform Key": k.PK, "Key Exchange Key": k.KEK, "Database Key": k.DB} {
		c := pair.Cert
		if c.Subject.CommonName != title || c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
			t.Errorf("%s: got %v", title, c.Subject)
		}
		if c.SerialNumber.Sign() != 1 || !c.NotBefore.Equal(day()) || !c.NotAfter.Equal(day().AddDate(5, 0, 0)) {
			t.Errorf("%s: got serial %v, from %v to %v", title, c.SerialNumber, c.NotBefore, c.NotAfter)
		}
	}
	before := testutil.List(t, root)
	if _, err := sign.Create(root, day()); !errors.Is(err, sign.ErrExists) {
		t.Errorf("the second time: got %v, want %v", err, sign.ErrExists)
	}
	if diff := cmp.Diff(before, testutil.List(t, root)); diff != "" {
		t.Errorf("the second time changed something (-before +after)\n%s", diff)
	}
}

func modes(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	got := map[string]fs.FileMode{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		info, err := d.Info()
		got[path] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestCreateAfterCut: what a power cut can leave is a folder under another name,
// whose secrets go, or an owner without keys, which stays.
func TestCreateAfterCut(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{
		"var/lib/sbctl/.keys.tmp-123/PK/PK.key": "half a key",
		"var/lib/sbctl/GUID":                    "11111111-2222-3333-4444-555555555555",
	}.Create(t, root)
	k, err := sign.Create(root, day())
	if err != nil {
		t.Fatal(err)
	}
	if k.Owner != "11111111-2222-3333-4444-555555555555" {
		t.Errorf("got owner %s", k.Owner)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "var/lib/sbctl/.keys*")); len(left) > 0 {
		t.Errorf("got %v left", left)
	}
}

func TestOneKeyIsEnoughToRefuse(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"var/lib/sbctl/keys/PK/PK.key": "a key"}.Create(t, root)
	if _, err := sign.Create(root, day()); !errors.Is(err, sign.ErrExists) {
		t.Errorf("got %v, want %v", err, sign.ErrExists)
	}
}

// TestFind: the place of today before that of old; nothing is ErrNoKeys.
func TestFind(t *testing.T) {
	root := t.TempDir()
	if _, err := sign.Find(root); !errors.Is(err, sign.ErrNoKeys) {
		t.Errorf("got %v, want %v", err, sign.ErrNoKeys)
	}
	k := newKeys(t)
	old := filepath.Join(root, "usr/share/secureboot")
	if err := os.CopyFS(old, os.DirFS(k.Dir)); err != nil {
		t.Fatal(err)
	}
	dir, err := sign.Find(root)
	if err != nil || dir != old {
		t.Errorf("got %s, %v, want %s", dir, err, old)
	}
	got, err := sign.Load(dir)
	if err != nil || sign.Fingerprint(got.DB.Cert) != sign.Fingerprint(k.DB.Cert) {
		t.Errorf("got %v", err)
	}
	if _, err := sign.Create(root, day()); !errors.Is(err, sign.ErrExists) {
		t.Errorf("beside old keys: got %v, want %v", err, sign.ErrExists)
	}
}

// TestLoad: keys that do not belong together, and keys that only sbctl can use,
// are told apart from none.
func TestLoad(t *testing.T) {
	k, other := newKeys(t), otherKeys(t)
	secret := read(t, filepath.Join(k.Dir, "keys/PK/PK.key"))
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"another's": {read(t, filepath.Join(other.Dir, "keys/PK/PK.key")), "another key's"},
		"token":     {[]byte(`{"slot":1}`), "only be used by sbctl"},
		"TPM":       {bytes.ReplaceAll(secret, []byte("PRIVATE KEY"), []byte("TSS2 PRIVATE KEY")), "only be used by sbctl"},
		"garbage":   {[]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "PK.key"},
	} {
		if err := os.WriteFile(filepath.Join(k.Dir, "keys/PK/PK.key"), c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sign.Load(k.Dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
	if err := os.RemoveAll(filepath.Join(k.Dir, "keys/PK")); err != nil {
		t.Fatal(err)
	}
	if _, err := sign.Load(k.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without PK: got %v", err)
	}
	signer, err := sign.LoadSigner(k.Dir)
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, signtest.Small(0))
	if err := signer.Sign(path, path); err != nil {
		t.Error(err)
	}
	certs, err := sign.LoadCerts(k.Dir)
	if err != nil || certs.DB.Key != nil || sign.Verify(path, certs.ByDB()) != nil {
		t.Errorf("got %v", err)
	}
	if err := certs.Sign(path, path); err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("signing with certificates: got %v", err)
	}
}
