package system_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store"
	"moss/store/state"
	"moss/store/stone"
)

// The tests of this file assert what is right at the sizes of a large
// distribution, never how long it takes; the benchmarks say that.
const (
	scalePackages = 100_000
	scaleStates   = 1000
	scaleFiles    = 250_000
)

// nowhere is a root on a file system in memory, which goes with the process.
func nowhere(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	testutil.Run(t, "mount", "-t", "tmpfs", "none", root)
	t.Cleanup(func() { testutil.Run(t, "umount", root) })
	testutil.NewRoot(t, root)
	return root
}

// manyPackages gives a root two repositories of 100,000 packages together, each
// of which needs a C library and up to eight of those before it, and installs
// some that have newer builds there.
func manyPackages(t testing.TB, root string) {
	t.Helper()
	const half, installed = scalePackages / 2, 300
	local := []testutil.Stone{base(), {Name: "libc", Provides: []string{"soname(libc.so.6(x86_64))"}}}
	for i := range installed {
		m := scaleMeta(i)
		s := testutil.Stone{Name: m.Name, Version: "1", Release: 1}
		for _, p := range m.Depends {
			s.Depends = append(s.Depends, p.String())
		}
		for _, p := range m.Provides {
			s.Provides = append(s.Provides, p.String())
		}
		local = append(local, s)
	}
	install(t, options(root), local...)
	for k, name := range []string{"main", "extra"} {
		metas := make([]stone.Meta, half)
		for i := range metas {
			metas[i] = scaleMeta(k*half + i)
		}
		stock(t, root, name, metas)
	}
}

func scaleMeta(i int) stone.Meta {
	name := fmt.Sprintf("package-%06d", i)
	m := stone.Meta{Name: name, Version: "2", Release: 2, BuildRelease: 1, Arch: "x86_64", Summary: "What " + name + " is good for",
		Description: "A package that stands for many, with a description of about the length that people write.", SourceID: name,
		Homepage: "https://example.org/" + name, Licenses: []string{"MIT"}, URI: name + ".stone", Hash: fmt.Sprintf("%064x", i+1), Size: 1000,
		Provides: []stone.Provider{{Kind: stone.KindBinary, Name: name}, {Kind: stone.KindSoname, Name: fmt.Sprintf("lib%06d.so.1(x86_64)", i)}},
		Depends:  []stone.Provider{{Kind: stone.KindSoname, Name: "libc.so.6(x86_64)"}}}
	for need := i / 2; need > 0 && len(m.Depends) < 9; need /= 2 {
		m.Depends = append(m.Depends, stone.Provider{Kind: stone.KindSoname, Name: fmt.Sprintf("lib%06d.so.1(x86_64)", need)})
	}
	return m
}

// TestScalePackages searches, resolves and plans among 100,000 packages.
func TestScalePackages(t *testing.T) {
	if testing.Short() {
		t.Skip("makes an index of 100,000 packages")
	}
	t.Parallel()
	root := newRoot(t)
	manyPackages(t, root)
	opt := options(root)
	if all, err := system.AvailablePackages(opt); err != nil || len(all) != scalePackages {
		t.Errorf("got %d packages, %v", len(all), err)
	}
	if found, err := system.Find(opt, system.Search{Words: []string{"package-09999"}}); err != nil || len(found) != 10 {
		t.Errorf("found %d packages, %v, want 10", len(found), err)
	}
	newer, _, err := system.Upgrades(opt)
	if err != nil || len(newer) != 300 {
		t.Errorf("sync would change %d packages, %v, want 300", len(newer), err)
	}
	// The chain of needs is halved at each step: 99,999 brings 15 more, most of
	// which are not among the 300 that are installed.
	_, err = system.Transact(t.Context(), opt, system.Change{Install: []string{"binary(package-099999)"}})
	if err == nil || live(t, root) != 1 {
		t.Errorf("got %v: there is no such file to fetch", err)
	}
	opt.Agree = func(r system.Result) (bool, error) {
		if len(r.Added) != 9 || r.Download != 9*1000 {
			t.Errorf("would add %v and fetch %d bytes, want 9 packages", r.Added, r.Download)
		}
		return false, nil
	}
	if _, err := system.Transact(t.Context(), opt, system.Change{Install: []string{"package-099999"}}); system.ExitCode(err) != 3 {
		t.Errorf("got %v, want that it was not confirmed", err)
	}
}

// manyStates makes n states: some by transactions, of which neighbours differ by
// one package, then more with their selections, and the last ones by transactions
// again, so that they have been in the menu.
func manyStates(t testing.TB, root string, n int) {
	t.Helper()
	const first, last = 20, 10
	opt := options(root)
	install(t, opt, base())
	opt.NoBoot = true
	for i := 2; i <= first; i++ {
		install(t, opt, numbered(i))
	}
	s, _, err := store.Open(t.Context(), root, store.Access{Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for i := first + 1; i <= n-last; i++ {
		again(t, s, state.ID(1+i%first))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	opt.NoBoot = false
	for i := n - last + 1; i <= n; i++ {
		install(t, opt, numbered(i))
	}
}

func numbered(i int) testutil.Stone {
	name := fmt.Sprint("p", i%20)
	return testutil.Stone{Name: name, Version: fmt.Sprint(i), Release: uint64(i), Files: testutil.Tree{"bin/" + name: fmt.Sprint("body ", i), "share/" + name: name}}
}

// again makes a state of the selection of another one.
func again(t testing.TB, s *store.Store, id state.ID) {
	t.Helper()
	choice, err := s.Selected(id)
	if err != nil {
		t.Fatal(err)
	}
	planned, err := s.Plan(choice, nil)
	if err != nil {
		t.Fatal(err)
	}
	stage, err := s.Stage(t.Context(), planned, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stage.Seal(state.State{Created: options("").Now, Summary: "again", Selections: choice.Selections()}); err != nil {
		t.Fatal(err)
	}
}

// TestScaleStates lists, compares, prunes and goes back among a thousand states.
func TestScaleStates(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a thousand states")
	}
	if !testutil.Privately(t) {
		return
	}
	root := nowhere(t)
	manyStates(t, root, scaleStates)
	all, err := system.States(options(root))
	if err != nil || len(all) != scaleStates || !all[scaleStates-1].Active || len(all[19].Packages) != 20 || !all[500].Bootable {
		t.Fatalf("got %d states, %v", len(all), err)
	}
	if one, err := system.OneState(options(root), scaleStates); err != nil || one.SizeUnique != int64(len("body 1000")) {
		t.Errorf("got %+v, %v", one, err)
	}
	if d, err := system.Compare(root, 1, scaleStates); err != nil || len(d.Packages.Added) != 19 {
		t.Errorf("got %+v, %v", d.Packages, err)
	}
	if _, err := system.Activate(t.Context(), options(root), 3); err != nil || live(t, root) != 3 {
		t.Errorf("got %v, live %d", err, live(t, root))
	}
	dry := options(root)
	dry.DryRun = true
	would, err := system.Prune(t.Context(), dry, system.Policy{States: 100})
	if err != nil || len(would.States) != scaleStates-100-1 {
		t.Errorf("would remove %d states, %v, want 899", len(would.States), err)
	}
	did, err := system.Prune(t.Context(), options(root), system.Policy{States: 100})
	if err != nil || !slices.Equal(did.States, would.States) || slices.Contains(did.States, state.ID(3)) {
		t.Errorf("removed %d states, %v", len(did.States), err)
	}
	nothingIsLeftOver(t, root)
	everyEntryIsWhole(t, root)
	if found, err := verifyAll(t, root); err != nil {
		t.Errorf("verify: %v, %v", found, err)
	}
}

// bulky250k is a package of 250,000 files in folders of 60; the first ones change
// with the version. A fifth of the contents are different ones.
func bulky250k(version string, changed int) testutil.Stone {
	s := testutil.Stone{Name: "bulk", Version: version, Release: uint64(version[0]), Files: testutil.Tree{}}
	for i := range scaleFiles {
		body := fmt.Sprint("content ", i%(scaleFiles/5))
		if i < changed {
			body += " of version " + version
		}
		s.Files[fmt.Sprintf("share/part-%d/d%05d/file-%d", i%7, i/60, i)] = body
	}
	return s
}

// TestScaleFiles makes, compares, verifies and exchanges states of 250,000 files.
func TestScaleFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("makes two states of 250,000 files")
	}
	if !testutil.Privately(t) {
		return
	}
	root := nowhere(t)
	install(t, options(root), base(), bulky250k("1", 0))
	result := install(t, options(root), bulky250k("2", 100))
	if result.Paths < scaleFiles || result.Changes != (system.Counts{Changed: 100}) || result.Files != 100 {
		t.Errorf("got %d paths, %+v, %d new contents; want 100 changed", result.Paths, result.Changes, result.Files)
	}
	if d, err := system.Compare(root, 1, 2); err != nil || len(d.Files.Changed) != 100 || len(d.Files.Added)+len(d.Files.Removed) != 0 {
		t.Errorf("%d files changed, %v, want 100", len(d.Files.Changed), err)
	}
	if found, err := system.Verify(t.Context(), options(root), []state.ID{2}); err != nil {
		t.Errorf("verify: %d findings, %v", len(found), err)
	}
	if _, err := system.Activate(t.Context(), options(root), 1); err != nil || live(t, root) != 1 {
		t.Errorf("got %v, live %d", err, live(t, root))
	}
	if got, want := testutil.Read(t, filepath.Join(root, "usr/share/part-0/d00000/file-0")), "content 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
