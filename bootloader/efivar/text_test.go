package efivar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"moss/bootloader/efivar"
	"moss/internal/testutil"
)

func TestEveryTextIsReadBack(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		want := rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return r != 0 })).Draw(t, "text")
		if got, err := efivar.Decode(efivar.Encode(want)); err != nil || got != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	})
}

func TestDecode(t *testing.T) {
	for data, want := range map[string]string{"": "", "\x00\x00": "", "a\x00": "a", "a\x00\x00\x00b\x00": "a"} {
		if got, err := efivar.Decode([]byte(data)); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", data, got, err, want)
		}
	}
	if got, err := efivar.Decode([]byte("abc")); err == nil {
		t.Errorf("an odd number of bytes: got %q, want an error", got)
	}
}

func TestDecodeList(t *testing.T) {
	want := []string{"moss-2+2.conf", "", "moss-1.conf"}
	var data []byte
	for _, text := range want {
		data = append(data, efivar.Encode(text)...)
	}
	got, err := efivar.DecodeList(data)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	got, err = efivar.DecodeList([]byte("a\x00\x00\x00b\x00"))
	if diff := cmp.Diff([]string{"a", "b"}, got); err != nil || diff != "" {
		t.Errorf("without the last NUL: %v (-want +got):\n%s", err, diff)
	}
}

func TestText(t *testing.T) {
	vars := &efivar.Memory{}
	if err := efivar.SetText(vars, "LoaderEntryDefault", "moss-1*"); err != nil {
		t.Fatal(err)
	}
	if got, err := efivar.Text(vars, "LoaderEntryDefault"); err != nil || got != "moss-1*" {
		t.Errorf("got %q, %v, want what was set", got, err)
	}
	if _, attrs, _ := vars.Read(efivar.Loader("LoaderEntryDefault")); attrs != efivar.Stored {
		t.Errorf("got attributes %d, want %d", attrs, efivar.Stored)
	}
	if err := efivar.SetText(vars, "LoaderEntryDefault", "a\x00b"); err == nil {
		t.Error("got a NUL accepted")
	}
	if err := vars.Write(efivar.Loader("Odd"), []byte("abc"), efivar.Stored); err != nil {
		t.Fatal(err)
	}
	if got, err := efivar.Text(vars, "Odd"); err == nil {
		t.Errorf("an odd number of bytes: got %q, want an error", got)
	}
}

func TestParseKey(t *testing.T) {
	for text, want := range map[string]efivar.Key{
		"LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f": efivar.Loader("LoaderInfo"),
		"a-b-8BE4DF61-93CA-11D2-AA0D-00E098032B8C":        {Name: "a-b", Vendor: efivar.GlobalVendor},
	} {
		if got, ok := efivar.ParseKey(text); !ok || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "x", "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", "x+4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", "x-4a67b082-0a4c-41cf-b6c7-440b29bb8c4g"} {
		if got, ok := efivar.ParseKey(text); ok {
			t.Errorf("%s: got %+v, want it refused", text, got)
		}
	}
}

func FuzzDecodeList(f *testing.F) {
	f.Add([]byte("a\x00\x00\x00\x00\xd8b\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := efivar.DecodeList(data)
		if err == nil && len(list) > len(data)/2 {
			t.Errorf("got %d strings from %d bytes", len(list), len(data))
		}
	})
}
