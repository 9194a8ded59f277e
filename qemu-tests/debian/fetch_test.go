package debian

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fetch uses the folder that the demo and the boot tests fill too.
func fetch(t *testing.T, set Set) []Deb {
	t.Helper()
	if testing.Short() {
		t.Skip("may download packages: left out by -short")
	}
	debs, err := Fetch(t.Context(), filepath.Join(testutil.Repo(t), "build", "debian"), set)
	if errors.Is(err, ErrNoSource) || errors.Is(err, exec.ErrNotFound) {
		need.Machine(t, "Debian's packages: %v", err)
	}
	must(t, err)
	return debs
}

func TestFetchedMiniIsComplete(t *testing.T) {
	before := hostState(t)
	debs := fetch(t, Mini())
	if diff := cmp.Diff(before, hostState(t)); diff != "" {
		t.Errorf("this machine's own package state has changed: %s", diff)
	}
	var names []string
	for _, deb := range debs {
		names = append(names, deb.Name)
		if info, err := os.Stat(deb.Path); err != nil || info.Size() == 0 {
			t.Errorf("%s: got %v, want a file", deb.Path, err)
		}
	}
	for _, want := range []string{"libc6", "dash", "coreutils", "libselinux1"} {
		if !slices.Contains(names, want) {
			t.Errorf("got %v, want %s among them", names, want)
		}
	}
	for _, a := range Assumptions() {
		if slices.Contains(names, a.Name) {
			t.Errorf("got %v, want no %s: it is assumed", names, a.Name)
		}
	}
	i := slices.Index(names, "dash")
	if i < 0 {
		t.Fatal("no dash")
	}
	if _, err := debs[i].ReadFile(t.Context(), "bin/absent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	data, err := debs[i].ReadFile(t.Context(), "bin/dash")
	if err != nil || !strings.HasPrefix(string(data), "\x7fELF") {
		t.Errorf("got %d bytes, %v, want a program", len(data), err)
	}
}

// TestFetchedOddHasItsCapability also leaves the package where the tests of
// packing look for it.
func TestFetchedOddHasItsCapability(t *testing.T) {
	debs := fetch(t, Odd())
	i := slices.IndexFunc(debs, func(d Deb) bool { return d.Name == "iputils-ping" })
	if i < 0 {
		t.Fatalf("got %v, want iputils-ping among them", debs)
	}
	if data, err := debs[i].ReadFile(t.Context(), "bin/ping"); err != nil || !strings.HasPrefix(string(data), "\x7fELF") {
		t.Errorf("got %d bytes, %v, want a program", len(data), err)
	}
}

// hostState is what apt on this machine would change first.
func hostState(t *testing.T) []string {
	var lines []string
	for _, path := range []string{"/var/lib/apt/lists", "/var/cache/apt", "/var/cache/apt/archives", "/var/lib/dpkg/status"} {
		if info, err := os.Stat(path); err == nil {
			lines = append(lines, fmt.Sprint(path, " ", info.ModTime()))
		}
	}
	return lines
}

// fill makes a folder as Fetch leaves it.
func fill(t *testing.T, set Set) string {
	dir := t.TempDir()
	testutil.Tree{"cache/archives/libc6_2.36-9+deb12u14_amd64.deb": "c library", "cache/archives/nano_1%3a7.2_all.deb": "editor"}.Create(t, dir)
	list := set.header() + "\n"
	for _, name := range []string{"libc6_2.36-9+deb12u14_amd64.deb", "nano_1%3a7.2_all.deb"} {
		sum, err := hash(filepath.Join(archives(dir), name))
		must(t, err)
		list += fmt.Sprintf("%x  %s\n", sum, name)
	}
	must(t, os.WriteFile(set.listPath(dir), []byte(list), 0o644))
	return dir
}

func TestSecondFetchNeedsNothing(t *testing.T) {
	set := Set{Name: "test", Packages: []string{"nano"}}
	dir := fill(t, set)
	t.Setenv("PATH", "") // no apt-get
	got, err := Fetch(t.Context(), dir, set)
	want := []Deb{
		{"libc6", "2.36-9+deb12u14", "amd64", filepath.Join(dir, "cache/archives/libc6_2.36-9+deb12u14_amd64.deb")},
		{"nano", "1:7.2", "all", filepath.Join(dir, "cache/archives/nano_1%3a7.2_all.deb")},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestChangesAreNotTakenFromTheCache(t *testing.T) {
	set := Set{Name: "test", Packages: []string{"nano"}}
	t.Setenv("PATH", "")
	for name, change := range map[string]func(dir string) Set{
		"other packages": func(string) Set { return Set{Name: "test", Packages: []string{"nano", "vim"}} },
		"other content": func(dir string) Set {
			must(t, os.WriteFile(filepath.Join(archives(dir), "nano_1%3a7.2_all.deb"), []byte("edit0r"), 0o644))
			return set
		},
		"missing file": func(dir string) Set {
			must(t, os.Remove(filepath.Join(archives(dir), "nano_1%3a7.2_all.deb")))
			return set
		},
		"damaged list": func(dir string) Set {
			must(t, os.WriteFile(set.listPath(dir), []byte(set.header()+"\nrubbish\n"), 0o644))
			return set
		},
	} {
		dir := fill(t, set)
		if got, err := Fetch(t.Context(), dir, change(dir)); !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("%s: got %v, %v, want a new download", name, got, err)
		}
	}
}

func TestParsePlan(t *testing.T) {
	plan := `NOTE: This is only a simulation!
Inst gcc-12-base (12.2.0-14+deb12u1 Debian:12.12/oldstable [amd64])
Inst libc6 [2.35-1] (2.36-9+deb12u14 Debian:12.12/oldstable, Debian-Security:12/oldstable-security [amd64]) []
Inst login (1:4.13+dfsg1-1 Debian:12.12/oldstable [amd64])
Inst libpam-runtime (1.5.2-6+deb12u2 Debian:12.12/oldstable [all])
Conf libc6 (2.36-9+deb12u14 Debian:12.12/oldstable [amd64])
`
	got, err := parsePlan([]byte(plan))
	want := []string{"gcc-12-base_12.2.0-14+deb12u1_amd64.deb", "libc6_2.36-9+deb12u14_amd64.deb", "login_1%3a4.13+dfsg1-1_amd64.deb", "libpam-runtime_1.5.2-6+deb12u2_all.deb"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := parsePlan([]byte("Reading package lists...\n")); err == nil {
		t.Error("empty plan: got nil, want an error")
	}
}

func TestParseSources(t *testing.T) {
	for name, test := range map[string]struct {
		targets string
		want    sources
	}{
		"known by their index": {
			"|http://other.test/debian/|bookworm|main\nDebian|http://a.test/debian/|bookworm|main\nDebian|http://a.test/debian/|bookworm-updates|main\n" +
				"Debian|http://b.test/security/|bookworm-security|main\n", sources{"http://a.test/debian/", "http://b.test/security/"}},
		"not fetched yet": {"|http://a.test/debian/|trixie|main\n|http://b.test/security/|trixie-security|main\n", sources{"http://a.test/debian/", "http://b.test/security/"}},
		"others only": {"Docker|http://c.test/|bookworm|stable\nGoogle|http://d.test/|cloud-sdk-bookworm|main\nUbuntu|http://e.test/|jammy|main\n" +
			"GitLab|http://f.test/|bookworm|main\n", sources{}},
		"none": {"", sources{}},
	} {
		if got := parseSources(test.targets); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func TestSourcesList(t *testing.T) {
	got := sources{"http://a.test/debian/", "http://b.test/security/"}.list("signed-by=/key")
	want := `deb [signed-by=/key] http://a.test/debian/ bookworm main
deb [signed-by=/key] http://a.test/debian/ bookworm-updates main
deb [signed-by=/key] http://b.test/security/ bookworm-security main
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestKernelVersion(t *testing.T) {
	debs := []Deb{{Name: "libc6"}, {Name: "linux-image-amd64"}, {Name: "linux-image-6.1.0-56-amd64"}}
	if got, err := KernelVersion(debs); err != nil || got != "6.1.0-56-amd64" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := KernelVersion(debs[:2]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

func TestListsHaveReasons(t *testing.T) {
	for _, a := range Assumptions() {
		if a.Reason == "" || slices.Contains(System().Packages, a.Name) {
			t.Errorf("%s is assumed: reason %q, in the list %v", a.Name, a.Reason, slices.Contains(System().Packages, a.Name))
		}
	}
	for unit, reason := range masked() {
		if reason == "" {
			t.Errorf("%s is masked without a reason", unit)
		}
	}
	if len(Base().Packages) >= len(System().Packages) {
		t.Error("System does not hold more than Base")
	}
}
