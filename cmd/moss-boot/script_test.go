package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"moss/internal/system"
	"moss/internal/testutil"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"moss-boot": func() { os.Exit(run(os.Args[1:])) },
	})
}

// TestScripts runs the commands as a user types them. `newroot DIR` makes a root
// with a place for $BOOT; `newstate DIR COMMENT` makes a bootable state in it.
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
				stone := testutil.Base().Write(t, t.TempDir())
				_, err := system.Transact(t.Context(), opt, system.Change{Stones: []string{stone}})
				ts.Check(err)
			},
		},
	})
}
