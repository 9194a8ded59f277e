package system_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/store"
	"moss/store/repo"
	"moss/store/stone"
)

// distribution adds a repository of many packages to a root, numbered from
// first on. An index file holds at most 65,535.
func distribution(t testing.TB, root, repository string, first, packages int) {
	t.Helper()
	metas := make([]stone.Meta, packages)
	for i := range metas {
		name := fmt.Sprintf("package-%06d", first+i)
		metas[i] = stone.Meta{Name: name, Version: "1.2.3", Release: 3, BuildRelease: 1, Arch: "x86_64", Summary: "What package " + name + " is Good for",
			Description: strings.Repeat("A sentence about it. ", 10), SourceID: name, Homepage: "https://example.org/" + name, Licenses: []string{"MIT"},
			Depends:  []stone.Provider{{Kind: stone.KindSoname, Name: "libc.so.6(x86_64)"}},
			Provides: []stone.Provider{{Kind: stone.KindBinary, Name: name}, {Kind: stone.KindSoname, Name: fmt.Sprintf("lib%06d.so.1(x86_64)", first+i)}},
			URI:      name + ".stone", Hash: fmt.Sprintf("%064x", first+i), Size: 1000}
	}
	stock(t, root, repository, metas)
}

// stock gives a root a repository of these packages.
func stock(t testing.TB, root, repository string, metas []stone.Meta) {
	t.Helper()
	dir := t.TempDir()
	err := repo.WriteIndex(dir, metas, nil, time.Now())
	if err == nil {
		err = repo.Add(root, repo.Repository{Name: repository, URI: dir, Enabled: true, Unsigned: true})
	}
	if err == nil {
		_, err = repo.Update(t.Context(), root, []string{repository}, repo.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkQueries: 100,000 packages on offer.
func BenchmarkQueries(b *testing.B) {
	root := newRoot(b)
	opt := options(root)
	install(b, opt, base(), text(), editor("1"))
	distribution(b, root, "large", 0, 50_000)
	distribution(b, root, "other", 50_000, 50_000)
	for name, ask := range map[string]func() (int, error){
		"list": func() (int, error) { all, err := system.AvailablePackages(opt); return len(all), err },
		"search": func() (int, error) {
			all, err := system.Find(opt, system.Search{Words: []string{"good", "7"}})
			return len(all), err
		},
		"provides": func() (int, error) {
			all, err := system.Find(opt, system.Search{Words: []string{"lib09"}, Provides: true})
			return len(all), err
		},
		"info": func() (int, error) {
			all, err := system.Describe(opt, []string{"binary(package-099999)"}, false)
			return len(all), err
		},
		"upgrades": func() (int, error) { _, _, err := system.Upgrades(opt); return 1, err },
		"complete": func() (int, error) { return len(system.SuggestAvailable(opt, "package-0999")), nil },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, err := ask(); err != nil || n == 0 {
					b.Fatalf("got %d answers, %v", n, err)
				}
			}
		})
	}
}

// TestSuggestions: sorted, bounded, and silent when nothing can be known.
func TestSuggestions(t *testing.T) {
	root, opt := queried(t)
	word := func(s system.Suggestion) string { return s.Word }
	for prefix, want := range map[string]string{"": "base libtext nano", "n": "nano", "x": ""} {
		if got := names(system.SuggestInstalled(opt, prefix), word); got != want {
			t.Errorf("installed %q: got %s, want %s", prefix, got, want)
		}
	}
	if got, want := names(system.SuggestAvailable(opt, "n"), word), "nano nanofoo"; got != want {
		t.Errorf("available: got %s, want %s", got, want)
	}
	if got, want := names(system.SuggestKnown(opt, ""), word), "base fonts-nano libtext nano nanofoo vim"; got != want {
		t.Errorf("known: got %s, want %s", got, want)
	}
	if got, want := names(system.SuggestRepositories(opt, "l"), word), "local"; got != want {
		t.Errorf("repositories: got %s, want %s", got, want)
	}
	install(t, opt, testutil.Stone{Name: "more"})
	states := system.SuggestStates(opt, "")
	if got := names(states, word); got != "2 1" || !strings.Contains(states[0].About, "more") {
		t.Errorf("states: got %+v, want the newest first with what it did", states)
	}
	distribution(t, root, "large", 0, 2000)
	if got := system.SuggestAvailable(opt, "package-"); len(got) != 1000 || got[0].Word != "package-000000" {
		t.Errorf("got %d suggestions, want 1000, the first ones", len(got))
	}
	nowhere := options(t.TempDir())
	if err := os.MkdirAll(filepath.Join(nowhere.Root, "etc/moss/repo.d/broken.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, got := range [][]system.Suggestion{system.SuggestInstalled(nowhere, ""), system.SuggestAvailable(nowhere, ""),
		system.SuggestKnown(nowhere, ""), system.SuggestStates(nowhere, ""), system.SuggestRepositories(nowhere, "")} {
		if len(got) != 0 {
			t.Errorf("%d: got %v from a root without a store", i, got)
		}
	}
}

// ask answers every kind of question, for a process that is an ordinary user.
func ask(root string) int {
	opt := options(root)
	installed, err1 := system.InstalledPackages(root)
	available, err2 := system.AvailablePackages(opt)
	found, err3 := system.Find(opt, system.Search{Words: []string{"readme"}, Files: true})
	all, err4 := system.Describe(opt, []string{"nano"}, true)
	files, err5 := system.PackageFiles(root, "nano")
	owners, err6 := system.Owners(root, "/", []string{"/usr/bin/nano"})
	upgrades, _, err7 := system.Upgrades(opt)
	states, err8 := system.States(opt)
	fmt.Println(len(installed), len(available), len(found), len(all), len(files), len(owners), len(upgrades), len(states))
	for _, err := range []error{err1, err2, err3, err4, err5, err6, err7, err8} {
		if err != nil {
			fmt.Println("error:", err)
		}
	}
	return 0
}

// TestQueriesAsOrdinaryUser: nobody but root owns the store, a strict umask made
// it, and a writer may hold the lock.
func TestQueriesAsOrdinaryUser(t *testing.T) {
	need.Root(t, "becoming another user")
	root, _ := queried(t)
	for _, dir := range []string{filepath.Dir(root), root} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	want := "3 5 2 2 2 1 1 1\n"
	if got := asNobody(t, root); got != want {
		t.Errorf("nobody writes: got %q, want %q", got, want)
	}
	s, _, err := store.Open(t.Context(), root, store.Access{Command: "a writer"})
	if err != nil {
		t.Fatal(err)
	}
	if got := asNobody(t, root); got != want {
		t.Errorf("while a writer holds the lock: got %q, want %q", got, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func asNobody(t *testing.T, root string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestAsk$")
	cmd.Env = []string{"MOSS_TEST_ASK=" + root}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}

// TestAsk is the ordinary user's side of TestQueriesAsOrdinaryUser.
func TestAsk(t *testing.T) {
	if root := os.Getenv("MOSS_TEST_ASK"); root != "" {
		os.Exit(ask(root))
	}
}
