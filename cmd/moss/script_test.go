package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"moss/store/trigger"
)

func TestMain(m *testing.M) {
	if trigger.Sandboxed(os.Args) {
		trigger.RunSandboxed()
	}
	testscript.Main(m, map[string]func(){
		"moss": func() { os.Exit(run(os.Args[1:])) },
	})
}

// TestScripts runs the commands as a user types them. What the scripts can say
// besides testscript's own words is in scriptVerbs.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values["mirror"] = &mirror{stalled: make(chan struct{}, 16)}
			return nil
		},
		Condition: func(cond string) (bool, error) { return cond == "root" && os.Geteuid() == 0, nil },
		Cmds:      scriptVerbs(t),
	})
}
