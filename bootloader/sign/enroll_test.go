package sign_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/bootloader/efivar"
	"moss/bootloader/sign"
	"moss/bootloader/sign/signtest"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

func TestEnroll(t *testing.T) {
	if sign.Authenticated != 0x27 {
		t.Errorf("got attributes %#x, want 0x27", sign.Authenticated)
	}
	k := newKeys(t)
	updates, err := k.Updates(sign.Extra{}, day())
	if err != nil {
		t.Fatal(err)
	}
	f := signtest.NewFirmware(k, 1)
	if err := sign.Enroll(f, updates); err != nil {
		t.Fatal(err)
	}
	want := []string{"db-d719b2cb-3d3a-4596-a3bc-dad00e67656f", "KEK-8be4df61-93ca-11d2-aa0d-00e098032b8c", "PK-8be4df61-93ca-11d2-aa0d-00e098032b8c"}
	if diff := cmp.Diff(want, f.Order); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	s := sign.State(f)
	if s.SetupMode != "off" || !sign.Has(s.DB, k.DB.Cert) || !sign.Has(s.KEK, k.KEK.Cert) || !sign.Has(s.PK, k.PK.Cert) || sign.Has(s.DB, k.PK.Cert) {
		t.Errorf("got %v", s)
	}
	if err := sign.Enroll(f, updates); !errors.Is(err, sign.ErrNotSetup) {
		t.Errorf("again: got %v, want %v", err, sign.ErrNotSetup)
	}
	if err := sign.Enroll(&efivar.Memory{}, updates); !errors.Is(err, sign.ErrNotSetup) {
		t.Errorf("without the variable: got %v, want %v", err, sign.ErrNotSetup)
	}
}

// TestEnrollRefused: a firmware that refuses one key is left in setup mode and
// takes all of them the next time.
func TestEnrollRefused(t *testing.T) {
	k := newKeys(t)
	updates, err := k.Updates(sign.Extra{}, day())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"db", "KEK", "PK"} {
		f := signtest.NewFirmware(k, 1)
		f.Refuse = name
		if err := sign.Enroll(f, updates); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "enrol "+name) {
			t.Errorf("%s: got %v", name, err)
		}
		if s := sign.State(f); s.SetupMode != "on" || len(s.PK) > 0 {
			t.Errorf("%s: got %v", name, s)
		}
		f.Refuse = ""
		if err := sign.Enroll(f, updates); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUpdatesByOthers has efitools and openssl read what is written to the
// firmware: sig-list-to-certs the lists, openssl the signature.
func TestUpdatesByOthers(t *testing.T) {
	lists, openssl := need.Program(t, "sig-list-to-certs"), need.Program(t, "openssl")
	k := newKeys(t)
	updates, err := k.Updates(sign.Extra{}, day())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	written, err := sign.Export(filepath.Join(dir, "loader/keys/moss"), updates)
	if err != nil || len(written) != 6 {
		t.Fatalf("got %v, %v", written, err)
	}
	by := map[string]string{"db": "KEK", "KEK": "PK", "PK": "PK"}
	for _, u := range updates {
		esl := filepath.Join(dir, "loader/keys/moss", u.Name+".esl")
		run(t, lists, esl, filepath.Join(dir, u.Name))
		own := map[string]sign.Pair{"db": k.DB, "KEK": k.KEK, "PK": k.PK}[u.Name]
		if !bytes.Equal(read(t, filepath.Join(dir, u.Name+"-0.der")), own.Cert.Raw) {
			t.Errorf("%s.esl: efitools read another certificate", u.Name)
		}
		auth := read(t, filepath.Join(dir, "loader/keys/moss", u.Name+".auth"))
		length := int(auth[16]) | int(auth[17])<<8
		message, value := file(t, auth[16+24:16+length]), auth[16+length:]
		if !bytes.Equal(value, read(t, esl)) {
			t.Errorf("%s.auth ends in another list", u.Name)
		}
		content := file(t, slices.Concat(utf16(u.Name), guid(u.Key.Vendor), []byte{0x27, 0, 0, 0}, auth[:16], value))
		// openssl wants the ContentInfo around it that the firmware does not.
		wrapped := file(t, contentInfo(read(t, message)))
		run(t, openssl, "smime", "-verify", "-inform", "DER", "-binary", "-in", wrapped, "-content", content, "-noverify", "-nointern",
			"-certfile", filepath.Join(k.Dir, "keys", by[u.Name], by[u.Name]+".pem"), "-out", os.DevNull)
	}
}

// TestUpdatesOfOthers reads what efitools writes.
func TestUpdatesOfOthers(t *testing.T) {
	toList, toUpdate := need.Program(t, "cert-to-efi-sig-list"), need.Program(t, "sign-efi-sig-list")
	k := newKeys(t)
	dir := t.TempDir()
	esl, auth := filepath.Join(dir, "db.esl"), filepath.Join(dir, "db.auth")
	kek := filepath.Join(k.Dir, "keys/KEK/KEK")
	run(t, toList, "-g", k.Owner, filepath.Join(k.Dir, "keys/db/db.pem"), esl)
	run(t, toUpdate, "-g", k.Owner, "-t", day().Format("2006-01-02 15:04:05"), "-k", kek+".key", "-c", kek+".pem", "db", esl, auth)
	updates, err := k.Updates(sign.Extra{}, day())
	if err != nil {
		t.Fatal(err)
	}
	value, err := sign.OpenUpdate(updates[0].Key, read(t, auth), k.KEK.Cert)
	if err != nil || !bytes.Equal(value, updates[0].List) {
		t.Errorf("got %v and a list of %d bytes, want ours of %d", err, len(value), len(updates[0].List))
	}
	if got := read(t, auth); !bytes.Equal(got, updates[0].Signed) {
		t.Errorf("efitools wrote %d bytes, want our %d", len(got), len(updates[0].Signed))
	}
	if _, err := sign.OpenUpdate(updates[1].Key, read(t, auth), k.KEK.Cert); !errors.Is(err, sign.ErrUpdate) {
		t.Errorf("for another variable: got %v, want %v", err, sign.ErrUpdate)
	}
}

func utf16(name string) (out []byte) {
	for _, c := range name {
		out = append(out, byte(c), 0)
	}
	return out
}

func guid(vendor string) []byte {
	if vendor == sign.ImageVendor {
		return []byte("\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f")
	}
	return []byte("\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c")
}

// contentInfo wraps a SignedData whose length takes two bytes.
func contentInfo(signed []byte) []byte {
	long := func(tag byte, body []byte) []byte {
		return append([]byte{tag, 0x82, byte(len(body) >> 8), byte(len(body))}, body...)
	}
	oid := []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")
	return long(0x30, append(oid, long(0xa0, signed)...))
}

// TestExtra: certificates and lists that the distribution brings are enrolled
// beside ours, under their owner.
func TestExtra(t *testing.T) {
	k, vendor := newKeys(t), otherKeys(t)
	dir := t.TempDir()
	if _, err := sign.ReadExtra(dir, sign.MicrosoftOwner); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty: got %v", err)
	}
	hash := sign.Member{Kind: sign.SHA256, Owner: vendor.Owner, Data: bytes.Repeat([]byte{7}, 32)}
	testutil.Tree{"db/ca.der": string(vendor.DB.Cert.Raw), "db/README": "not a certificate",
		"KEK/kek.pem": string(read(t, filepath.Join(vendor.Dir, "keys/KEK/KEK.pem"))), "db.esl": string(sign.Lists([]sign.Member{hash}))}.Create(t, dir)
	extra, err := sign.ReadExtra(dir, sign.MicrosoftOwner)
	if err != nil {
		t.Fatal(err)
	}
	updates, err := k.Updates(extra, day())
	if err != nil {
		t.Fatal(err)
	}
	got, err := sign.ParseLists(updates[0].List)
	want := []sign.Member{{Kind: sign.X509, Owner: k.Owner, Data: k.DB.Cert.Raw}, hash, {Kind: sign.X509, Owner: sign.MicrosoftOwner, Data: vendor.DB.Cert.Raw}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	testutil.Tree{"db/broken.cer": "no certificate"}.Create(t, dir)
	if _, err := sign.ReadExtra(dir, sign.MicrosoftOwner); err == nil || !strings.Contains(err.Error(), "broken.cer") {
		t.Errorf("got %v", err)
	}
}

// FuzzLists: what the firmware holds is read without a crash, and what was read
// is the same when it is written and read again.
func FuzzLists(f *testing.F) {
	k := newKeys(f)
	f.Add(sign.Lists([]sign.Member{{Kind: sign.X509, Owner: k.Owner, Data: k.DB.Cert.Raw}, {Kind: sign.SHA256, Owner: k.Owner, Data: make([]byte, 32)}}))
	f.Add([]byte(strings.Repeat("\x00", 60)))
	f.Fuzz(func(t *testing.T, data []byte) {
		members, err := sign.ParseLists(data)
		if err != nil {
			return
		}
		again, err := sign.ParseLists(sign.Lists(members))
		if diff := cmp.Diff(members, again); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	})
}

// FuzzOpenUpdate: a file that somebody puts where updates are looked for.
func FuzzOpenUpdate(f *testing.F) {
	k := newKeys(f)
	updates, err := k.Updates(sign.Extra{}, day())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(updates[0].Signed)
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := sign.OpenUpdate(updates[0].Key, data, k.KEK.Cert)
		if err == nil && !bytes.Equal(value, updates[0].List) {
			t.Errorf("took %d bytes that nobody signed", len(value))
		}
	})
}
