package kmod

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"a*", "a/b/c", true}, // path.Match would stop at the slash
		{"*c", "abcabc", true},
		{"*ab", "aab", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a?", "a", false},
		{"a**b", "ab", true},
		{"a*b*c", "axxbyyc", true},
		{"a*b*c", "axxcyyb", false},
		{"crypto-crc32c", "crypto_crc32c", true},
		{"crypto_crc32c", "crypto-crc32c", true},
		{"fs-ext4", "fs-ext40", false},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[!a-c]x", "dx", true},
		{"[^a-c]x", "bx", false},
		{"[]]x", "]x", true},
		{"[a-]x", "-x", true},
		{"[ab", "[ab", true}, // never closed: an ordinary character
		{"[", "[", true},
		{`a\*b`, "a*b", true},
		{`a\*b`, "axb", false},
		{"pci:v*d*sv*sd*bc01sc08i02*", "pci:v00008086d00005845sv00001AF4sd00001100bc01sc08i02", true},
		{"pci:v*d*sv*sd*bc01sc08i02*", "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", false},
		{"virtio:d00000002v*", "virtio:d00000002v00001AF4", true},
		{"usb:v0BC2p331[0-57]d*", "usb:v0BC2p3313d0100", true},
		{"usb:v0BC2p331[0-57]d*", "usb:v0BC2p3316d0100", false},
	} {
		if got := match(c.pattern, c.s); got != c.want {
			t.Errorf("match(%q, %q): got %v, want %v", c.pattern, c.s, got, c.want)
		}
	}
}

// A matcher that tries every split needs years for this one.
func TestMatchDoesNotExplode(t *testing.T) {
	if match(strings.Repeat("*a", 100)+"b", strings.Repeat("a", 10000)) {
		t.Error("got a match, want none")
	}
}

func TestParseAlias(t *testing.T) {
	got := parseAlias("# comment\n\nalias fs-ext4 ext4\nalias usb:v* usb-storage\nalias broken\nother a b\nalias a b c")
	want := []alias{{"fs-ext4", "ext4"}, {"usb:v*", "usb_storage"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(alias{})); diff != "" {
		t.Error(diff)
	}
}

func TestMatchGivesEachModuleOnceInOrder(t *testing.T) {
	x := open(t, "testdata/debian")
	for modalias, want := range map[string][]string{
		"crypto-crc32c":             {"crc32c_intel", "crc32c_generic"},
		"fs-ext4":                   {"ext4"},
		"virtio:d00000002v00001AF4": {"virtio_blk"},
		"usb:v0424p4915d0100dc09dsc00dp01ic09isc00ip00in00":     {"usbcore"},
		"pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01": {"ahci"},
		"pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00": nil,
	} {
		if diff := cmp.Diff(want, x.Match(modalias)); diff != "" {
			t.Errorf("%s: %s", modalias, diff)
		}
	}
}
