//go:build faultinject

package activate_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
)

// TestExchangeThatFailsBelowBind: everything is mounted as it was.
func TestExchangeThatFailsBelowBind(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	t.Setenv("MOSS_FAULT", "activate/lifted:error")
	r, warnings := mountedRoot(t, true, local(threeStates()))
	must(t, r.Protect())
	must(t, unix.Mount("tmpfs", r.Usr()+"/local", "tmpfs", 0, ""))
	before := trees(t, r)
	if err := r.Exchange(2); err == nil || len(*warnings) != 0 {
		t.Errorf("got %v, %q, want the fault and no warning", err, *warnings)
	}
	checkTrees(t, r, before)
	wantMounts(t, r, "usr/local:rw", "usr:ro")
}

// TestBindThatFailsIsAWarning: the state is live, which is what was asked for.
func TestBindThatFailsIsAWarning(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	r, warnings := mountedRoot(t, true, local(threeStates()))
	must(t, r.Protect())
	must(t, unix.Mount("tmpfs", r.Usr()+"/local", "tmpfs", 0, ""))
	t.Setenv("MOSS_FAULT", "activate/binding:error")
	must(t, r.Exchange(2))
	if len(*warnings) != 1 || !strings.Contains((*warnings)[0], "/usr stays writable until the next boot: ") {
		t.Errorf("got %q, want one warning", *warnings)
	}
	checkTrees(t, r, map[string]string{"usr": "tree 2", "1": "tree 1", "3": "tree 3"})
	wantMounts(t, r, "usr/local:rw")
}
