package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"moss/internal/testutil"
	"moss/store/adopt/adopttest"
)

// TestAdoptScripts are scripts with a verb of their own: `aerynos DIR` makes a
// root that AerynOS' moss looks after, with two states and a leftover of each kind.
func TestAdoptScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/adopt",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"aerynos": func(ts *testscript.TestScript, _ bool, args []string) {
				writeAerynOS(t, ts.MkAbs(args[0]), ts.MkAbs("stones"))
			},
		},
	})
}

func writeAerynOS(t testing.TB, root, stones string) {
	testutil.NewRoot(t, root)
	testutil.Tree{"x": ""}.Create(t, stones)
	i, base := adopttest.New(t, root), testutil.Base().Write(t, stones)
	for id, place := range map[int]adopttest.Place{1: adopttest.Archived, 2: adopttest.Live} {
		mark := testutil.Stone{Name: "mark", Version: fmt.Sprint(id), Files: testutil.Tree{"share/mark": fmt.Sprint(id)}}
		i.Make(adopttest.State{ID: id, Created: time.Unix(1_700_000_000, 0), Stones: []string{base, mark.Write(t, stones)},
			Explicit: []string{"mark"}, Place: place})
	}
	i.Make(adopttest.State{ID: 3, Created: time.Unix(1_700_000_000, 0), Place: adopttest.Nowhere})
	testutil.Tree{"root/staging/usr/bin/half": "half"}.Create(t, i.Path())
}
