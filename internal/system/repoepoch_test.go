package system

import (
	"os"
	"path/filepath"
	"testing"

	"moss/internal/testutil"
	"moss/usrmerge"
)

// TestALaterFolderTakesNothingBack: a merged system whose administrator then asks for
// /usr/sbin as well stays with the repositories of merged ones; one whose /bin is a
// folder again does not.
func TestALaterFolderTakesNothingBack(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"usr/bin/tool": "", "usr/sbin/admin": "", "usr/lib/x": "", "bin": "-> usr/bin", "sbin": "-> usr/sbin", "lib": "-> usr/lib",
		usrmerge.Folder + "/complete": "", usrmerge.AdminConfig: "dirs=bin sbin lib lib32 lib64 usr/sbin\n"}.Create(t, root)
	if err := unmerged(root); err != nil {
		t.Errorf("got %v", err)
	}
	bin := filepath.Join(root, "bin")
	if err := os.Remove(bin); err != nil {
		t.Fatal(err)
	}
	testutil.Tree{"bin/tool": ""}.Create(t, root)
	if err := unmerged(root); err == nil {
		t.Error("/bin is a folder, and it counts as merged")
	}
}
