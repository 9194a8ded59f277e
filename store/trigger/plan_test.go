package trigger_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"moss/internal/testutil"
	"moss/store/stone"
	"moss/store/tree"
	"moss/store/trigger"
)

func entries(t testing.TB, names ...string) *tree.Tree {
	t.Helper()
	p := tree.Package{ID: "p", Name: "p"}
	for _, name := range names {
		l := stone.Layout{Path: strings.TrimSuffix(name, "/"), Mode: unix.S_IFREG | 0o644}
		if strings.HasSuffix(name, "/") {
			l.Mode = unix.S_IFDIR | 0o755
		}
		if path, target, ok := strings.Cut(name, " -> "); ok {
			l.Path, l.Target, l.Mode = path, target, unix.S_IFLNK|0o777
		}
		p.Entries = append(p.Entries, tree.Entry{Layout: l})
	}
	built, err := tree.Build([]tree.Package{p})
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func parse(t testing.TB, text string) *trigger.Trigger {
	t.Helper()
	one, err := trigger.Parse("/usr/x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// world is one in which nothing inhibits.
func world() trigger.World { return trigger.World{Exists: func(string) bool { return false }} }

func planned(t testing.TB, tr *tree.Tree, triggers ...*trigger.Trigger) []string {
	t.Helper()
	jobs, err := trigger.Make(trigger.Transaction, triggers, tr, world())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, job := range jobs {
		for _, c := range job.Commands {
			lines = append(lines, job.Name+": "+c.String())
		}
	}
	return lines
}

// glob is a trigger that prints each path's captures.
func glob(t testing.TB, pattern, args string) *trigger.Trigger {
	return parse(t, fmt.Sprintf("name: g\ndescription: d\nhandlers: {e: {run: e, args: [%q]}}\npaths: {%q: {handlers: [e]}}\n", args, pattern))
}

func TestGlobs(t *testing.T) {
	tr := entries(t, "lib/modules/6.1/kernel/a.ko", "lib/modules/6.2+x/kernel/", "lib/x.so", "lib/xyso", "lib/x.so.1", "lib/deep/er/x.so", "share/a(b)/c", "share/ü", "share/dir/a-b", "share/dir-x")
	for _, c := range []struct{ pattern, args, want string }{
		{"/usr/lib/modules/(version:*)/kernel", "$(version)", "e 6.1|e 6.2+x"},
		{"/usr/lib/(a:*)/(b:*)/kernel", "$(b) $(a) $(c)", "e 6.1 modules $(c)|e 6.2+x modules $(c)"},
		{"/usr/lib/*.so", "x", "e x"},
		{"/usr/lib/x.so", "dot", "e dot"}, // text is text: xyso is no match
		{"/usr/lib/(f:x?so)", "$(f)", "e x.so|e xyso"},
		{"/usr/lib/(f:**.so)", "$(f)", "e deep/er/x.so|e x.so"},
		{"/usr/lib/**/x.so", "deep", "e deep"},
		{"/usr/lib/pre(f:*)", "$(f)", ""},
		{"/usr/lib/x(f:.so)(g:*)", "$(f)+$(g)", "e .so+|e .so+.1"}, // text before a group comes before it
		{"/usr/share/a?b?/c", "q", "e q"},
		{"/usr/share/(u:?)", "$(u)", "e ü"},
		{"/usr/share/di?/*", "s", "e s"},
		{"/usr/share/dir(x:?)*", "$(x)", "e -"}, // ? is no slash
		{"/usr/share/d", "anchored", ""},
		{"/usr/hare/dir", "anchored", ""},
		{"/usr/**", "$(x)", "e $(x)"},
	} {
		var want []string
		for _, w := range strings.Split(c.want, "|") {
			if w != "" {
				want = append(want, "g: "+w)
			}
		}
		if diff := cmp.Diff(want, planned(t, tr, glob(t, c.pattern, c.args))); diff != "" {
			t.Errorf("%s: %s", c.pattern, diff)
		}
	}
}

// TestGlobAgreesWithSearchingEverything: looking only where the literal text
// leads finds what a search through all paths finds.
func TestGlobAgreesWithSearchingEverything(t *testing.T) {
	piece := rapid.StringMatching(`[ab.]{1,2}`)
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"*", "**", "?", "a", "b", "/", "a.b", "(g:*)"}), 1, 5).Draw(t, "glob")
		pattern := "/usr/" + strings.Join(parts, "")
		if strings.Count(pattern, "(") > 1 {
			return
		}
		var names []string
		for range rapid.IntRange(1, 12).Draw(t, "count") {
			names = append(names, strings.Join(rapid.SliceOfN(piece, 1, 3).Draw(t, "path"), "/"))
		}
		p := &tree.Tree{Packages: []string{"p"}}
		seen := map[string]bool{}
		for _, n := range names {
			if tree.CheckPath(n) == nil && !seen[n] {
				seen[n] = true
				p.Entries = append(p.Entries, tree.Entry{Layout: stone.Layout{Path: n, Mode: unix.S_IFREG}})
			}
		}
		p = tree.Own(tree.Package{ID: "p", Entries: p.Entries})
		one, err := trigger.Parse("/usr/x.yaml", []byte(fmt.Sprintf("name: g\ndescription: d\nhandlers: {e: {run: e}}\npaths: {%q: {handlers: [e]}}\n", pattern)))
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		one.Matched(p, func(e tree.Entry) { got = append(got, e.Path) })
		for _, e := range p.Entries {
			if slow(pattern, "/usr/"+e.Path) {
				want = append(want, e.Path)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: %s", pattern, diff)
		}
	})
}

// slow matches by trying everything.
func slow(glob, path string) bool {
	switch {
	case glob == "":
		return path == ""
	case strings.HasPrefix(glob, "(g:*)"):
		return slow("\x01"+glob[5:], path) // a star that does not melt with one behind it
	case glob[0] == 1:
		return slow(glob[1:], path) || path != "" && path[0] != '/' && slow(glob, path[1:])
	case strings.HasPrefix(glob, "**"):
		return slow(glob[2:], path) || path != "" && slow(glob, path[1:])
	case glob[0] == '*':
		return slow(glob[1:], path) || path != "" && path[0] != '/' && slow(glob, path[1:])
	}
	return path != "" && (glob[0] == path[0] || glob[0] == '?' && path[0] != '/') && slow(glob[1:], path[1:])
}

func TestTypeFilters(t *testing.T) {
	tr := entries(t, "a/dir/", "a/file", "a/link -> file")
	for kind, want := range map[string][]string{"": {"dir", "file", "link"}, "directory": {"dir"}, "symlink": {"link"}} {
		one := parse(t, "name: k\ndescription: d\nhandlers: {e: {run: '$(p)'}}\npaths: {'/usr/a/(p:*)': {handlers: [e], type: '"+kind+"'}}\n")
		var names []string
		for _, line := range planned(t, tr, one) {
			names = append(names, strings.TrimPrefix(line, "k: "))
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%q: %s", kind, diff)
		}
	}
}

func TestIdenticalCommandsRunOnce(t *testing.T) {
	tr := entries(t, "share/a/1", "share/a/2", "share/b/1")
	one := parse(t, `{name: n, description: d, handlers: {e: {run: upd, args: ["$(d)"]}, all: {run: all}}, paths: {"/usr/share/(d:*)/*": {handlers: [e, all]}, "/usr/share/**": {handlers: [all]}}}`)
	if diff := cmp.Diff([]string{"n: upd a", "n: all", "n: upd b"}, planned(t, tr, one)); diff != "" {
		t.Error(diff)
	}
}

// TestWhatAPathSaysIsNotExpandedAgain: a file name is not a handler's author.
func TestWhatAPathSaysIsNotExpandedAgain(t *testing.T) {
	tr := entries(t, "share/$(b)/x;rm")
	one := parse(t, `{name: n, description: d, handlers: {e: {run: "$(a)", args: ["$(a)$(b)"], }}, paths: {"/usr/share/(a:*)/(b:*)": {handlers: [e]}}}`)
	jobs, err := trigger.Make(trigger.Transaction, []*trigger.Trigger{one}, tr, world())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"$(b)", "$(b)x;rm"}, jobs[0].Commands[0].Run); diff != "" {
		t.Error(diff)
	}
}

func named(t testing.TB, name, more string) *trigger.Trigger {
	return parse(t, fmt.Sprintf("name: %s\ndescription: d\nhandlers: {e: {run: e}}\npaths: {/usr/%s: {handlers: [e]}}\n%s\n", name, name, more))
}

func TestOrder(t *testing.T) {
	all := []*trigger.Trigger{named(t, "d", ""), named(t, "c", "before: a"), named(t, "b", "after: [d, nobody]"), named(t, "a", ""), named(t, "m", "{after: x, before: b}"[1:9]), named(t, "x", "after: d")}
	got := planned(t, entries(t, "a", "b", "c", "d", "x"), all...)
	if diff := cmp.Diff([]string{"c: e", "a: e", "d: e", "b: e", "x: e"}, got); diff != "" {
		t.Error(diff)
	}
	// b before m before a holds for b and a although m has nothing to do.
	through := []*trigger.Trigger{named(t, "a", ""), named(t, "m", "before: a"), named(t, "b", "before: m")}
	if diff := cmp.Diff([]string{"b: e", "a: e"}, planned(t, entries(t, "a", "b"), through...)); diff != "" {
		t.Error(diff)
	}
}

func TestCycleIsNamed(t *testing.T) {
	all := []*trigger.Trigger{named(t, "a", "before: b"), named(t, "b", "before: c"), named(t, "c", "before: a"), named(t, "z", "after: a")}
	_, err := trigger.Make(trigger.Transaction, all, entries(t, "z"), world())
	var cycle *trigger.CycleError
	if !errors.As(err, &cycle) || !strings.Contains(err.Error(), "a -> b -> c -> a") {
		t.Errorf("got %v", err)
	}
}

func TestInhibitors(t *testing.T) {
	one := parse(t, "name: n\ndescription: d\ninhibitors: {paths: [/etc/no], environment: [live]}\nhandlers: {e: {run: e}}\npaths: {/usr/a: {handlers: [e]}}\n")
	for want, w := range map[string]trigger.World{
		"":                           {Exists: func(string) bool { return false }, Environment: []string{"chroot"}},
		"/etc/no exists":             {Exists: func(p string) bool { return p == "/etc/no" }},
		"this is a live environment": {Exists: func(string) bool { return true }, Environment: []string{"chroot", "live"}},
	} {
		jobs, err := trigger.Make(trigger.System, []*trigger.Trigger{one}, entries(t, "a"), w)
		if err != nil || len(jobs) != 1 || jobs[0].Inhibited != want {
			t.Errorf("got %+v, %v, want %q", jobs, err, want)
		}
	}
}

func TestDeleteIsBounded(t *testing.T) {
	tr := entries(t, "share/x")
	for path, ok := range map[string][2]bool{"/usr/share/x": {true, false}, "/usr": {}, "/usr/": {}, "/etc/x/y": {false, true}, "/etc": {}, "/": {}, "share": {},
		"/var/lib/../../usr/bin": {}, "/var/lib/x": {false, true}, "/usr/../etc/x": {}} {
		one := parse(t, fmt.Sprintf("name: n\ndescription: d\nhandlers: {e: {delete: [%q]}}\npaths: {/usr/share/x: {handlers: [e]}}\n", path))
		for i, scope := range []trigger.Scope{trigger.Transaction, trigger.System} {
			if _, err := trigger.Make(scope, []*trigger.Trigger{one}, tr, world()); (err == nil) != ok[i] {
				t.Errorf("%s in %s: got %v", path, scope, err)
			}
		}
	}
}

func TestBrokenFilesAreRefused(t *testing.T) {
	const good = "name: n\ndescription: d\nhandlers: {e: {run: e}}\npaths: {/usr/a: {handlers: [e]}}\n"
	parse(t, good)
	for want, text := range map[string]string{
		"it is empty":                  "",
		"line 5: field needs":          good + "needs: x\n",
		"field runs not found":         strings.Replace(good, "{run: e}", "{runs: e}", 1),
		"field kind not found":         strings.Replace(good, "{handlers: [e]}", "{handlers: [e], kind: x}", 1),
		"more than one document":       good + "---\n" + good,
		"name \"\"":                    strings.Replace(good, "name: n", "name: ''", 1),
		"name \"a/b\"":                 strings.Replace(good, "name: n", "name: a/b", 1),
		"description is missing":       strings.Replace(good, "description: d", "description: ''", 1),
		"paths is missing":             "name: n\ndescription: d\n",
		"no handler \"f\"":             strings.Replace(good, "[e]", "[f]", 1),
		"handlers is missing":          strings.Replace(good, "[e]", "[]", 1),
		"neither run nor delete":       strings.Replace(good, "run: e", "run: ''", 1),
		"both run and delete":          strings.Replace(good, "run: e", "run: e, delete: [/usr/x]", 1),
		"args without run":             strings.Replace(good, "run: e", "args: [x], delete: [/usr/x]", 1),
		"does not begin with /usr/":    strings.Replace(good, "/usr/a", "/etc/a", 1),
		"a ( without its )":            strings.Replace(good, "/usr/a", "'/usr/(x:a'", 1),
		"a ) without its (":            strings.Replace(good, "/usr/a", "'/usr/x)a'", 1),
		"a ( without name:":            strings.Replace(good, "/usr/a", "'/usr/(x)'", 1),
		"a group inside a group":       strings.Replace(good, "/usr/a", "'/usr/(x:(y:*))'", 1),
		"two groups named x":           strings.Replace(good, "/usr/a", "'/usr/(x:*)(x:*)'", 1),
		"type \"file\" must be one of": strings.Replace(good, "[e]", "[e], type: file", 1),
		"environment \"vm\" must be":   good + "inhibitors: {environment: [vm]}\n",
		"is not absolute":              good + "inhibitors: {paths: [etc/x]}\n",
		"cannot unmarshal":             good + "pure: [x]\n",
	} {
		_, err := trigger.Parse("/usr/share/moss/triggers/tx.d/x.yaml", []byte(text))
		var file *trigger.FileError
		if !errors.As(err, &file) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "tx.d/x.yaml") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestLoad(t *testing.T) {
	usr := t.TempDir()
	text := func(name string) string {
		return "name: " + name + "\ndescription: d\nhandlers: {e: {run: e}}\npaths: {/usr/a: {handlers: [e]}}\n"
	}
	testutil.Tree{trigger.Folder + "/tx.yaml": text("single"), trigger.Folder + "/tx.d/a.yaml": text("a"), trigger.Folder + "/tx.d/ignored.yml": "x",
		trigger.Folder + "/tx.d/link.yaml": "-> real", trigger.Folder + "/tx.d/real": text("linked"), trigger.Folder + "/sys.d/s.yaml": text("s")}.Create(t, usr)
	for scope, want := range map[trigger.Scope][]string{trigger.Transaction: {"a", "linked", "single"}, trigger.System: {"s"}} {
		all, err := trigger.Load(usr, scope)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, one := range all {
			names = append(names, one.Name)
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s: %s", scope, diff)
		}
	}
	for name, make := range map[string]func(string) error{
		"is taken by /usr/share/moss/triggers/tx.d/a.yaml": func(p string) error { return os.WriteFile(p, []byte(text("a")), 0o644) },
		"escapes":            func(p string) error { return os.Symlink("/etc/passwd", p) },
		"no such file":       func(p string) error { return os.Symlink("gone", p) },
		"not a regular file": func(p string) error { return unix.Mkfifo(p, 0o644) },
		"want at most":       func(p string) error { return os.WriteFile(p, make([]byte, 2<<20), 0o644) },
	} {
		at := filepath.Join(usr, trigger.Folder, "tx.d/zz.yaml")
		if err := make(at); err != nil {
			t.Fatal(err)
		}
		if _, err := trigger.Load(usr, trigger.Transaction); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "zz.yaml") {
			t.Errorf("got %v, want %q", err, name)
		}
		if err := os.Remove(at); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := trigger.Load(t.TempDir(), trigger.Transaction); err != nil || all != nil {
		t.Errorf("without a folder: got %v, %v", all, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: n\ndescription: d\nbefore: x\nhandlers: {e: {run: '$(v)'}}\npaths: {'/usr/(v:*)/**.?': {handlers: [e], type: symlink}}\n"))
	f.Add([]byte("name: n\ndescription: d\nafter: [a, b]\npure: true\nhandlers: {e: {delete: [/usr/x]}}\npaths: {'/usr/a': {handlers: [e]}}\n"))
	f.Add([]byte("a: &a [x]\nb: [*a, *a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err := trigger.Parse("/usr/x.yaml", data)
		if err != nil {
			return
		}
		if one.Name == "" || len(one.Paths) == 0 {
			t.Errorf("accepted %+v", one)
		}
		_, _ = trigger.Make(trigger.Transaction, []*trigger.Trigger{one}, entries(t, "a", "b/c", "b/d.e"), world())
	})
}

func FuzzGlob(f *testing.F) {
	for _, seed := range []string{"/usr/*", "/usr/**/(a:?)b", "/usr/(a:**)(b:*)", "/usr/[a].+"} {
		f.Add(seed, "a/b")
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if strings.ContainsAny(pattern, "()") || tree.CheckPath(path) != nil || len(path) > 12 || len(pattern) > 17 || !ascii(pattern+path) {
			return
		}
		one, err := trigger.Parse("/usr/x.yaml", []byte(fmt.Sprintf("name: g\ndescription: d\nhandlers: {e: {run: e}}\npaths: {%q: {handlers: [e]}}\n", pattern)))
		if err != nil {
			return
		}
		got := false
		one.Matched(entries(t, path), func(e tree.Entry) { got = got || e.Path == path })
		if want := slow(pattern, "/usr/"+path); got != want {
			t.Errorf("%q on %q: got %v, want %v", pattern, path, got, want)
		}
	})
}

func ascii(text string) bool {
	for _, r := range text {
		if r >= 0x7f || r < ' ' {
			return false
		}
	}
	return true
}

// BenchmarkMake plans 60 triggers, a third of them with globs that begin with a
// wildcard, over 250,000 paths.
func BenchmarkMake(b *testing.B) {
	var names []string
	for i := range 250_000 {
		names = append(names, fmt.Sprintf("share/doc/package-%d/file-%d.txt", i%4000, i))
	}
	tr := entries(b, names...)
	var all []*trigger.Trigger
	for i := range 60 {
		pattern := fmt.Sprintf("/usr/share/mime-%d/(x:*)/**", i)
		if i%3 == 0 {
			pattern = fmt.Sprintf("/usr/**/lib%d-*.(x:so*)", i)
		}
		all = append(all, parse(b, fmt.Sprintf("name: t%d\ndescription: d\nhandlers: {e: {run: '$(x)'}}\npaths: {%q: {handlers: [e]}}\n", i, pattern)))
	}
	for b.Loop() {
		if _, err := trigger.Make(trigger.Transaction, all, tr, world()); err != nil {
			b.Fatal(err)
		}
	}
}
