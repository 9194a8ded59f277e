package adopt

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"moss/store/stone"
)

// TestUnpaddedAssetNames: a hash that begins with zeros has a shorter name, and
// its folders are cut from that one. Contents with more than a few zeros are not
// to be found, so the numbers here are made up.
func TestUnpaddedAssetNames(t *testing.T) {
	for digits, want := range map[string]string{
		"0123456789abcdef0123456789abcdef": "12/34/56/123456789abcdef0123456789abcdef",
		"f123456789abcdef0123456789abcdef": "f1/23/45/f123456789abcdef0123456789abcdef",
		"00fedcba9876543210fedcba98765432": "fe/dc/ba/fedcba9876543210fedcba98765432",
		"00000000000000000000001234567890": "12/34/56/1234567890",
		"00000000000000000000000123456789": "123456789",
		"00000000000000000000000000000123": "123",
		"0000000000000000000000000000000a": "0a",
		"00000000000000000000000000000000": "00",
	} {
		hash, err := stone.ParseHash(digits)
		if err != nil {
			t.Fatal(err)
		}
		if got := assetName(hash); got != filepath.FromSlash(want) {
			t.Errorf("%s: got %s, want %s", digits, got, want)
		}
		// What the format of the numbers itself says.
		n := new(big.Int).SetBytes(hash[:])
		if printed := fmt.Sprintf("%02x", n); filepath.Base(want) != printed {
			t.Errorf("%s is printed as %s", digits, printed)
		}
		if back, err := decimalHash(n.String()); err != nil || back != hash {
			t.Errorf("%s: the decimal number %s reads as %s, %v", digits, n, back, err)
		}
	}
}

func TestHashesThatAreNone(t *testing.T) {
	for _, text := range []string{"", "-1", "+1", "1_0", "0x10", "abc", " 1", strings.Repeat("9", 39), "340282366920938463463374607431768211456"} {
		if h, err := decimalHash(text); err == nil {
			t.Errorf("%q was read as %s", text, h)
		}
	}
	if h, err := decimalHash("340282366920938463463374607431768211455"); err != nil || h.String() != strings.Repeat("f", 32) {
		t.Errorf("the largest hash: got %s, %v", h, err)
	}
}

func TestLayoutRows(t *testing.T) {
	text := func(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }
	for _, c := range []struct {
		row  layoutRow
		want stone.Layout
		ok   bool
	}{
		{layoutRow{mode: 0o644, kind: "regular", value1: text("10"), value2: text("a")}, stone.Layout{Path: "a", Mode: 0o100644, Hash: stone.Hash{15: 10}}, true},
		{layoutRow{mode: 0o120777, gid: 3, kind: "symlink", value1: text("to"), value2: text("a")}, stone.Layout{Path: "a", Mode: 0o120777, GID: 3, Target: "to"}, true},
		{layoutRow{mode: 0o40750, kind: "directory", value1: text("a")}, stone.Layout{Path: "a", Mode: 0o40750}, true},
		{layoutRow{mode: 0o20600, kind: "character-device", value1: text("a")}, stone.Layout{Mode: 0o600}, false},
	} {
		got, ok, err := c.row.layout()
		if err != nil || ok != c.ok || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%+v: got %+v %v %v, want %+v %v", c.row, got, ok, err, c.want, c.ok)
		}
	}
	if _, _, err := (layoutRow{kind: "door"}).layout(); err == nil {
		t.Error("an unknown kind was read")
	}
}

// zeros finds a content whose hash begins with n zero digits.
func zeros(n int) []byte {
	body := make([]byte, 8)
	for i := range uint64(1 << 24) {
		binary.LittleEndian.PutUint64(body, i)
		if strings.HasPrefix(stone.HashOf(body).String(), strings.Repeat("0", n)) {
			return body
		}
	}
	return nil
}

func TestContentsWithZerosAreFound(t *testing.T) {
	for n := range 5 {
		hash := stone.HashOf(zeros(n))
		if name := filepath.Base(assetName(hash)); len(name) > 32-n || !strings.HasSuffix(hash.String(), name) {
			t.Errorf("%s has the name %s", hash, name)
		}
	}
}
