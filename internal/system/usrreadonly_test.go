package system_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/activate"
)

// TestReadOnlyUsrStaysSo: with moss.usr=ro a transaction and an activation make
// another state live, and /usr is read-only afterwards, as early boot left it. What
// a person mounted below it is still there.
func TestReadOnlyUsrStaysSo(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	root := filepath.Join(testutil.Memory(t, "64m"), "root")
	testutil.NewRoot(t, root)
	usr := filepath.Join(root, "usr")
	t.Cleanup(func() { _ = unix.Unmount(usr, unix.MNT_DETACH) })
	place := base()
	place.Files["share/local/README"] = "a folder to mount on"
	install(t, options(root), place)
	if err := activate.Open(root).Protect(); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(usr, "share/local")
	if err := unix.Mount("tmpfs", mine, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	testutil.Tree{"mine": "mine"}.Create(t, mine)
	check := func(want activate.ID) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(usr, "probe"), nil, 0o644); !errors.Is(err, unix.EROFS) || live(t, root) != want {
			t.Errorf("state %d is live, writing gives %v; want state %d, read-only", live(t, root), err, want)
		}
		if text := testutil.Read(t, mine+"/mine"); text != "mine" {
			t.Errorf("got %q where something was mounted", text)
		}
	}
	install(t, options(root), appStone("b"))
	check(2)
	if _, err := system.Activate(t.Context(), options(root), 1); err != nil {
		t.Fatal(err)
	}
	check(1)
}

// TestMountInTheWayOfActivation: the refusal comes with what to do, and the menu
// is what it was.
func TestMountInTheWayOfActivation(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	root := filepath.Join(testutil.Memory(t, "64m"), "root")
	testutil.NewRoot(t, root)
	install(t, options(root), base())
	install(t, options(root), appStone("b"))
	usr := filepath.Join(root, "usr")
	if err := unix.Mount("tmpfs", usr, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(usr, unix.MNT_DETACH) })
	testutil.Tree{".stateID": "2"}.Create(t, usr)
	_, err := system.Activate(t.Context(), options(root), 1)
	if because, ok := errors.AsType[*activate.MountedError](err); !ok || !strings.Contains(because.Hint(), "--next-boot") {
		t.Errorf("got %v, want words about the mount", err)
	}
}
