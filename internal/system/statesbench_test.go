package system_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store"
	"moss/store/state"
	"moss/store/stone"
)

// thousand is a root with 1,000 states of 200 packages each, all sealed, of which
// neighbours differ by one package.
func thousand(b *testing.B) system.Options {
	root := newRoot(b)
	opt := options(root)
	install(b, opt, base())
	db, err := state.Open(filepath.Join(root, store.Home, "db/moss.sqlite"))
	if err != nil {
		b.Fatal(err)
	}
	var packages []state.Package
	for i := range 1200 {
		packages = append(packages, state.Package{ID: fmt.Sprintf("%064x", i), Meta: stone.Meta{Name: fmt.Sprint("p", i), Version: "1"}})
	}
	if err := db.AddPackages(packages); err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		var chosen []state.Selection
		for _, p := range packages[i : i+200] {
			chosen = append(chosen, state.Selection{Package: p.ID})
		}
		id, err := db.AddState(state.State{Summary: "test", Selections: chosen})
		if err != nil {
			b.Fatal(err)
		}
		testutil.Tree{".stateID": id.String(), "lib/kernel/6.1/vmlinuz": "x"}.Create(b, filepath.Join(root, store.Home, "root", id.String(), "usr"))
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	return opt
}

func BenchmarkThousandStates(b *testing.B) {
	opt := thousand(b)
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if all, err := system.States(opt); err != nil || len(all) != 1001 || len(all[500].Packages) != 200 {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("show", func(b *testing.B) {
		for b.Loop() {
			if _, err := system.OneState(opt, 500); err != nil {
				b.Fatal(err)
			}
		}
	})
}
