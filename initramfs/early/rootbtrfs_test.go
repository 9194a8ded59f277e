package early

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/activate"
)

// btrfs makes one of so many devices, mounts it at a folder for the test to fill,
// and gives the devices.
func btrfs(t *testing.T, count int, fill func(dir string)) []blockDevice {
	t.Helper()
	memory := testutil.Memory(t, "1g")
	argv := []string{"-q", "-f", "-d", "raid1", "-m", "raid1"}
	if count == 1 {
		argv = argv[:2]
	}
	var nodes []string
	for i := range count {
		image := filepath.Join(memory, string(rune('a'+i)))
		makeImage(t, image, 160<<20, "true")
		nodes = append(nodes, testutil.Loop(t, image))
	}
	testutil.Run(t, "mkfs.btrfs", append(argv, nodes...)...)
	dir := t.TempDir()
	testutil.Run(t, "mount", "-t", "btrfs", "-o", "device="+nodes[count-1], nodes[0], dir)
	fill(dir)
	testutil.Run(t, "umount", dir)
	var found []blockDevice
	for _, node := range nodes {
		found = append(found, blockDevice{Name: filepath.Base(node), Node: node, Holds: probeNode(node, 160<<20)})
	}
	return found
}

func mounts(t *testing.T, line string, found ...blockDevice) (*Boot, error) {
	t.Helper()
	b := machine(t, line)
	b.Sysroot = b.path("sysroot")
	b.root, b.members = &found[0], found[1:]
	err := b.mountRoot()
	if err == nil {
		t.Cleanup(func() { _ = unix.Unmount(b.Sysroot, unix.MNT_DETACH) })
	}
	return b, err
}

// A subvolume by name, by number and by the file system's own choice; a state is
// made live in it as in any other root.
func TestRootInSubvolume(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	var number string
	found := btrfs(t, 1, func(dir string) {
		for _, name := range []string{"@", "@default", "@other"} {
			testutil.Run(t, "btrfs", "subvolume", "create", filepath.Join(dir, name))
			testutil.Tree{"mark": name, "usr/.stateID": "1", ".moss/root/2/usr/.stateID": "2"}.Create(t, filepath.Join(dir, name))
		}
		testutil.Tree{"mark": "top"}.Create(t, dir)
		testutil.Run(t, "btrfs", "subvolume", "set-default", filepath.Join(dir, "@default"))
		number = strings.TrimSpace(testutil.Run(t, "btrfs", "inspect-internal", "rootid", filepath.Join(dir, "@other")))
	})
	for rootflags, want := range map[string]string{
		"subvol=@": "@", "subvol=/@": "@", "compress=zstd,subvol=@,noatime": "@", "subvolid=" + number: "@other", "": "@default", "subvolid=5": "top",
	} {
		b, err := mounts(t, "rw rootflags="+rootflags, found...)
		if err != nil {
			t.Errorf("%q: %v", rootflags, err)
			continue
		}
		if got := testutil.Read(t, filepath.Join(b.Sysroot, "mark")); got != want {
			t.Errorf("%q: got %s, want %s", rootflags, got, want)
		}
		if want == "@" {
			exchangeIn(t, b.Sysroot)
		}
		if err := b.refuseSeparateUsr(); err != nil {
			t.Errorf("%q: %v", rootflags, err)
		}
		if err := unix.Unmount(b.Sysroot, 0); err != nil {
			t.Error(err)
		}
	}
	if _, err := mounts(t, "rw rootflags=subvol=nowhere", found...); err == nil || !strings.Contains(err.Error(), `as btrfs with options "subvol=nowhere"`) {
		t.Errorf("got %v", err)
	}
}

// exchangeIn makes the other of the states 1 and 2 live.
func exchangeIn(t *testing.T, root string) {
	t.Helper()
	live := testutil.Read(t, filepath.Join(root, "usr/.stateID"))
	want := map[string]activate.ID{"1": 2, "2": 1}[live]
	if err := activate.Open(root).Exchange(want); err != nil {
		t.Fatal(err)
	}
	if got := testutil.Read(t, filepath.Join(root, "usr/.stateID")); got != want.String() {
		t.Errorf("got state %s live, want %s", got, want)
	}
	if _, err := os.Stat(filepath.Join(root, ".moss/root", live, "usr/.stateID")); err != nil {
		t.Error(err)
	}
}

// Both devices of a mirror mount, and one of them only with the word for it.
func TestRootOnTwoDevices(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	found := btrfs(t, 2, func(dir string) { testutil.Tree{"mark": "both"}.Create(t, dir) })
	if got := found[0].Holds; got.Members != 2 || got.Member != 1 || found[1].Holds.Member != 2 || got.UUID != found[1].Holds.UUID || got.Damaged {
		t.Fatalf("got %+v", found)
	}
	forget := func() { testutil.Run(t, "btrfs", "device", "scan", "--forget", found[0].Node, found[1].Node) }
	forget()
	b, err := mounts(t, "rw", found...)
	if err != nil {
		t.Fatal(err)
	}
	if got := testutil.Read(t, filepath.Join(b.Sysroot, "mark")); got != "both" {
		t.Errorf("got %q", got)
	}
	if err := unix.Unmount(b.Sysroot, 0); err != nil {
		t.Fatal(err)
	}
	forget()
	if _, err := mounts(t, "rw", found[0]); err == nil {
		t.Error("half of a mirror was mounted without a word")
	}
	if b, err = mounts(t, "rw rootflags=degraded", found[0]); err != nil {
		t.Fatal(err)
	}
	if got := testutil.Read(t, filepath.Join(b.Sysroot, "mark")); got != "both" {
		t.Errorf("got %q", got)
	}
	if err := unix.Unmount(b.Sysroot, 0); err != nil {
		t.Fatal(err)
	}
	// One that is there and damaged is no reason to refuse the other.
	forget()
	writeAt(t, found[0].Node, "\xff", 64<<10+0x12b)
	for i, d := range found {
		found[i].Holds = probeNode(d.Node, 160<<20)
	}
	first := sound(&found[0], found)
	if !found[0].Holds.Damaged || first.Name != found[1].Name {
		t.Fatalf("got %v of %v", first, found)
	}
	if _, err = mounts(t, "ro rootflags=degraded", *first, found[0]); err != nil {
		t.Error(err)
	}
}
