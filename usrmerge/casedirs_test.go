package usrmerge_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moss/usrmerge"
)

// TestTopFolders is the shapes that a system's top folders may have.
func TestTopFolders(t *testing.T) {
	runAll(t, []example{
		{name: "all of them", tree: `bin/a A; sbin/b B; lib/c C; lib32/d D; lib64/e E; usr/bin/o O; usr/sbin/o O; usr/lib/o O; usr/lib32/o O; usr/lib64/o O`,
			want: `bin -> usr/bin; sbin -> usr/sbin; lib -> usr/lib; lib32 -> usr/lib32; lib64 -> usr/lib64`},
		{name: "all of them, usr empty", tree: `bin/a A; sbin/b B; lib/c C; lib32/d D; lib64/e E`, want: `lib32 -> usr/lib32; usr/lib32/d D`},
		{name: "only some of them", tree: `bin/a A; lib/c C; usr/bin/o O`, want: `sbin -; lib64 -; usr/sbin -`},
		{name: "lib32 absent", tree: `bin/a A; sbin/b B; lib/c C; lib64/e E; usr/lib32/o O`, want: `lib32 -; usr/lib32/o O`},
		{name: "empty ones", tree: `bin/; lib64/; usr/bin/o O`, want: `bin -> usr/bin; lib64 -> usr/lib64; usr/lib64/`},
		{name: "one already merged", tree: `bin -> usr/bin; usr/bin/o O; lib/c C; usr/lib/o O`, want: `bin -> usr/bin; lib -> usr/lib; usr/lib/c C`},
		{name: "bin merged but sbin not", tree: `bin -> usr/bin; usr/bin/o O; sbin/s S; sbin/l -> ../bin/o; usr/sbin/o O`, want: `bin -> usr/bin; sbin -> usr/sbin; usr/sbin/l -> ../bin/o`},
		{name: "merged by absolute text", tree: `bin -> /usr/bin; usr/bin/o O; lib/c C`, want: `bin -> /usr/bin; lib -> usr/lib`},
		{name: "sbin merged into usr/bin", tree: `sbin -> usr/bin; usr/bin/o O; bin/a A`, want: `sbin -> usr/bin; bin -> usr/bin; sbin/a A`},
		{name: "lib64 merged into usr/lib", tree: `lib64 -> usr/lib; usr/lib/o O; lib/a A`, want: `lib64 -> usr/lib; lib64/a A`},
		{name: "lib leads to lib64", tree: `lib -> lib64; lib64/a A; lib64/d/b B; usr/lib64/o O`, want: `lib -> usr/lib; lib64 -> usr/lib64; usr/lib -> lib64; usr/lib/a A`},
		{name: "lib leads to lib64, absolute", tree: `lib -> /lib64; lib64/a A; usr/lib64/o O`, want: `lib -> usr/lib; usr/lib/a A`},
		{name: "lib leads to lib64, usr has only lib", tree: `lib -> lib64; lib64/a A; lib64/d/b B; usr/lib/o O; usr/lib/d/p P`, want: `lib -> usr/lib; usr/lib/a -> ../lib64/a; usr/lib/o O; usr/lib/d/b -> ../../lib64/d/b; usr/lib/d/p P`},
		{name: "lib leads to lib64, usr has both", tree: `lib -> lib64; lib64/a A; lib64/m/b B; lib64/d/c C; usr/lib64/o O; usr/lib/q Q; usr/lib/d/p P`,
			want: `lib -> usr/lib; usr/lib/a -> ../lib64/a; usr/lib/m -> ../lib64/m; usr/lib/m/b B; usr/lib/d/c -> ../../lib64/d/c; usr/lib/q Q; usr/lib/d/p P`},
		{name: "lib64 leads to lib", tree: `lib64 -> lib; lib/a A; lib/ld.so L; usr/lib/o O`, want: `lib64 -> usr/lib64; usr/lib64 -> lib; lib64/ld.so L`},
		{name: "lib64 leads to lib, usr has both", tree: `lib64 -> lib; lib/ld.so L; usr/lib/o O; usr/lib64/q Q`, want: `lib64 -> usr/lib64; usr/lib64/ld.so -> ../lib/ld.so; usr/lib64/q Q`},
		{name: "two lead to one", tree: `lib -> lib64; lib32 -> lib64; lib64/a A; usr/lib64/o O`, want: `lib -> usr/lib; lib32 -> usr/lib32; usr/lib/a A; usr/lib32/a A`},
		{name: "lib leads to a lib64 that is merged", tree: `lib -> lib64; lib64 -> usr/lib64; usr/lib64/a A`, want: `lib -> usr/lib; lib/a A; usr/lib64/a A`},
	})
}

// TestAllMerged: nothing to do, nothing written.
func TestAllMerged(t *testing.T) {
	for name, tree := range map[string]string{
		"each into its own":   `bin -> usr/bin; sbin -> usr/sbin; lib -> usr/lib; lib64 -> usr/lib64; usr/bin/a A; usr/sbin/b B; usr/lib/c C; usr/lib64/d D`,
		"all into few":        `bin -> usr/bin; sbin -> usr/bin; lib -> usr/lib; lib64 -> usr/lib; usr/bin/a A; usr/lib/c C`,
		"no top folders":      `usr/bin/a A`,
		"absolute":            `bin -> /usr/bin; usr/bin/a A`,
		"orphans from before": `bin -> usr/bin; usr/bin/a A; ~/bin/a old`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := inMemory(t)
			plant(t, dir, tree)
			wantNothingLeftToDo(t, dir)
		})
	}
}

// TestUnmergedAgain: what a package that knew of no merge brings back is merged
// again, however often.
func TestUnmergedAgain(t *testing.T) {
	dir := inMemory(t)
	plant(t, dir, `bin/a A; usr/bin/o O`)
	merge(t, dir)
	for _, round := range []string{"first", "second"} {
		if err := os.Remove(filepath.Join(dir, "bin")); err != nil {
			t.Fatal(err)
		}
		plant(t, dir, `bin/a A; bin/`+round+` R; bin/o differs-`+round)
		if merged, err := usrmerge.Merged(dir, nil); merged || err != nil {
			t.Errorf("got merged %v, %v, want it seen", merged, err)
		}
		if result := merge(t, dir); !result.Merged {
			t.Errorf("got %+v", result.Plan)
		}
		wantEntries(t, dir, `bin -> usr/bin; usr/bin/a A; usr/bin/o O; usr/bin/`+round+` R`)
		wantNothingLeftToDo(t, dir)
	}
	wantEntries(t, dir, `~/bin/o differs-first; ~/bin/o.1 differs-second`)
}

// TestUsrSbinIntoUsrBin is the extra that is off unless it is named.
func TestUsrSbinIntoUsrBin(t *testing.T) {
	const tree = `bin/a A; sbin/s S; sbin/l -> ../usr/sbin/u; usr/bin/b B; usr/sbin/u U mode=4755; usr/sbin/b old; usr/sbin/m -> ../bin/b; usr/sbin/c -> ../../etc/x; etc/x X`
	t.Run("off by default", func(t *testing.T) {
		example{tree: tree, want: `usr/sbin/u U; usr/bin/u -`}.run(t, inMemory(t))
	})
	t.Run("on", func(t *testing.T) {
		dir := inMemory(t)
		plant(t, dir, tree)
		before := take(t, dir)
		o := usrmerge.Options{Root: dir, Dirs: append(usrmerge.DefaultDirs(), "usr/sbin")}
		for range 2 {
			result, err := usrmerge.Run(t.Context(), o)
			if err != nil || !result.Merged {
				t.Fatalf("got %+v, %v", result, err)
			}
		}
		wantEntries(t, dir, `usr/sbin -> bin; usr/bin/u U mode=4755; usr/bin/s S; usr/bin/b B; ~/usr/sbin/b old`)
		v := openView(t, dir)
		defer v.close()
		for path, b := range before {
			a, err := v.look(path)
			if path != "usr/sbin/b" && b.end.kind != 'd' && (err != nil || !a.end.same(b.end)) {
				t.Errorf("%s: got %v, %v, want %v", path, a.end, err, b.end)
			}
		}
	})
}

// TestDepmodIndexes: those of the old place are what modprobe used; they win and are
// made anew when the merge is done.
func TestDepmodIndexes(t *testing.T) {
	const tree = `lib/modules/6.1/modules.dep old; lib/modules/6.1/modules.dep.bin old; lib/modules/6.1/modules.alias same
		lib/modules/6.1/modules.softdep old; lib/modules/6.1/modules.order old; lib/modules/6.1/kernel/a.ko A; lib/modules/6.2/modules.dep only
		usr/lib/modules/6.1/modules.dep new; usr/lib/modules/6.1/modules.dep.bin new; usr/lib/modules/6.1/modules.alias same
		usr/lib/modules/6.1/modules.softdep new; usr/lib/modules/6.1/modules.order new; usr/lib/modules/6.1/kernel/b.ko B; usr/lib/modules/6.3/modules.dep mine`
	for name, broken := range map[string]error{"made anew": nil, "depmod does not work": errors.New("exec format error")} {
		t.Run(name, func(t *testing.T) {
			dir := inMemory(t)
			plant(t, dir, tree)
			var asked []string
			result, err := usrmerge.Run(t.Context(), usrmerge.Options{Root: dir, Depmod: func(version string) error {
				wantEntries(t, dir, `lib -> usr/lib`)
				asked = append(asked, version)
				return broken
			}})
			if err != nil || !result.Merged || (broken != nil) != (len(result.Notes) > 0) {
				t.Fatalf("got %+v, %v, want merged and the error of depmod as a note", result, err)
			}
			if !slices.Contains(asked, "6.1") || slices.Contains(asked, "6.3") {
				t.Errorf("got depmod for %q, want it for 6.1 and not for 6.3", asked)
			}
			if len(result.Plan.Regenerated) != 3 {
				t.Errorf("got %q reported, want the three that differ", result.Plan.Regenerated)
			}
			wantEntries(t, dir, `usr/lib/modules/6.1/modules.dep old; usr/lib/modules/6.1/modules.dep.bin old; usr/lib/modules/6.1/modules.alias same
				usr/lib/modules/6.1/modules.softdep old; usr/lib/modules/6.1/modules.order new; ~/lib/modules/6.1/modules.order old; ~/lib/modules/6.1/modules.dep -
				usr/lib/modules/6.2/modules.dep only; usr/lib/modules/6.3/modules.dep mine; usr/lib/modules/6.1/kernel/a.ko A; usr/lib/modules/6.1/kernel/b.ko B`)
		})
	}
}
