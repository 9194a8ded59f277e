package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"moss/internal/testutil"
	"moss/store"
	"moss/store/asset"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/verify"
)

// two makes a machine with states 1 (archived) and 2 (live) that share most files,
// and keeps the stones in the folder it returns, by id.
func two(t testing.TB) (*machine, map[string]string) {
	t.Helper()
	m := newMachine(t)
	stones := map[string]string{}
	unpack := func(one testutil.Stone) state.Package {
		file := one.Write(t, t.TempDir())
		got, err := m.unpackFiles(store.File{Path: file})
		if err != nil {
			t.Fatal(err)
		}
		stones[got[0].ID] = file
		return got[0]
	}
	labelled := stone.Layout{Path: "lib/labelled", Mode: unix.S_IFREG | 0o755, Hash: stone.HashOf([]byte("shared")),
		Xattrs: []stone.Xattr{{Name: "user.b", Value: []byte("1")}, {Name: "user.a", Value: []byte("2")}}}
	shared := unpack(testutil.Stone{Name: "shared", Layouts: []stone.Layout{labelled}, Files: testutil.Tree{
		"lib/shared": "shared", "lib/setuid": "4755:shared", "lib/only": "a content without a twin", "lib/link": "-> shared",
		"lib/empty": "", "share/folder/": "", "share/deep/er/file": "deep"}})
	first := unpack(testutil.Stone{Name: "own", Files: testutil.Tree{"bin/own": "first"}})
	second := unpack(testutil.Stone{Name: "own", Version: "2", Files: testutil.Tree{"bin/own": "second"}})
	m.activate(m.make(request{add: []state.Package{shared, first}}))
	m.activate(m.make(request{add: []state.Package{second}}))
	return m, stones
}

func (m *machine) verify(ids ...state.ID) []string {
	m.t.Helper()
	found, err := m.s.Verify(m.t.Context(), &verify.Checker{}, ids)
	if err != nil {
		m.t.Fatal(err)
	}
	return lines(found)
}

func lines(found []verify.Finding) []string {
	all := []string{}
	for _, f := range found {
		all = append(all, fmt.Sprintf("%d %s %s", f.State, f.Path, f.What))
	}
	return all
}

func (m *machine) repair(fetch map[string]string) []verify.Finding {
	m.t.Helper()
	found, err := m.s.Repair(m.t.Context(), &verify.Checker{}, store.RepairOptions{Log: func(line string) { m.t.Log(line) },
		Fetch: func(_ context.Context, ids []string) (map[string]string, error) { return fetch, nil }})
	if err != nil {
		m.t.Fatal(err)
	}
	return found
}

func (m *machine) at(path string) string { return filepath.Join(m.root, path) }

// assetOf is the path of the asset of a content with mode 0644.
func (m *machine) assetOf(body string, mode uint32) string {
	return m.at(".moss/assets/" + asset.Name(stone.Layout{Mode: unix.S_IFREG | mode, Hash: stone.HashOf([]byte(body))}))
}

func (m *machine) overwrite(path, body string) {
	m.t.Helper()
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// damage is one kind of harm, what a verification says, and what a repair leaves.
type damage struct {
	name  string
	harm  func(*machine)
	found []string // "state path what"
	left  []string
}

func damages() []damage {
	return []damage{
		{"content of a file of its own", func(m *machine) {
			m.must(os.Remove(m.at("usr/bin/own")))
			m.overwrite(m.at("usr/bin/own"), "SECOND")
		}, []string{"2 /usr/bin/own content"}, nil},
		{"content of one inode under several names", func(m *machine) { m.overwrite(m.at("usr/lib/shared"), "SHARED") },
			[]string{"0 ASSET shared 644 content", "1 /usr/lib/shared content", "2 /usr/lib/shared content"}, nil},
		{"a file cut short", func(m *machine) { m.must(os.Truncate(m.at("usr/lib/shared"), 1)) },
			[]string{"0 ASSET shared 644 content", "1 /usr/lib/shared content", "2 /usr/lib/shared content"}, nil},
		{"mode", func(m *machine) { m.must(os.Chmod(m.at("usr/lib/shared"), 0o600)) },
			[]string{"0 ASSET shared 644 mode", "1 /usr/lib/shared mode", "2 /usr/lib/shared mode"}, nil},
		{"setuid lost by a chown", func(m *machine) { m.must(os.Chown(m.at("usr/lib/setuid"), 1, 2)) },
			[]string{"0 ASSET shared 4755 mode", "0 ASSET shared 4755 owner", "1 /usr/lib/setuid mode", "1 /usr/lib/setuid owner",
				"2 /usr/lib/setuid mode", "2 /usr/lib/setuid owner"}, nil},
		{"xattr added", func(m *machine) { m.must(unix.Setxattr(m.at("usr/lib/only"), "user.x", []byte("y"), 0)) },
			[]string{"0 ASSET a content without a twin 644 xattrs", "1 /usr/lib/only xattrs", "2 /usr/lib/only xattrs"}, nil},
		{"link text", func(m *machine) {
			m.must(os.Remove(m.at("usr/lib/link")))
			m.must(os.Symlink("/etc/passwd", m.at("usr/lib/link")))
		}, []string{"2 /usr/lib/link link"}, nil},
		{"owner of a link", func(m *machine) { m.must(os.Lchown(m.at("usr/lib/link"), 0, 7)) }, []string{"2 /usr/lib/link owner"}, nil},
		{"kind: a folder where a file was", func(m *machine) {
			m.must(os.Remove(m.at("usr/lib/shared")))
			m.must(os.MkdirAll(m.at("usr/lib/shared/inner"), 0o755))
		}, []string{"2 /usr/lib/shared kind"}, nil},
		{"kind: a symlink where a folder was", func(m *machine) {
			m.must(os.RemoveAll(m.at("usr/share/deep")))
			m.must(os.Symlink("/etc", m.at("usr/share/deep")))
		}, []string{"2 /usr/share/deep kind", "2 /usr/share/deep/er missing", "2 /usr/share/deep/er/file missing"}, nil},
		{"kind: a fifo where a file was", func(m *machine) {
			m.must(os.Remove(m.at("usr/lib/empty")))
			m.must(unix.Mkfifo(m.at("usr/lib/empty"), 0o644))
		}, []string{"2 /usr/lib/empty kind"}, nil},
		{"missing", func(m *machine) {
			for _, p := range []string{"lib/link", "lib/only", "lib/empty", "share/folder"} {
				m.must(os.Remove(m.at(".moss/root/1/usr/" + p)))
			}
		}, []string{"1 /usr/lib/empty missing", "1 /usr/lib/link missing", "1 /usr/lib/only missing", "1 /usr/share/folder missing"}, nil},
		{"an empty file that holds something", func(m *machine) { m.overwrite(m.at("usr/lib/empty"), "x") }, []string{"2 /usr/lib/empty content"}, nil},
		{"folder's mode and owner", func(m *machine) {
			m.must(os.Chown(m.at("usr/share/folder"), 3, 3))
			m.must(os.Chmod(m.at("usr/share/folder"), 0o700))
			m.must(unix.Setxattr(m.at("usr/share/folder"), "user.x", []byte("y"), 0))
		}, []string{"2 /usr/share/folder mode", "2 /usr/share/folder owner", "2 /usr/share/folder xattrs"}, nil},
		{"mode of /usr", func(m *machine) { m.must(os.Chmod(m.at("usr"), 0o700)) }, []string{"2 /usr mode"}, nil},
		{"extra files", func(m *machine) {
			testutil.Tree{"usr/lib/stray": "mine", "usr/local/bin/tool": "mine", ".moss/root/1/usr/stray": "old"}.Create(m.t, m.root)
		}, []string{"1 /usr/stray extra", "2 /usr/lib/stray extra", "2 /usr/local extra"}, nil},
		{"asset missing", func(m *machine) { m.must(os.Remove(m.assetOf("first", 0o644))) }, []string{"0 ASSET first 644 missing"}, nil},
		{"asset that nothing names, damaged", func(m *machine) {
			m.overwrite(m.assetOf("nobody's", 0o644), "other")
		}, []string{"0 ASSET nobody's 644 content"}, nil},
		{"no asset's name", func(m *machine) { m.overwrite(m.at(".moss/assets/00/readme"), "x") }, []string{"0 /.moss/assets/00/readme extra"}, nil},
		{"seal lost", func(m *machine) { m.must(os.Remove(m.at(".moss/root/1/usr/.stateID"))) }, []string{"1 /usr/.stateID seal"}, nil},
		{"live seal garbled", func(m *machine) { m.overwrite(m.at("usr/.stateID"), "two") }, []string{"2 /usr/.stateID seal"}, nil},
		{"manifest damaged", func(m *machine) { m.overwrite(m.at(".moss/manifests/1"), "x") }, []string{"1 /.moss/manifests/1 record"}, nil},
		{"manifest damaged and the tree too", func(m *machine) {
			m.overwrite(m.at(".moss/manifests/1"), "x")
			m.must(os.Remove(m.at(".moss/root/1/usr/bin/own")))
		}, []string{"1 /.moss/manifests/1 record"}, nil},
		{"manifest damaged and a stranger in the tree", func(m *machine) {
			m.overwrite(m.at(".moss/manifests/1"), "x")
			m.overwrite(m.at(".moss/root/1/usr/stray"), "x")
		}, []string{"1 /.moss/manifests/1 record"}, []string{"1 /.moss/manifests/1 record"}},
		{"tree without a row", func(m *machine) {
			testutil.Tree{".moss/root/77/usr/.stateID": "77"}.Create(m.t, m.root)
		}, []string{"0 /.moss/root/77 extra"}, nil},
		{"row without a tree", func(m *machine) { m.must(os.RemoveAll(m.at(".moss/root/1"))) }, []string{"1 /usr missing"}, []string{"1 /usr missing"}},
		{"the only copy of a content", func(m *machine) { m.overwrite(m.at("usr/lib/only"), "x") },
			[]string{"0 ASSET a content without a twin 644 content", "1 /usr/lib/only content", "2 /usr/lib/only content"},
			[]string{"0 ASSET a content without a twin 644 content", "1 /usr/lib/only content", "2 /usr/lib/only content"}},
	}
}

// spell puts the names of assets into expectations.
func (m *machine) spell(want []string) []string {
	all := []string{}
	for _, line := range want {
		if rest, ok := strings.CutPrefix(line, "0 ASSET "); ok {
			words := strings.Fields(rest)
			body, mode, what := strings.Join(words[:len(words)-2], " "), uint32(0), words[len(words)-1]
			_, err := fmt.Sscanf(words[len(words)-2], "%o", &mode)
			m.must(err)
			line = "0 /" + strings.TrimPrefix(m.assetOf(body, mode), m.root+"/") + " " + what
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

func TestEveryDamageIsFoundAndMended(t *testing.T) {
	for _, d := range damages() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			m, _ := two(t)
			if got := m.verify(); len(got) != 0 {
				t.Fatalf("before any damage: %q", got)
			}
			d.harm(m)
			before := testutil.List(t, m.root)
			got := m.verify()
			slices.Sort(got)
			if want := m.spell(d.found); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if after := testutil.List(t, m.root); !slices.Equal(before, after) {
				t.Error("a verification that repairs nothing changed something")
			}
			said := m.repair(nil)
			left := m.verify()
			slices.Sort(left)
			if want := m.spell(d.left); !slices.Equal(left, want) {
				t.Errorf("after the repair: got %q, want %q", left, want)
			}
			for _, f := range said {
				if still := slices.Contains(left, lines([]verify.Finding{f})[0]); still == f.Repaired {
					t.Errorf("%v: repaired %v, still there %v", f, f.Repaired, still)
				}
			}
		})
	}
}

// TestDamagedInodeIsNeverWritten: its other names may be anybody's, and whoever has
// it open must not see it change under them.
func TestDamagedInodeIsNeverWritten(t *testing.T) {
	m, _ := two(t)
	m.overwrite(m.at("usr/lib/shared"), "SHARED")
	held, err := os.Open(m.at("usr/lib/shared"))
	m.must(err)
	defer held.Close()
	m.must(os.Link(m.at("usr/lib/shared"), m.at("elsewhere")))
	m.repair(nil)
	for _, p := range []string{"usr/lib/shared", ".moss/root/1/usr/lib/shared"} {
		if got := m.read(p); got != "shared" {
			t.Errorf("%s: got %q, want it mended", p, got)
		}
	}
	if got := m.read("elsewhere"); got != "SHARED" {
		t.Errorf("got %q, want the damaged file as it was", got)
	}
	a, _ := os.Stat(m.at("usr/lib/shared"))
	b, _ := os.Stat(m.at(".moss/root/1/usr/lib/shared"))
	c, _ := os.Stat(m.assetOf("shared", 0o644))
	if !os.SameFile(a, b) || !os.SameFile(a, c) {
		t.Error("the mended names are not one file any more")
	}
	if got := m.read("usr/lib/setuid"); got != "shared" {
		t.Errorf("the setuid twin holds %q", got)
	}
}

// TestLastCopyComesBack: from a cached download, or else from a repository.
func TestLastCopyComesBack(t *testing.T) {
	for _, from := range []string{"download", "damaged download, then repository", "repository"} {
		t.Run(from, func(t *testing.T) {
			m, stones := two(t)
			m.overwrite(m.at("usr/lib/only"), "x")
			m.overwrite(m.at(".moss/packages/"+slices.Sorted(keysOf(stones))[0]), "x")
			fetch := stones
			for id, file := range stones {
				data, err := os.ReadFile(file)
				m.must(err)
				switch {
				case from == "download":
					m.overwrite(filepath.Join(m.s.Downloads(), id), string(data))
					fetch = nil
				case strings.HasPrefix(from, "damaged"):
					m.overwrite(filepath.Join(m.s.Downloads(), id), string(data[1:]))
				}
			}
			for _, f := range m.repair(fetch) {
				if !f.Repaired {
					t.Errorf("left: %v", f)
				}
			}
			if got := m.verify(); len(got) != 0 {
				t.Errorf("after the repair: %q", got)
			}
		})
	}
}

func keysOf(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestLostAndFoundKeepsEverything: what is set aside is moved, not deleted, twice
// under one name as well.
func TestLostAndFoundKeepsEverything(t *testing.T) {
	m, _ := two(t)
	for _, body := range []string{"one", "two"} {
		testutil.Tree{"usr/local/tool": body}.Create(t, m.root)
		m.repair(nil)
	}
	for path, want := range map[string]string{"2/local/tool": "one", "2.~2~/local/tool": "two"} {
		if got := m.read(".moss/lost+found/" + path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if info, err := os.Stat(m.at(".moss/lost+found")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want a folder for root alone", info, err)
	}
}

func TestVerifyOfNamedStates(t *testing.T) {
	m, _ := two(t)
	m.must(os.Remove(m.at(".moss/root/1/usr/bin/own")))
	m.must(os.Remove(m.at("usr/bin/own")))
	if got, want := m.verify(1), []string{"1 /usr/bin/own missing"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := m.s.Verify(t.Context(), &verify.Checker{}, []state.ID{9}); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("got %v, want %v", err, state.ErrNotFound)
	}
}

// TestUntouchedStoreIsClean: whatever is installed, a verification finds nothing.
func TestUntouchedStoreIsClean(t *testing.T) {
	m, n := newMachine(t), 0
	rapid.Check(testutil.Seeded(t), func(r *rapid.T) {
		n++
		files := testutil.Tree{}
		for range rapid.IntRange(0, 12).Draw(r, "files") {
			name := rapid.StringMatching(`[a-c]{1,2}/[a-c~.+-]{1,3}x`).Draw(r, "name")
			files[name] = rapid.SampledFrom([]string{"", "1", "4755:1", "0600:1", "-> a", "22"}).Draw(r, "what")
		}
		p := m.unpack(testutil.Stone{Name: fmt.Sprint("p", n), Files: files})
		after := store.Choice{Packages: []store.Chosen{{Package: p[0], Explicit: true}}}
		planned, err := m.s.Plan(after, nil)
		m.must(err)
		stage, err := m.s.Stage(t.Context(), planned, nil)
		m.must(err)
		id, err := stage.Seal(state.State{Selections: after.Selections()})
		m.must(err)
		m.activate(id)
		if got := m.verify(state.ID(n)); len(got) != 0 {
			r.Errorf("got %q, want nothing", got)
		}
	})
	if got := m.verify(); len(got) != 0 {
		t.Errorf("in the end: got %q, want nothing", got)
	}
}
