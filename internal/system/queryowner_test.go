package system_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store"
	"moss/store/tree"
)

// owned is a root with links to /usr, files of packages, and a stray.
func owned(t *testing.T) string {
	t.Helper()
	root := newRoot(t)
	tools := testutil.Stone{Name: "tools", Files: testutil.Tree{"bin/ed": "0755:ed", "bin/vi": "-> ed", "lib64": "-> lib", "lib/libx.so": "x", "share/tools/": ""}}
	install(t, options(root), base(), text(), tools)
	for _, link := range []string{"bin", "lib64"} {
		_ = os.Remove(filepath.Join(root, link)) // of the root's own making, or not there
	}
	testutil.Tree{
		"bin": "-> usr/bin", "lib64": "-> /usr/lib64", "etc/os-release": "-> ../usr/lib/os-release", "loop": "-> loop",
		"usr/bin/stray": "came later", "etc/passwd": "root",
	}.Create(t, root)
	return root
}

func describeOwner(o system.Owned) string {
	return o.Path + " " + o.Kind + " " + names(o.Packages, func(l system.Listed) string { return l.Name })
}

func TestOwners(t *testing.T) {
	root := owned(t)
	for path, want := range map[string]string{
		"/usr/bin/ed":                     "/usr/bin/ed package tools",
		"/bin/ed":                         "/usr/bin/ed package tools",
		"/usr/bin/vi":                     "/usr/bin/vi package tools", // the link, not what it names
		"/bin/../bin/./ed":                "/usr/bin/ed package tools",
		"/lib64/libx.so":                  "/usr/lib/libx.so package tools",
		"/usr/lib64/libx.so":              "/usr/lib/libx.so package tools",
		"/lib64":                          "/usr/lib64 package tools",
		"/etc/os-release":                 "/usr/lib/os-release package base",
		"bin/ed":                          "/usr/bin/ed package tools", // relative to /usr
		"usr/bin/ed":                      "/usr/bin/ed package tools", // relative to the root
		filepath.Join(root, "usr/bin/ed"): "/usr/bin/ed package tools", // as a shell completes it
		filepath.Join(root, "bin/ed"):     "/usr/bin/ed package tools",
		"/usr/share/tools":                "/usr/share/tools package tools",
		"/usr/share/doc/":                 "/usr/share/doc package libtext",
		"/usr/lib":                        "/usr/lib shared base libtext tools",
		"/usr":                            "/usr shared base libtext tools",
		"/usr/.stateID":                   "/usr/.stateID moss ",
	} {
		all, err := system.Owners(root, "/somewhere", []string{path})
		if err != nil || len(all) != 1 {
			t.Errorf("%s: got %+v, %v", path, all, err)
			continue
		}
		if got := describeOwner(all[0]); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestOwnerOfWhatNobodyOwns(t *testing.T) {
	root := owned(t)
	all, err := system.Owners(root, "/", []string{"/bin/stray", "/bin/ed", "/usr/nothing", "/etc/passwd", "/loop/x", "../../etc/passwd", ""})
	var unknown *system.UnknownError
	if !errors.As(err, &unknown) || unknown.Advice == "" || system.ExitCode(err) != 1 {
		t.Fatalf("got %v, want an error with advice", err)
	}
	for _, want := range []string{"/usr/bin/stray: nobody", "/usr/nothing: state 1 has no such path", "/etc/passwd: state 1", "/loop/x"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if len(all) != 2 || describeOwner(all[0]) != "/usr/bin/stray nobody " || describeOwner(all[1]) != "/usr/bin/ed package tools" {
		t.Errorf("got %+v, want the stray and ed answered", all)
	}
}

// TestOwnerRelativeToTheFolder: `cd /usr/bin; moss owner ed`.
func TestOwnerRelativeToTheFolder(t *testing.T) {
	root := owned(t)
	all, err := system.Owners(root, filepath.Join(root, "bin"), []string{"ed", "../lib/libx.so"})
	if err != nil || len(all) != 2 || describeOwner(all[0]) != "/usr/bin/ed package tools" || describeOwner(all[1]) != "/usr/lib/libx.so package tools" {
		t.Errorf("got %+v, %v", all, err)
	}
}

// TestOwnerThatIsNoPackage: what triggers wrote and what was there before moss
// is in the manifest under owners of their own.
func TestOwnerThatIsNoPackage(t *testing.T) {
	root := owned(t)
	path := filepath.Join(root, ".moss/manifests/1")
	recorded, err := tree.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	first := len(recorded.Packages)
	recorded.Packages = append(recorded.Packages, store.TriggerOwner+"fonts", store.TriggerOwner+"icons+edits", "adopted")
	for i := range recorded.Entries {
		switch e := &recorded.Entries[i]; e.Path {
		case "bin/ed":
			e.Owner = first
		case "bin/vi":
			e.Owner = first + 1
		case "lib/libx.so":
			e.Owner = first + 2
		}
	}
	if err := recorded.Save(path); err != nil {
		t.Fatal(err)
	}
	all, err := system.Owners(root, "/", []string{"/bin/ed", "/bin/vi", "/usr/lib/libx.so"})
	if err != nil {
		t.Fatal(err)
	}
	got := names(all, func(o system.Owned) string { return o.Kind + ":" + o.Trigger })
	if want := "trigger:fonts trigger:icons adopted:"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if found, err := system.Find(options(root), system.Search{Words: []string{"bin/ed"}, Files: true}); err != nil || len(found) != 1 || found[0].Name != "" {
		t.Errorf("got %+v, %v, want the path without a package", found, err)
	}
}
