package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"moss/internal/system"
	"moss/internal/testutil"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"moss-boot": func() { os.Exit(run(os.Args[1:])) },
	})
}

// TestScripts runs the commands as a user types them. `newroot DIR` makes a root
// with a place for $BOOT; `newstate DIR COMMENT` makes a bootable state in it;
// `hold DIR` takes its lock as another command would until `letgo DIR`, which
// puts a new file in its place; `list DIR FILE` writes down what is in it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"newroot": func(ts *testscript.TestScript, _ bool, args []string) {
				testutil.NewRoot(t, ts.MkAbs(args[0]))
			},
			"newstate": func(ts *testscript.TestScript, _ bool, args []string) {
				opt := system.Options{Root: ts.MkAbs(args[0]), Command: "test", Comment: strings.Join(args[1:], " "),
					Now: time.Date(2026, 11, 22, 3, 30, 0, 0, time.UTC), Log: func(string) {}}
				stone := testutil.Base()
				stone.Version = strings.Join(append(args[1:], "1"), "-") // another build, or there would be nothing to do
				_, err := system.Transact(t.Context(), opt, system.Change{Stones: []string{stone.Write(t, t.TempDir())}})
				ts.Check(err)
			},
			"hold":  hold,
			"letgo": func(ts *testscript.TestScript, _ bool, args []string) { os.Remove(ts.MkAbs(args[0] + "/.moss/lock")) },
			"list": func(ts *testscript.TestScript, _ bool, args []string) {
				lines := slices.DeleteFunc(testutil.List(t, ts.MkAbs(args[0])), func(line string) bool {
					return strings.HasPrefix(line, ".moss/db/moss.sqlite-") // a reader of SQLite leaves its index beside it
				})
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(lines, "\n")), 0o644))
			},
		},
	})
}

func hold(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]+"/.moss/lock"), os.O_RDWR, 0)
	ts.Check(err)
	ts.Defer(func() { f.Close() })
	ts.Check(unix.Flock(int(f.Fd()), unix.LOCK_EX))
	_, err = f.WriteAt([]byte("a neighbour\n"), 0)
	ts.Check(err)
}
