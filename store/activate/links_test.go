package activate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
	"moss/store/activate"
)

// rootNames describes what is at the root: the text of a link, or "a folder".
func rootNames(t *testing.T, r *activate.Root) map[string]string {
	t.Helper()
	found := map[string]string{}
	names, err := os.ReadDir(r.Dir())
	must(t, err)
	for _, name := range names {
		if name.Name() == "usr" || name.Name() == ".moss" {
			continue
		}
		found[name.Name()] = "a folder"
		if text, err := os.Readlink(filepath.Join(r.Dir(), name.Name())); err == nil {
			found[name.Name()] = text
		}
	}
	return found
}

type names = map[string]string

var linkCases = []struct {
	name string
	tree testutil.Tree
	want names
}{
	{"missing", testutil.Tree{"usr/bin/": "", "usr/lib/": "", "usr/lib32/": ""},
		names{"bin": "usr/bin", "sbin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib", "lib32": "usr/lib32"}},
	{"nothing to lead to", testutil.Tree{"usr/share/": ""}, names{}},
	{"sbin has come", testutil.Tree{"sbin": "-> usr/bin", "usr/bin/": "", "usr/sbin/init": "x"},
		names{"bin": "usr/bin", "sbin": "usr/sbin"}},
	{"sbin has gone", testutil.Tree{"sbin": "-> usr/sbin", "usr/bin/": ""}, names{"bin": "usr/bin", "sbin": "usr/bin"}},
	{"lib64 has come", testutil.Tree{"lib": "-> usr/lib", "lib64": "-> usr/lib", "usr/lib/": "", "usr/lib64/ld-linux-x86-64.so.2": "x"},
		names{"lib": "usr/lib", "lib64": "usr/lib64"}},
	{"lib64 has gone", testutil.Tree{"lib64": "-> usr/lib64", "usr/lib/ld-linux-x86-64.so.2": "x"}, names{"lib": "usr/lib", "lib64": "usr/lib"}},
	{"a stray lib64 does not take the loader away", testutil.Tree{"lib64": "-> usr/lib", "usr/lib/ld-linux-x86-64.so.2": "x", "usr/lib64/stray.so": "x"},
		names{"lib": "usr/lib", "lib64": "usr/lib"}},
	{"a stray sbin does not take init away", testutil.Tree{"usr/bin/init": "x", "usr/sbin/stray": "x"}, names{"bin": "usr/bin", "sbin": "usr/bin"}},
	{"the first when both or none serve", testutil.Tree{"sbin": "-> usr/bin", "usr/bin/tool": "x", "usr/sbin/tool": "x", "usr/lib/ld64.so.2": "x", "usr/lib64/ld64.so.2": "x"},
		names{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}},
	{"the same place by another way stays", testutil.Tree{"sbin": "-> usr/sbin", "lib64": "-> usr/lib", "usr/bin/init": "x", "usr/sbin": "-> bin", "usr/lib/": "", "usr/lib64": "-> ../usr/lib"},
		names{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib"}},
	{"a link out of the tree is no place", testutil.Tree{"usr/bin/": "", "usr/sbin": "-> ../opt", "opt/": ""},
		names{"bin": "usr/bin", "sbin": "usr/bin", "opt": "a folder"}},
	{"ours stays where there is no place", testutil.Tree{"lib32": "-> usr/lib32", "usr/share/": ""}, names{"lib32": "usr/lib32"}},
	{"the owner's links", testutil.Tree{"sbin": "-> /opt/sbin", "lib64": "-> /usr/lib64", "lib": "-> nowhere", "bin": "-> usr/sbin", "usr/bin/": "", "usr/sbin/init": "x", "usr/lib/": ""},
		names{"sbin": "/opt/sbin", "lib64": "/usr/lib64", "lib": "nowhere", "bin": "usr/sbin"}},
	{"folders of their own", testutil.Tree{"bin/sh": "x", "sbin/": "", "lib/": "", "lib64/": "", "lib32": "a file", "usr/bin/": "", "usr/sbin/": "", "usr/lib/": "", "usr/lib64/": "", "usr/lib32/": ""},
		names{"bin": "a folder", "sbin": "a folder", "lib": "a folder", "lib64": "a folder", "lib32": "a folder"}},
	{"what a cut has left", testutil.Tree{".sbin.moss-link": "-> usr/sbin", ".bin.moss-link": "-> usr/bin", "sbin": "-> usr/bin", "usr/bin/": "", "usr/sbin/init": "x"},
		names{"bin": "usr/bin", "sbin": "usr/sbin"}},
	{"what a cut has left, with nothing to do", testutil.Tree{".sbin.moss-link": "-> usr/sbin", "bin": "-> usr/bin", "sbin": "-> usr/bin", "usr/bin/": ""},
		names{"bin": "usr/bin", "sbin": "usr/bin"}},
}

func TestLinks(t *testing.T) {
	for _, tt := range linkCases {
		t.Run(tt.name, func(t *testing.T) {
			r := installation(t, tt.tree)
			before := testutil.List(t, r.Dir())
			wrong := r.WrongLinks()
			if diff := cmp.Diff(before, testutil.List(t, r.Dir())); diff != "" {
				t.Errorf("looking has changed something:\n%s", diff)
			}
			must(t, r.Links())
			if diff := cmp.Diff(tt.want, rootNames(t, r)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for _, link := range wrong {
				if tt.want[link.Name] != link.Target || link.Was == link.Target {
					t.Errorf("got %+v announced, want %q", link, tt.want[link.Name])
				}
			}
			if again := r.WrongLinks(); again != nil {
				t.Errorf("got %v, want nothing the second time", again)
			}
		})
	}
}

// A link that is right is not made again: early boot would have to make the
// root writable for it.
func TestRightLinksAreNotWritten(t *testing.T) {
	r := installation(t, testutil.Tree{"bin": "-> usr/bin", "sbin": "-> usr/bin", "usr/bin/": ""})
	before, err := os.Lstat(filepath.Join(r.Dir(), "sbin"))
	must(t, err)
	must(t, r.Links())
	after, err := os.Lstat(filepath.Join(r.Dir(), "sbin"))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("got another link, %v", err)
	}
}

func TestLinkThatCannotBeMadeKeepsNoOther(t *testing.T) {
	r := installation(t, testutil.Tree{"sbin": "-> usr/bin", ".sbin.moss-link": "not ours", "lib64": "-> usr/lib", "usr/bin/": "", "usr/sbin/": "", "usr/lib/": "", "usr/lib64/": ""})
	err := r.Links()
	if err == nil || !strings.HasPrefix(err.Error(), "make root link /sbin to usr/sbin: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	want := names{"bin": "usr/bin", "sbin": "usr/bin", ".sbin.moss-link": "a folder", "lib": "usr/lib", "lib64": "usr/lib64"}
	if diff := cmp.Diff(want, rootNames(t, r)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestLinkSaysWhatItDoes(t *testing.T) {
	for want, link := range map[string]activate.Link{
		"/sbin was missing and is a link to usr/bin now":         {Name: "sbin", Target: "usr/bin"},
		"/sbin was a link to usr/bin and is one to usr/sbin now": {Name: "sbin", Target: "usr/sbin", Was: "usr/bin"},
	} {
		if got := link.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRootLinksOfArchivedTree(t *testing.T) {
	r := installation(t, testutil.Tree{
		"sbin": "-> usr/bin", "lib": "-> elsewhere", "bin/": "", "usr/bin/": "",
		".moss/root/2/usr/bin/": "", ".moss/root/2/usr/sbin/": "", ".moss/root/2/usr/lib/": "",
	})
	want := names{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "elsewhere", "lib64": "usr/lib"}
	if diff := cmp.Diff(want, r.RootLinks(r.Archive(2))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The first state had usr/bin and usr/lib only; a base system with usr/sbin and
// usr/lib64 must be able to follow it, and the first state to come back.
func TestBaseSystemAfterSmallState(t *testing.T) {
	r := realSystem(t)
	must(t, os.WriteFile(filepath.Join(r.Usr(), ".stateID"), []byte("2"), 0o644))
	must(t, os.MkdirAll(filepath.Dir(r.Archive(2)), 0o755))
	must(t, os.Rename(r.Usr(), r.Archive(2)))
	testutil.Tree{"usr/bin/tool": "x", "usr/lib/": "", "usr/.stateID": "1", "opt/": ""}.Create(t, r.Dir())
	must(t, r.Links())
	first := rootNames(t, r)
	if first["sbin"] != "usr/bin" || first["lib64"] != "usr/lib" {
		t.Fatalf("got %v, want the links of the small state", first)
	}
	must(t, r.Check(r.Archive(2), activate.Checks{Init: "/sbin/init"}))
	must(t, r.Exchange(2))
	must(t, r.Check(r.Usr(), activate.Checks{Init: "/sbin/init"})) // as after a cut between the two
	must(t, r.Links())
	must(t, r.Check(r.Usr(), activate.Checks{Init: "/sbin/init"}))
	for _, name := range []string{"sbin/init", strings.TrimPrefix(linker, "/")} {
		if _, err := os.Stat(filepath.Join(r.Dir(), name)); err != nil {
			t.Error(err)
		}
	}
	must(t, r.Exchange(1))
	must(t, r.Links())
	if diff := cmp.Diff(first, rootNames(t, r)); diff != "" {
		t.Errorf("back in the small state: -want +got\n%s", diff)
	}
}

// The owner's link is judged as it is: it will not be put right.
func TestCheckHonoursTheOwnersLink(t *testing.T) {
	r := realSystem(t)
	link(t, r, "lib64", "usr/./lib")
	if err := r.Check(r.Usr(), activate.Checks{}); err == nil || !strings.Contains(err.Error(), "needs its interpreter, and "+linker+" leads to /usr/lib/ld-linux-x86-64.so.2, which is missing") {
		t.Errorf("got %v", err)
	}
	link(t, r, "lib64", "usr/lib")
	must(t, r.Check(r.Usr(), activate.Checks{}))
}

// A cut leaves the old link or the new one, and the next run finishes the work.
func TestLinksCutBeforeTheRename(t *testing.T) {
	r := installation(t, testutil.Tree{"sbin": "-> usr/bin", "usr/bin/": "", "usr/sbin/init": "x"})
	t.Setenv("MOSS_FAULT", "activate/linking:error")
	if err := r.Links(); (err != nil) != injected {
		t.Errorf("got %v, want an error only where faults are built in", err)
	}
	if text := rootNames(t, r)["sbin"]; injected && text != "usr/bin" {
		t.Errorf("got %q, want the old link", text)
	}
	t.Setenv("MOSS_FAULT", "")
	must(t, r.Links())
	if diff := cmp.Diff(names{"bin": "usr/bin", "sbin": "usr/sbin"}, rootNames(t, r)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A program that is being started through a root link finds it at every moment.
func TestLinkIsNeverMissing(t *testing.T) {
	r := installation(t, testutil.Tree{"bin": "-> usr/bin", "sbin": "-> usr/bin", "usr/bin/": ""})
	done, missed := make(chan struct{}), make(chan int)
	go func() {
		count := 0
		for {
			select {
			case <-done:
				missed <- count
				return
			default:
				if _, err := os.Lstat(filepath.Join(r.Dir(), "sbin")); err != nil {
					count++
				}
			}
		}
	}()
	var failed error
	for range 50 {
		failed = errors.Join(failed, os.Mkdir(filepath.Join(r.Usr(), "sbin"), 0o755), r.Links(),
			os.Remove(filepath.Join(r.Usr(), "sbin")), r.Links())
	}
	close(done)
	if count := <-missed; count > 0 || failed != nil {
		t.Errorf("/sbin was missing %d times while it was put right 100 times; %v", count, failed)
	}
}
