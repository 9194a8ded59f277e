package system_test

import (
	"os"
	"path/filepath"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
)

// The first state has no /usr/sbin, so /sbin leads to /usr/bin; the base system
// that follows has its init in /usr/sbin, and the first state can come back.
func TestBaseSystemAfterSmallState(t *testing.T) {
	root := newRoot(t)
	sbin := func(want string) {
		t.Helper()
		if text, err := os.Readlink(filepath.Join(root, "sbin")); text != want {
			t.Errorf("got /sbin -> %q, %v, want %q", text, err, want)
		}
	}
	install(t, options(root), testutil.Stone{Name: "vi", Files: testutil.Tree{"bin/vi": "1"}})
	sbin("usr/bin")
	install(t, options(root), base())
	sbin("usr/sbin")
	opt := options(root)
	opt.Force = true // it has no kernel
	if _, err := system.Activate(t.Context(), opt, 1); err != nil {
		t.Fatal(err)
	}
	sbin("usr/bin")
}
