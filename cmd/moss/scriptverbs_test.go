package main

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/repo"
)

type verb = func(*testscript.TestScript, bool, []string)

func scriptVerbs(t *testing.T) map[string]verb {
	return map[string]verb{
		"newroot":   func(ts *testscript.TestScript, _ bool, args []string) { testutil.NewRoot(t, ts.MkAbs(args[0])) },
		"basestone": func(ts *testscript.TestScript, _ bool, args []string) { baseStone(t, ts, args) },
		"programs":  func(ts *testscript.TestScript, _ bool, args []string) { programStone(t, ts, args) },
		"exits":     exits,
		"live":      live,
		"jsonkeys":  jsonKeys,
		"snapshot":  snapshot,
		"lie":       lie,
		"plant":     plant,
		"serve":     serve,
		"misbehave": misbehave,
		"await":     awaitStall,
		"awaitlock": awaitLock,
		"awaitfile": awaitFile,
		"requests":  requests,
	}
}

// baseStone DIR [RELEASE] writes a package that makes a tree bootable as far as
// a file system can tell; each release has another kernel.
func baseStone(t *testing.T, ts *testscript.TestScript, args []string) {
	base := testutil.Base()
	if len(args) > 1 {
		release, err := strconv.ParseUint(args[1], 10, 64)
		ts.Check(err)
		base.Release = release
		base.Files["lib/kernel/"+testutil.Kernel+"/vmlinuz"] = "the kernel, build " + args[1]
	}
	base.Write(t, ts.MkAbs(args[0]))
}

// programStone DIR NAME ... writes a package of this machine's programs.
func programStone(t *testing.T, ts *testscript.TestScript, args []string) {
	testutil.Programs(t, args[1:]...).Write(t, ts.MkAbs(args[0]))
}

// exits CODE PROGRAM ... runs a program that must end with that exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got, err := 0, ts.Exec(args[1], args[2:]...)
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ended.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("got exit code %d, want %d", got, want)
	}
}

// live CODE ROOT ARGUMENT ... runs ROOT/moss with ROOT as its root directory, as
// on a running system; namespaces of its own keep that from everybody else.
func live(ts *testscript.TestScript, neg bool, args []string) {
	root := ts.MkAbs(args[1])
	const enter = `mount --bind "$0" "$0" && mount -t proc proc "$0/proc" &&
		for n in null zero full random urandom; do : >>"$0/dev/$n" && mount --bind "/dev/$n" "$0/dev/$n" || exit 99; done &&
		exec chroot "$0" /moss "$@"`
	exits(ts, neg, slices.Concat([]string{args[0], "unshare", "--mount", "--pid", "--fork", "sh", "-c", enter, root}, args[2:]))
}

// jsonKeys FILE PATH KEY ... checks that FILE (stdout, stderr) is one JSON value
// and that the objects at PATH have exactly these keys. PATH is dots between
// keys, "." is the value itself; of an array all elements are meant.
func jsonKeys(ts *testscript.TestScript, _ bool, args []string) {
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	var value any
	ts.Check(decoder.Decode(&value))
	if decoder.More() {
		ts.Fatalf("there is more than one JSON value")
	}
	objects, want := flat(value), slices.Sorted(slices.Values(args[2:]))
	for _, key := range strings.FieldsFunc(args[1], func(r rune) bool { return r == '.' }) {
		var below []any
		for _, one := range objects {
			fields, _ := one.(map[string]any)
			below = append(below, flat(fields[key])...)
		}
		objects = below
	}
	if len(objects) == 0 {
		ts.Fatalf("nothing is at %s", args[1])
	}
	for _, one := range objects {
		fields, ok := one.(map[string]any)
		if got := slices.Sorted(maps.Keys(fields)); !ok || !slices.Equal(got, want) {
			ts.Fatalf("at %s: got %v, want %v", args[1], got, want)
		}
	}
}

func flat(value any) []any {
	if all, ok := value.([]any); ok {
		return all
	}
	return []any{value}
}

// snapshot FILE DIR ... writes every path below the folders with its mode, inode,
// time and content, for comparison with a later one.
func snapshot(ts *testscript.TestScript, _ bool, args []string) {
	var text strings.Builder
	for _, dir := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == ts.MkAbs(dir) {
				return err
			}
			var st unix.Stat_t
			if err := unix.Lstat(path, &st); err != nil {
				return err
			}
			var data []byte
			if d.Type().IsRegular() {
				data, err = os.ReadFile(path)
			} else if d.Type() == fs.ModeSymlink {
				var target string
				target, err = os.Readlink(path)
				data = []byte(target)
			}
			fmt.Fprintf(&text, "%s %o %d %d.%09d %x\n", path, st.Mode, st.Ino, st.Mtim.Sec, st.Mtim.Nsec, sha256.Sum256(data))
			return err
		}))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text.String()), 0o644))
}

// awaitLock FILE waits until a process waits for the lock on a file.
func awaitLock(ts *testscript.TestScript, _ bool, args []string) {
	var st unix.Stat_t
	ts.Check(unix.Stat(ts.MkAbs(args[0]), &st))
	waiter := regexp.MustCompile(fmt.Sprintf(`(?m)^\d+: -> FLOCK .*:%d `, st.Ino))
	until(ts, "nobody waits for "+args[0], func() bool {
		held, err := os.ReadFile("/proc/locks")
		ts.Check(err)
		return waiter.Match(held)
	})
}

// awaitFile PATTERN waits until a file of that name is there, and not empty.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, "there is no "+args[0], func() bool {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		return slices.ContainsFunc(found, func(path string) bool {
			info, err := os.Stat(path)
			return err == nil && info.Size() > 0
		})
	})
}

// until asks again and again, because nothing else tells of another process.
func until(ts *testscript.TestScript, otherwise string, happened func() bool) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if happened() {
			return
		}
	}
	ts.Fatalf("%s", otherwise)
}

// lie DIR KEY NAME AS writes the signed index of a folder in which one package
// has another one's name.
func lie(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	metas, err := repo.BuildIndex(context.Background(), dir, dir)
	ts.Check(err)
	key, err := repo.LoadSigningKey(ts.MkAbs(args[1]), nil)
	ts.Check(err)
	for i := range metas {
		if metas[i].Name == args[2] {
			metas[i].Name = args[3]
		}
	}
	ts.Check(repo.WriteIndex(dir, metas, key, time.Now()))
}

// plant FILE puts the program itself there, for a root that has nothing else: a
// test program that needs libraries, as the race detector's does, is no use.
func plant(ts *testscript.TestScript, _ bool, args []string) {
	self, err := os.Executable()
	ts.Check(err)
	if program, err := elf.Open(self); err != nil || slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		build := exec.Command("go", "build", "-o", ts.MkAbs(args[0]), ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		if err != nil {
			ts.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if os.Link(self, ts.MkAbs(args[0])) == nil {
		return
	}
	data, err := os.ReadFile(self)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o755))
}
