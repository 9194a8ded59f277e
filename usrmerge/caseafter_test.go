package usrmerge_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"moss/internal/testutil"
	"moss/usrmerge"
)

// TestProgramsRunAfterwards: dynamic programs run by their old and their new names.
func TestProgramsRunAfterwards(t *testing.T) {
	dir := inMemory(t)
	system(t, dir, "ls", "cat")
	if result := merge(t, dir); !result.Merged {
		t.Fatalf("got %+v", result.Plan.Refusals)
	}
	for _, program := range []string{"/bin/ls", "/usr/bin/ls"} {
		out, err := inRoot(dir, program, "/bin/").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "other") || !strings.Contains(string(out), "cat") {
			t.Errorf("%s: got %q, %v", program, out, err)
		}
	}
	if out, err := inRoot(dir, "/bin/cat", "/usr/bin/other", "/bin/other").CombinedOutput(); string(out) != "OO" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	wantNothingLeftToDo(t, dir)
}

// TestCheckMissesALibrary: a system of which a program lost a library is not whole.
func TestCheckMissesALibrary(t *testing.T) {
	dir := inMemory(t)
	system(t, dir)
	merge(t, dir)
	libraries, err := filepath.Glob(filepath.Join(dir, "usr/lib/*/libc.so.6"))
	if err != nil || len(libraries) != 1 {
		t.Fatalf("got %q, %v", libraries, err)
	}
	if err := os.Remove(libraries[0]); err != nil {
		t.Fatal(err)
	}
	if err := usrmerge.Check(usrmerge.Options{Root: dir}); err == nil || !strings.Contains(err.Error(), "libc.so.6") {
		t.Errorf("got %v, want the library that is missing", err)
	}
}

// TestLibrariesResolve: ldconfig -p of the cache from before and of a new one.
func TestLibrariesResolve(t *testing.T) {
	dir := inMemory(t)
	system(t, dir, "ldconfig")
	run := func(args ...string) string {
		t.Helper()
		out, err := inRoot(dir, "/sbin/ldconfig", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("ldconfig %q: %v: %s", args, err, out)
		}
		return string(out)
	}
	libraries, err := filepath.Glob(filepath.Join(dir, "lib/*/libc.so.6"))
	if err != nil || len(libraries) != 1 {
		t.Fatalf("got %q, %v", libraries, err)
	}
	plant(t, dir, `etc/ld.so.conf "`+strings.TrimPrefix(filepath.Dir(libraries[0]), dir)+`"`)
	run()
	merge(t, dir)
	for _, cache := range []string{"the cache from before", "a new cache"} {
		found := regexp.MustCompile(`=> (/\S+)`).FindAllStringSubmatch(run("-p"), -1)
		if len(found) == 0 {
			t.Errorf("%s: no libraries", cache)
		}
		v := openView(t, dir)
		for _, one := range found {
			if s, err := v.look(one[1]); err != nil || s.err != nil || s.end.kind != 'f' {
				t.Errorf("%s: %s: got %v, %v", cache, one[1], s.end, err)
			}
		}
		v.close()
		run()
	}
	if err := shell(dir)(); err != nil {
		t.Error(err)
	}
}

// TestModulesLoad: modprobe finds a real module and what it depends on, by the
// indexes of before and by those that depmod makes anew.
func TestModulesLoad(t *testing.T) {
	from := testutil.KernelModules(t)
	dir := inMemory(t)
	system(t, dir, "modprobe", "depmod")
	version := filepath.Base(from)
	split(t, dir, from, "fs/fat/vfat.ko", "fs/fat/fat.ko")
	depmod := func(version string) error { return inRoot(dir, "/sbin/depmod", "-b", "/", version).Run() }
	if err := depmod(version); err != nil {
		t.Fatal(err)
	}
	plant(t, dir, `usr/lib/modules/`+version+`/modules.dep stale`)
	want := []string{"fat.ko", "vfat.ko"}
	wantModules(t, dir, version, want)
	result, err := usrmerge.Run(t.Context(), usrmerge.Options{Root: dir, Depmod: depmod})
	if err != nil || !result.Merged || len(result.Notes) > 0 {
		t.Fatalf("got %+v, %v", result, err)
	}
	wantModules(t, dir, version, want)
	if made := testutil.Read(t, filepath.Join(dir, "usr/lib/modules", version, "modules.dep")); !strings.Contains(made, "vfat.ko") {
		t.Errorf("got index %q", made)
	}
}

// split puts the first module into the old place and the others into both.
func split(t *testing.T, dir, from string, modules ...string) {
	t.Helper()
	for _, name := range modules {
		paths, err := filepath.Glob(filepath.Join(from, "kernel", name) + "*")
		if err != nil || len(paths) == 0 {
			t.Fatalf("no %s in %s", name, from)
		}
		rel, _ := filepath.Rel(filepath.Dir(from), paths[0])
		bring(t, paths[0], filepath.Join(dir, "lib/modules", rel))
	}
	plant(t, dir, `lib/modules/`+filepath.Base(from)+`/modules.order ""; lib/modules/`+filepath.Base(from)+`/modules.builtin ""`)
}

func wantModules(t *testing.T, dir, version string, names []string) {
	t.Helper()
	out, err := inRoot(dir, "/sbin/modprobe", "--show-depends", "-S", version, "vfat").CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != len(names) {
		t.Fatalf("got %q, %v, want %q", out, err, names)
	}
	v := openView(t, dir)
	defer v.close()
	for n, line := range lines {
		path := strings.TrimSpace(strings.TrimPrefix(line, "insmod "))
		if s, err := v.look(path); !strings.Contains(line, names[n]) || err != nil || s.err != nil {
			t.Errorf("got %q (%v, %v), want %s", line, s.err, err, names[n])
		}
	}
}

// TestNextBootHasNothingToDo: it says so, writes nothing and costs under 5 ms. The
// best of some runs is taken: other programs run on this machine too.
func TestNextBootHasNothingToDo(t *testing.T) {
	dir := inMemory(t)
	large := large(everything(true), 300)
	plant(t, dir, large.tree)
	merge(t, dir)
	best := time.Hour
	for range 10 {
		begin := time.Now()
		result := merge(t, dir)
		best = min(best, time.Since(begin))
		if !result.Merged || !result.Plan.Merged {
			t.Fatalf("got %+v", result)
		}
	}
	if t.Logf("figure: nothing to do takes %v", best); best > 5*time.Millisecond {
		t.Errorf("got %v, want under 5 ms", best)
	}
	wantNothingLeftToDo(t, dir)
}
