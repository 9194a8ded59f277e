package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"moss/internal/testutil"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"moss": func() { os.Exit(run(os.Args[1:])) },
	})
}

// TestScripts runs the commands as a user types them. The scripts have two more
// verbs: `newroot DIR` makes a root with a place for $BOOT, `basestone DIR`
// writes a package that makes a tree bootable as far as a file system can tell.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"newroot": func(ts *testscript.TestScript, _ bool, args []string) {
				testutil.NewRoot(t, ts.MkAbs(args[0]))
			},
			"basestone": func(ts *testscript.TestScript, _ bool, args []string) {
				testutil.Base().Write(t, ts.MkAbs(args[0]))
			},
		},
	})
}
