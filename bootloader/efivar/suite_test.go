package efivar_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"moss/bootloader/efivar"
	"moss/internal/testutil"
)

// TestConformance is the contract of Vars, run on every implementation.
func TestConformance(t *testing.T) {
	for name, open := range map[string]func(testing.TB) efivar.Vars{
		"memory": func(testing.TB) efivar.Vars { return &efivar.Memory{} },
		"dir":    func(t testing.TB) efivar.Vars { return efivar.Dir(t.TempDir()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("what is written is read", func(t *testing.T) { written(t, open(t)) })
			t.Run("what is absent", func(t *testing.T) { absent(t, open(t)) })
			t.Run("list", func(t *testing.T) { list(t, open(t)) })
			t.Run("what is refused", func(t *testing.T) { refused(t, open(t)) })
			t.Run("the value is the caller's own", func(t *testing.T) { own(t, open(t)) })
			t.Run("as a map", func(t *testing.T) { likeMap(t, open) })
		})
	}
}

func written(t *testing.T, vars efivar.Vars) {
	key := efivar.Loader("LoaderEntryDefault")
	for _, text := range []string{"a longer first value", "short", "short", "longer again, with a tail"} {
		for _, attrs := range []efivar.Attributes{efivar.Stored, efivar.Volatile} {
			if err := vars.Write(key, []byte(text), attrs); err != nil {
				t.Fatal(err)
			}
			got, gotAttrs, err := vars.Read(key)
			if err != nil || string(got) != text || gotAttrs != attrs {
				t.Errorf("got %q, %d, %v, want %q, %d", got, gotAttrs, err, text, attrs)
			}
		}
	}
}

func absent(t *testing.T, vars efivar.Vars) {
	key := efivar.Loader("LoaderEntryOneShot")
	if _, _, err := vars.Read(key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read: got %v, want that it does not exist", err)
	}
	if err := vars.Delete(key); err != nil {
		t.Errorf("delete: got %v, want nothing done without an error", err)
	}
	if err := vars.Write(key, []byte("x"), efivar.Stored); err != nil {
		t.Fatal(err)
	}
	if err := vars.Delete(key); err != nil {
		t.Fatal(err)
	}
	if _, _, err := vars.Read(key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read after delete: got %v, want that it does not exist", err)
	}
}

func list(t *testing.T, vars efivar.Vars) {
	want := []efivar.Key{{Name: "Boot0001", Vendor: efivar.GlobalVendor}, efivar.Loader("LoaderA"), efivar.Loader("LoaderB-c")}
	for i := range want {
		if err := vars.Write(want[len(want)-1-i], []byte("x"), efivar.Stored); err != nil {
			t.Fatal(err)
		}
	}
	got, err := vars.List()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func refused(t *testing.T, vars efivar.Vars) {
	if err := vars.Write(efivar.Loader("LoaderEntryDefault"), nil, efivar.Stored); err == nil {
		t.Error("got no error for an empty value")
	}
	for _, key := range []efivar.Key{{}, {Name: "x"}, {Vendor: efivar.LoaderVendor}, {Name: "../x", Vendor: efivar.LoaderVendor}, {Name: "x", Vendor: "/../../x"}} {
		if vars.Write(key, []byte("x"), efivar.Stored) == nil || vars.Delete(key) == nil {
			t.Errorf("%+v: got it accepted, want an error", key)
		}
		if _, _, err := vars.Read(key); err == nil {
			t.Errorf("%+v: got it read, want an error", key)
		}
	}
	if keys, err := vars.List(); err != nil || len(keys) != 0 {
		t.Errorf("got %v, %v, want nothing left behind", keys, err)
	}
}

func own(t *testing.T, vars efivar.Vars) {
	key, data := efivar.Loader("LoaderX"), []byte("abc")
	if err := vars.Write(key, data, efivar.Stored); err != nil {
		t.Fatal(err)
	}
	data[0] = 'X'
	first, _, _ := vars.Read(key)
	first[1] = 'X'
	if got, _, err := vars.Read(key); err != nil || string(got) != "abc" {
		t.Errorf("got %q, %v, want %q", got, err, "abc")
	}
}

// likeMap plays random calls against a map.
func likeMap(t *testing.T, open func(testing.TB) efivar.Vars) {
	rapid.Check(testutil.Seeded(t), func(rt *rapid.T) {
		vars, model := open(t), map[string][]byte{}
		name := rapid.SampledFrom([]string{"A", "a", "B"})
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) {
				n, data := name.Draw(rt, "name"), rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(rt, "data")
				if err := vars.Write(efivar.Loader(n), data, efivar.Stored); err != nil {
					rt.Fatal(err)
				}
				model[n] = data
			},
			"delete": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				if err := vars.Delete(efivar.Loader(n)); err != nil {
					rt.Fatal(err)
				}
				delete(model, n)
			},
			"": func(rt *rapid.T) {
				keys, err := vars.List()
				if err != nil || len(keys) != len(model) {
					rt.Fatalf("got %v, %v, want %d keys", keys, err, len(model))
				}
				for _, key := range keys {
					if got, _, err := vars.Read(key); err != nil || !bytes.Equal(got, model[key.Name]) {
						rt.Fatalf("%s: got %q, %v, want %q", key, got, err, model[key.Name])
					}
				}
			},
		})
	})
}
