package system_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/repo"
)

// offer makes a repository of these packages in a folder of its own.
func offer(t testing.TB, root, name string, priority int, stones ...testutil.Stone) {
	t.Helper()
	dir := t.TempDir()
	for _, one := range stones {
		one.Write(t, dir)
	}
	metas, err := repo.BuildIndex(t.Context(), dir, dir)
	if err == nil {
		err = repo.WriteIndex(dir, metas, nil, time.Now())
	}
	if err == nil {
		err = repo.Add(root, repo.Repository{Name: name, URI: dir, Priority: priority, Enabled: true, Unsigned: true})
	}
	if err == nil {
		_, err = repo.Update(t.Context(), root, []string{name}, repo.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func editor(version string) testutil.Stone {
	release, _ := strconv.ParseUint(version, 10, 64)
	return testutil.Stone{Name: "nano", Version: version, Release: release, Depends: []string{"soname(libtext.so.1(x86_64))"}, Provides: []string{"binary(nano)"},
		Files: testutil.Tree{"bin/nano": "0755:nano " + version, "share/doc/nano/README": "read me"}}
}

func text() testutil.Stone {
	return testutil.Stone{Name: "libtext", Provides: []string{"soname(libtext.so.1(x86_64))", "pkgconfig(text)"},
		Files: testutil.Tree{"lib/libtext.so.1": "library", "share/doc/libtext/README": "read me"}}
}

// queried is a root with a live state and two repositories.
func queried(t testing.TB) (string, system.Options) {
	t.Helper()
	root := newRoot(t)
	opt := options(root)
	install(t, opt, base(), text(), editor("1"))
	offer(t, root, "main", 0, text(), editor("2"), testutil.Stone{Name: "nanofoo"}, testutil.Stone{Name: "vim"})
	offer(t, root, "local", 10, testutil.Stone{Name: "vim", Version: "9"}, testutil.Stone{Name: "fonts-nano"})
	return root, opt
}

func names[T any](all []T, name func(T) string) string {
	var texts []string
	for _, one := range all {
		texts = append(texts, name(one))
	}
	return strings.Join(texts, " ")
}

// TestQueries asks one root, which questions do not change.
func TestQueries(t *testing.T) {
	_, opt := queried(t)
	for name, ask := range map[string]func(*testing.T, system.Options){
		"installed": installedPackages, "available": availablePackages, "search": find, "info": describePackages, "unknown": unknown,
	} {
		t.Run(name, func(t *testing.T) { ask(t, opt) })
	}
}

func installedPackages(t *testing.T, opt system.Options) {
	all, err := system.InstalledPackages(opt.Root)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(all, func(l system.Listed) string { return l.Name + "=" + l.Installed }), "base=1-1-1 libtext=1-1-1 nano=1-1-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !all[0].Explicit || all[0].Summary != "a test's base" || len(all[0].ID) != 64 {
		t.Errorf("got %+v", all[0])
	}
}

// availablePackages: each name once, from the repository that wins.
func availablePackages(t *testing.T, opt system.Options) {
	all, err := system.AvailablePackages(opt)
	if err != nil {
		t.Fatal(err)
	}
	got := names(all, func(l system.Listed) string { return l.Name + "=" + l.Version + "@" + l.Repository + "/" + l.Installed })
	want := "fonts-nano=1@local/ libtext=1@main/1-1-1 nano=2@main/1-1-1 nanofoo=1@main/ vim=9@local/"
	if got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestQueriesBeforeAnythingIsInstalled(t *testing.T) {
	root := newRoot(t)
	opt := options(root)
	offer(t, root, "main", 0, editor("2"), text())
	all, err := system.AvailablePackages(opt)
	if err != nil || len(all) != 2 || all[0].Installed != "" {
		t.Errorf("got %+v, %v", all, err)
	}
	if found, err := system.Find(opt, system.Search{Words: []string{"nano"}}); err != nil || len(found) != 1 {
		t.Errorf("got %+v, %v", found, err)
	}
	if _, err := system.InstalledPackages(root); err == nil {
		t.Error("list installed: got no error")
	}
}

func TestBrokenRepositoryIsNamedAndTheOthersAnswer(t *testing.T) {
	root, opt := queried(t)
	if err := os.RemoveAll(filepath.Join(root, ".moss/repo/local")); err != nil {
		t.Fatal(err)
	}
	var said []string
	opt.Log = func(line string) { said = append(said, line) }
	all, err := system.AvailablePackages(opt)
	if err != nil || len(all) != 4 {
		t.Errorf("got %+v, %v, want the packages of main", all, err)
	}
	if len(said) != 1 || !strings.HasPrefix(said[0], "warning: repository local is left out: ") {
		t.Errorf("got %q, want a warning that names local", said)
	}
}

func find(t *testing.T, opt system.Options) {
	for _, c := range []struct {
		what system.Search
		want string
	}{
		{system.Search{Words: []string{"NANO"}}, "nano nanofoo fonts-nano"},
		{system.Search{Words: []string{"nano", "fonts"}}, "fonts-nano"},
		{system.Search{Words: []string{"a test's", "VIM"}}, "vim"},
		{system.Search{Words: []string{"nano"}, Installed: true}, "nano"},
		{system.Search{Words: []string{"base"}}, "base"},
		{system.Search{Words: []string{"no such"}}, ""},
		{system.Search{Words: []string{"text"}, Provides: true}, "libtext:pkgconfig(text) libtext:name(libtext) libtext:soname(libtext.so.1(x86_64))"},
		{system.Search{Words: []string{"text"}, Provides: true, Kind: "soname"}, "libtext:soname(libtext.so.1(x86_64))"},
		{system.Search{Words: []string{"README"}, Files: true}, "libtext:/usr/share/doc/libtext/README nano:/usr/share/doc/nano/README"},
		{system.Search{Words: []string{"readme", "nano"}, Files: true}, "nano:/usr/share/doc/nano/README"},
	} {
		found, err := system.Find(opt, c.what)
		if err != nil {
			t.Fatal(err)
		}
		got := names(found, func(f system.Found) string {
			if f.Match == "" {
				return f.Name
			}
			return f.Name + ":" + f.Match
		})
		if got != c.want {
			t.Errorf("%+v: got %s, want %s", c.what, got, c.want)
		}
	}
	if _, err := system.Find(opt, system.Search{Words: []string{"x"}, Provides: true, Kind: "wat"}); err == nil || !strings.Contains(err.Error(), "wat") {
		t.Errorf("got %v, want an error about the kind", err)
	}
}

func describePackages(t *testing.T, opt system.Options) {
	for word, want := range map[string]string{
		"nano":                         "nano=1-1-1/live nano=2-2-1@main",
		"vim":                          "vim=9-1-1@local vim=1-1-1@main",
		"binary(nano)":                 "nano=1-1-1/live nano=2-2-1@main",
		"soname(libtext.so.1(x86_64))": "libtext=1-1-1/live",
	} {
		all, err := system.Describe(opt, []string{word}, false)
		if err != nil {
			t.Fatal(err)
		}
		got := names(all, func(d system.Detail) string {
			if d.Live {
				return d.Name + "=" + d.Build() + "/live"
			}
			return d.Name + "=" + d.Build() + "@" + d.Repository
		})
		if got != want {
			t.Errorf("%s: got %s, want %s", word, got, want)
		}
	}
	all, err := system.Describe(opt, []string{"libtext", "nano"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if all[0].URI == "" || all[0].Download == 0 {
		t.Errorf("got %+v, want to know where the live build can be fetched", all[0])
	}
	want := []system.File{{Path: "/usr/lib/libtext.so.1", Mode: "100644", Size: 7}, {Path: "/usr/share/doc/libtext/README", Mode: "100644", Size: 7}}
	if diff := cmp.Diff(want, all[0].Files); diff != "" {
		t.Error(diff)
	}
	if all[1].Installed != "1-1-1" || len(all[1].Files) != 2 || all[2].Files != nil {
		t.Errorf("got %+v", all[1:])
	}
}

func unknown(t *testing.T, opt system.Options) {
	_, describe := system.Describe(opt, []string{"emacs"}, false)
	_, malformed := system.Describe(opt, []string{"wat(x)"}, false)
	_, files := system.PackageFiles(opt.Root, "vim")
	for what, err := range map[string]error{"describe emacs": describe, "wat": malformed, "the files of vim": files} {
		var unknown *system.UnknownError
		if !errors.As(err, &unknown) || unknown.Advice == "" || !strings.Contains(err.Error(), what) || system.ExitCode(err) != 1 {
			t.Errorf("%s: got %v, code %d", what, err, system.ExitCode(err))
		}
	}
}

func TestUpgrades(t *testing.T) {
	root := newRoot(t)
	opt := options(root)
	install(t, opt, base(), text(), editor("1"))
	newer := editor("2")
	newer.Depends = append(newer.Depends, "libmore")
	offer(t, root, "main", 0, newer, text(), testutil.Stone{Name: "libmore"})
	all, _, err := system.Upgrades(opt)
	if err != nil {
		t.Fatal(err)
	}
	got := names(all, func(u system.Upgrade) string { return u.Change + ":" + u.Name + ":" + u.From + ">" + u.To })
	if want := "add:libmore:>1-1-1 upgrade:nano:1-1-1>2-2-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !slices.ContainsFunc(all, func(u system.Upgrade) bool { return u.Name == "nano" && u.Download > 0 && u.Repository == "main" }) {
		t.Errorf("got %+v, want what nano's download costs", all)
	}
}
