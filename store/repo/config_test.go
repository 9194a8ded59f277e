package repo_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/store/repo"
)

const key = "RWQPfdyOgpol1V+rZ5lX3oEdKxNTRhuZ66hTuL/SQ8kYfwo3zn3wbY4+"

func configured(t testing.TB, root string) []repo.Repository {
	t.Helper()
	all, err := repo.Configured(root)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestConfiguredReadsBothFolders(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "usr/share/moss/repo.d/volatile.yaml", "volatile:\n  description: ours\n  uri: https://example.org/v/stone.index\n  priority: 10\n  key: "+key+"\n")
	write(t, root, "usr/share/moss/repo.d/masked.yaml", "masked:\n  uri: https://example.org/m\n  unsigned: true\n")
	write(t, root, "etc/moss/repo.d/masked.yaml", "# nothing\n")
	write(t, root, "etc/moss/repo.d/local.yml", "local:\n  uri: /srv/stones\n  active: false\n  priority: 20\n  unsigned: true\n")
	write(t, root, "etc/moss/repo.d/notes.txt", "not a repository")
	want := []repo.Repository{
		{Name: "local", URI: "/srv/stones", Priority: 20, Unsigned: true, File: "/etc/moss/repo.d/local.yml"},
		{Name: "volatile", URI: "https://example.org/v/stone.index", Description: "ours", Priority: 10, Key: key, Enabled: true, Vendor: true,
			File: "/usr/share/moss/repo.d/volatile.yaml"},
	}
	if diff := cmp.Diff(want, configured(t, root)); diff != "" {
		t.Error(diff)
	}
}

func TestAnEntryWithoutURIChangesOnlyWhatItNames(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "usr/share/moss/repo.d/v.yaml", "v:\n  uri: https://example.org/v\n  priority: 10\n  key: "+key+"\n")
	write(t, root, "etc/moss/repo.d/zz.yaml", "v:\n  priority: 3\n")
	got := configured(t, root)
	want := []repo.Repository{{Name: "v", URI: "https://example.org/v", Priority: 3, Key: key, Enabled: true, File: "/etc/moss/repo.d/zz.yaml"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// With an address of its own the vendor's key says nothing about it.
	write(t, root, "etc/moss/repo.d/zz.yaml", "v:\n  uri: https://elsewhere.org/v\n  unsigned: true\n")
	if got := configured(t, root); got[0].Key != "" || !got[0].Unsigned {
		t.Errorf("got %+v, want no key of the vendor's", got[0])
	}
}

// TestPeerUnparsableRepoFilesSilentlyIgnored: a repository file that AerynOS'
// moss cannot read is passed over; here it is an error with file and line.
func TestPeerUnparsableRepoFilesSilentlyIgnored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"not YAML":          {"a:\n\t- b", "line 2"},
		"unknown key":       {"a:\n  uri: /x\n  base-uri: /y\n", `line 3: unknown key "base-uri"`},
		"key twice":         {"a:\n  uri: /x\n  uri: /y\n", "line 3: uri appears twice"},
		"repository twice":  {"a:\n  uri: /x\na:\n  uri: /y\n", "line 3: a appears twice"},
		"no uri":            {"a:\n  priority: 3\n", "line 1: repository a has no uri"},
		"list":              {"- a\n", "line 1: want a repository"},
		"entry is text":     {"a: b\n", "line 1: want an entry"},
		"value is a list":   {"a:\n  uri: [x]\n", "line 2: uri: want one value"},
		"bad name":          {"../a:\n  uri: /x\n", `line 1: repository name "../a"`},
		"dot first":         {".a:\n  uri: /x\n", `line 1: repository name ".a"`},
		"priority text":     {"a:\n  uri: /x\n  priority: high\n", `line 3: priority: "high"`},
		"priority negative": {"a:\n  uri: /x\n  priority: -1\n", `line 3: priority: "-1"`},
		"active text":       {"a:\n  uri: /x\n  active: perhaps\n", `line 3: active: "perhaps"`},
		"scheme":            {"a:\n  uri: ftp://example.org\n", "want http, https, file or an absolute path"},
		"relative path":     {"a:\n  uri: stones\n", "want http, https, file or an absolute path"},
		"password":          {"a:\n  uri: https://me:secret@example.org/\n", "a user name or password must not stand in it"},
		"query":             {"a:\n  uri: https://example.org/?a=b\n", "query"},
		"bad key":           {"a:\n  uri: /x\n  key: RWfoo\n", "not a public key as minisign makes them"},
		"key and unsigned":  {"a:\n  uri: /x\n  unsigned: true\n  key: " + key + "\n", "has a key and is unsigned"},
		"alias":             {"a: &a\n  uri: /x\nb: *a\n", "line 1: a: anchors and aliases are not taken"},
		"merge":             {"a:\n  <<: {uri: /x}\n", "line 2: a key is not a plain word"},
		"null uri":          {"a:\n  uri:\n", "line 2: uri: want text"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, "etc/moss/repo.d/good.yaml", "good:\n  uri: /x\n  unsigned: true\n")
			write(t, root, "etc/moss/repo.d/bad.yaml", c.text)
			_, err := repo.Configured(root)
			var bad *repo.ConfigError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "/etc/moss/repo.d/bad.yaml") {
				t.Fatalf("got %v, want a ConfigError with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the password: %v", err)
			}
			if bad.Hint() == "" {
				t.Error("no hint")
			}
		})
	}
}

func TestOneNameInTwoFilesIsRefused(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, f := range []string{"x", "y"} {
		write(t, root, "etc/moss/repo.d/"+f+".yaml", "a:\n  uri: /x\n  unsigned: true\n")
	}
	_, err := repo.Configured(root)
	if err == nil || !strings.Contains(err.Error(), "y.yaml line 1: repository a is in /etc/moss/repo.d/x.yaml too") {
		t.Errorf("got %v", err)
	}
}

func TestAddWritesWhatConfiguredReads(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	want := repo.Repository{Name: "a.b-c", URI: "https://example.org/x", Description: "yes: #1 'quoted' \"twice\"\nand a line", Key: key, Priority: 7, Enabled: true,
		File: "/etc/moss/repo.d/a.b-c.yaml"}
	add(t, root, want)
	if diff := cmp.Diff([]repo.Repository{want}, configured(t, root)); diff != "" {
		t.Error(diff)
	}
	if err := repo.Add(root, want); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a second time: got %v", err)
	}
}

func TestNamesThatYAMLReadsAsSomethingElse(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"true", "null", "1e3", "0x10", "no", "12"} {
		add(t, root, repo.Repository{Name: name, URI: "/x", Unsigned: true, Enabled: true, Description: name})
	}
	if got := configured(t, root); len(got) != 6 || got[0].Description != got[0].Name {
		t.Errorf("got %+v", got)
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	var untrusted *repo.UntrustedError
	err := repo.Add(t.TempDir(), repo.Repository{Name: "a", URI: "/x"})
	if !errors.As(err, &untrusted) || !strings.Contains(hint(err), "--allow-unsigned") {
		t.Errorf("without key: got %v, next %q", err, hint(err))
	}
	for _, r := range []repo.Repository{
		{Name: "../../x", URI: "/x", Unsigned: true}, {Name: "", URI: "/x", Unsigned: true}, {Name: strings.Repeat("a", 101), URI: "/x", Unsigned: true},
		{Name: "a", URI: "file://host/x", Unsigned: true}, {Name: "a", URI: "https:///x", Unsigned: true}, {Name: "a", URI: "", Unsigned: true},
	} {
		if err := repo.Add(t.TempDir(), r); err == nil {
			t.Errorf("%+v was accepted", r)
		}
	}
	if err := repo.Add(filepath.Join(t.TempDir(), "typo"), repo.Repository{Name: "a", URI: "/x", Unsigned: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("root that is not there: got %v", err)
	}
}

func TestSwitchingKeepsCommentsAndNeighbours(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, "etc/moss/repo.d/two.yaml", "# mine\na:\n  uri: /x # here\n  unsigned: true\nb:\n  uri: /y\n  unsigned: true\n  active: true # now\n")
	for _, name := range []string{"a", "b"} {
		if err := repo.SetEnabled(root, name, false); err != nil {
			t.Fatal(err)
		}
	}
	text := read(t, root, "etc/moss/repo.d/two.yaml")
	for _, want := range []string{"# mine", "# here", "active: false # now"} {
		if !strings.Contains(text, want) {
			t.Errorf("the file lost %q:\n%s", want, text)
		}
	}
	for _, r := range configured(t, root) {
		if r.Enabled {
			t.Errorf("%s is still enabled", r.Name)
		}
	}
	if err := repo.Remove(root, "a"); err != nil {
		t.Fatal(err)
	}
	if got := configured(t, root); len(got) != 1 || got[0].Name != "b" {
		t.Errorf("got %+v, want b alone", got)
	}
	if err := repo.Remove(root, "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "etc/moss/repo.d/two.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the empty file stayed: %v", err)
	}
}

// TestVendorsRepositoryIsSwitchedNotCopied: a copy in /etc would keep an old key
// or address alive after the vendor's changed.
func TestVendorsRepositoryIsSwitchedNotCopied(t *testing.T) {
	t.Parallel()
	for file, others := range map[string]string{"v": "", "v2": "w:\n  uri: https://example.org/w\n  unsigned: true\n", "both": "w:\n  uri: https://example.org/w\n  unsigned: true\n"} {
		t.Run(file, func(t *testing.T) {
			root, at := t.TempDir(), "usr/share/moss/repo.d/"+strings.Replace(file, "both", "v", 1)+".yaml"
			write(t, root, at, "v:\n  uri: https://example.org/v\n  key: "+key+"\n"+others)
			if err := repo.SetEnabled(root, "v", false); err != nil {
				t.Fatal(err)
			}
			write(t, root, at, "v:\n  uri: https://example.org/moved\n  key: "+key+"\n"+others)
			all := configured(t, root)
			for _, r := range all {
				if r.Name == "v" && (r.Enabled || r.URI != "https://example.org/moved" || r.Key != key) {
					t.Errorf("got %+v, want it disabled, at the new address, with its key", r)
				}
			}
			if others != "" && len(all) != 2 {
				t.Errorf("got %+v, want w too", all)
			}
			if err := repo.Remove(root, "v"); err == nil || !strings.Contains(hint(err), "disable v") {
				t.Errorf("remove: got %v", err)
			}
			if err := repo.SetEnabled(root, "v", true); err != nil {
				t.Fatal(err)
			}
			if left, _ := os.ReadDir(filepath.Join(root, "etc/moss/repo.d")); len(left) != 0 {
				t.Errorf("enabled again, /etc still has %v", left)
			}
			for _, r := range configured(t, root) {
				if !r.Enabled || !r.Vendor {
					t.Errorf("got %+v, want it the vendor's and enabled", r)
				}
			}
		})
	}
}

func TestUnknownNames(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	var unknown *repo.NotFoundError
	_, err := repo.Update(t.Context(), root, []string{"x"}, impatient())
	for _, err := range []error{repo.Remove(root, "x"), repo.SetEnabled(root, "x", true), err} {
		if !errors.As(err, &unknown) {
			t.Errorf("got %v, want NotFoundError", err)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("a:\n  uri: https://example.org/x\n  priority: 3\n  active: yes\n  key: RW\n")
	f.Add("a: &x {uri: /y}\nb: *x\n")
	f.Add("? [a]\n: b\n<<: {}\n")
	f.Add("a:\n  uri: \"\\x00\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = repo.ParseConfig("/etc/x.yaml", []byte(text))
	})
}
