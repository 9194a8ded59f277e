package usrmerge

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/testutil"
)

func TestIsIndex(t *testing.T) {
	for _, name := range []string{"alias", "alias.bin", "dep", "dep.bin", "softdep", "symbols", "symbols.bin", "devname", "weakdep", "builtin.bin", "builtin.alias.bin"} {
		if !isIndex("lib/modules/6.1.0/modules." + name) {
			t.Errorf("modules.%s is one", name)
		}
	}
	for _, name := range []string{
		"lib/modules/6.1.0/modules.order", "lib/modules/6.1.0/modules.builtin", "lib/modules/6.1.0/modules.builtin.modinfo", "lib/modules/6.1.0/modules.",
		"lib/modules/6.1.0/kernel/modules.dep", "lib/modules/modules.dep", "bin/modules/6.1.0/modules.dep", "lib/modules/6.1.0/dep",
	} {
		if isIndex(name) {
			t.Errorf("%s is none", name)
		}
	}
}

func TestIndexesAreMadeAnew(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{
		"lib/modules/6.1/modules.dep": "old", "lib/modules/6.1/a.ko": "a", "usr/lib/modules/6.1/modules.dep": "new", "usr/lib/modules/6.1/b.ko": "b",
		"lib/modules/6.2/modules.dep": "whole",
	}.Create(t, root)
	var asked []string
	result, err := Run(t.Context(), Options{Root: root, Depmod: func(version string) error {
		asked = append(asked, version)
		text, err := os.ReadFile(filepath.Join(root, "lib/modules", version, "modules.dep"))
		if target, _ := os.Readlink(filepath.Join(root, "lib")); target != "usr/lib" || string(text) != "old" {
			t.Errorf("asked when /lib is %q and the index %q, %v; want it merged, with the index that was in use", target, text, err)
		}
		return errors.New("no depmod here")
	}})
	if err != nil || !result.Merged {
		t.Fatalf("got %+v, %v", result, err)
	}
	if !slices.Equal(asked, []string{"6.1"}) {
		t.Errorf("asked for %q, want the one whose modules came together", asked)
	}
	if len(result.Notes) != 1 || !strings.Contains(result.Notes[0], "6.1") || !strings.Contains(result.Notes[0], "no depmod here") {
		t.Errorf("got notes %q", result.Notes)
	}
	if want := []string{"usr/lib/modules/6.1/modules.dep"}; !slices.Equal(result.Plan.Regenerated, want) {
		t.Errorf("got regenerated %q, want %q", result.Plan.Regenerated, want)
	}
}

// A run that was cut after the exchange owes the indexes: they may not have been
// made, or not be on the disk.
func TestIndexesAreOwed(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{
		"lib": "-> usr/lib", ".moss-usr-merge-lib/modules/6.1/modules.dep": "old", "usr/lib/modules/6.1/modules.dep": "", "usr/lib/modules/6.1/b.ko": "b",
	}.Create(t, root)
	index := filepath.Join(root, "usr/lib/modules/6.1/modules.dep")
	asked := 0
	result, err := Run(t.Context(), Options{Root: root, Depmod: func(string) error {
		asked++
		if _, err := os.Stat(filepath.Join(root, ".moss-usr-merge-lib/modules/6.1/modules.dep")); err != nil {
			t.Errorf("what tells that it is owed is gone before it is done: %v", err)
		}
		return os.WriteFile(index, []byte("made"), 0o644)
	}})
	if err != nil || !result.Merged || asked != 1 {
		t.Fatalf("got %+v, %v, asked %d times", result, err, asked)
	}
	if text, err := os.ReadFile(index); string(text) != "made" {
		t.Errorf("got %q, %v, want what depmod made", text, err)
	}
	if left, _ := os.ReadDir(root); len(left) != 2 {
		t.Errorf("got %v, want lib and usr", left)
	}
}

// Solus' shape: what /lib showed were the indexes of lib64, and those must not be
// lost behind others that lie in /usr/lib.
func TestIndexesOfAnAlias(t *testing.T) {
	for name, more := range map[string]testutil.Tree{"carried": {}, "merged": {"usr/lib64/modules/6.1/c.ko": "c"}} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			testutil.Tree{
				"lib": "-> lib64", "lib64/modules/6.1/modules.dep": "in use", "lib64/modules/6.1/a.ko": "a", "usr/lib64/o": "o",
				"usr/lib/modules/6.1/modules.dep": "other", "usr/lib/modules/6.1/b.ko": "b",
			}.Create(t, root)
			more.Create(t, root)
			index := filepath.Join(root, "lib/modules/6.1/modules.dep")
			asked := 0
			result, err := Run(t.Context(), Options{Root: root, Depmod: func(string) error {
				asked++
				text, err := os.ReadFile(index)
				if string(text) != "in use" {
					t.Errorf("got %q, %v, want the index that was in use", text, err)
				}
				return nil
			}})
			if err != nil || !result.Merged || asked != 1 {
				t.Fatalf("got %+v, %v, asked %d times", result, err, asked)
			}
			if text, err := os.ReadFile(index); string(text) != "in use" {
				t.Errorf("got %q, %v", text, err)
			}
			if !slices.Contains(result.Plan.Regenerated, "usr/lib/modules/6.1/modules.dep") {
				t.Errorf("got regenerated %q", result.Plan.Regenerated)
			}
			if left, _ := filepath.Glob(filepath.Join(root, "usr/.moss*")); len(left) > 0 {
				t.Errorf("got %q left over", left)
			}
		})
	}
}
