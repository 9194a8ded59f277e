package esp_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moss/bootloader/esp"
	"moss/internal/mount"
	"moss/internal/testutil"
)

const (
	loaderFile   = "EFI/systemd/systemd-bootx64.efi"
	removable    = "efi/Boot/BOOTX64.EFI"
	noLoaderYet  = "loader/"
	someoneElses = "EFI/debian/shimx64.efi"
)

// table has a line for each "place type device".
func table(root string, lines ...string) []mount.Point {
	points := []mount.Point{{Path: "/", FSType: "ext4", Major: 254}}
	for i, line := range lines {
		f := strings.Fields(line)
		points = append(points, mount.Point{Path: filepath.Join(root, f[0]), FSType: f[1], Root: "/", Major: 8, Minor: uint32(f[2][0]), ID: i})
	}
	return points
}

func TestFindMounted(t *testing.T) {
	for _, c := range []struct {
		name   string
		tree   testutil.Tree
		mounts []string
		esp    string
		dir    string
	}{
		{"the ESP at /efi", testutil.Tree{"efi/": ""}, []string{"efi vfat a"}, "efi", "efi"},
		{"the ESP at /boot", testutil.Tree{"boot/": ""}, []string{"boot vfat a"}, "boot", "boot"},
		{"the ESP at /boot/efi, /boot of the root", testutil.Tree{"boot/efi/" + loaderFile: "x"}, []string{"boot/efi vfat a"}, "boot/efi", "boot/efi"},
		{"the ESP at /boot/efi, /boot ext4", testutil.Tree{"boot/efi/" + loaderFile: "x"}, []string{"boot ext4 a", "boot/efi vfat b"}, "boot/efi", "boot/efi"},
		{"XBOOTLDR at /boot", testutil.Tree{"efi/" + loaderFile: "x", "boot/loader/entries/": ""}, []string{"efi vfat a", "boot vfat b"}, "efi", "boot"},
		{"XBOOTLDR at /boot, nothing installed", testutil.Tree{"efi/": "", "boot/": ""}, []string{"efi vfat a", "boot vfat b"}, "efi", "boot"},
		{"XBOOTLDR at /boot, the ESP within, nothing installed", testutil.Tree{"boot/efi/": ""}, []string{"boot vfat a", "boot/efi vfat b"}, "boot/efi", "boot"},
		{"the loader at /boot beside another vfat", testutil.Tree{"boot/" + removable: "x", "efi/": ""}, []string{"efi vfat a", "boot vfat b"}, "boot", "boot"},
		{"one partition at two places", testutil.Tree{"efi/" + loaderFile: "x", "boot/" + loaderFile: "x"}, []string{"efi vfat a", "boot vfat a"}, "efi", "efi"},
		{"a plain folder beside a partition", testutil.Tree{"efi/loader/": "", "boot/": ""}, []string{"boot vfat a"}, "boot", "boot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			c.tree.Create(t, root)
			got, err := esp.FindIn(root, table(root, c.mounts...))
			if err != nil || got.ESP != filepath.Join(root, c.esp) || got.Dir != filepath.Join(root, c.dir) {
				t.Errorf("got %+v, %v, want %s and %s", got, err, c.esp, c.dir)
			}
		})
	}
}

func TestFindFolders(t *testing.T) {
	for _, c := range []struct {
		name string
		tree testutil.Tree
		want string
	}{
		{"the first that holds a loader folder", testutil.Tree{"efi/": "", "boot/Loader/": ""}, "boot"},
		{"the first that holds an EFI folder", testutil.Tree{"boot/vmlinuz": "x", "boot/efi/" + someoneElses: "x"}, "boot/efi"},
		{"the firmware's folder in small letters", testutil.Tree{"boot/efi/boot/grub.cfg": "x"}, "boot"},
		{"an empty mount point in /boot", testutil.Tree{"boot/efi/": ""}, "boot"},
		{"nothing yet, /efi first", testutil.Tree{"boot/": "", "efi/": ""}, "efi"},
		{"the loader before an empty menu", testutil.Tree{"efi/" + noLoaderYet: "", "boot/" + loaderFile: "x"}, "boot"},
		{"a link within the root", testutil.Tree{"boot/" + loaderFile: "x", "efi": "-> boot"}, "boot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			c.tree.Create(t, root)
			got, err := esp.Find(root, "")
			want := filepath.Join(root, c.want)
			if err != nil || got != (esp.Boot{ESP: want, Dir: want}) {
				t.Errorf("got %v, %v, want %s", got, err, want)
			}
		})
	}
}

func TestFindNeverLeavesTheRoot(t *testing.T) {
	host := t.TempDir()
	testutil.Tree{loaderFile: "the host's", "loader/loader.conf": "timeout 3\n"}.Create(t, host)
	root := t.TempDir()
	testutil.Tree{"efi": "-> " + host, "boot": "-> ../" + filepath.Base(host)}.Create(t, root)
	if got, err := esp.Find(root, ""); !errors.Is(err, esp.ErrNoBoot) {
		t.Errorf("got %v, %v, want no boot partition", got, err)
	}
	if got, err := esp.FindIn("/", table("/")); !errors.Is(err, esp.ErrNoBoot) {
		t.Errorf("got %v, %v, want no plain folder of the running system", got, err)
	}
}

func TestTwoLoadersAreAnError(t *testing.T) {
	root := t.TempDir()
	testutil.Tree{"efi/" + loaderFile: "x", "boot/" + removable: "x"}.Create(t, root)
	for name, points := range map[string][]mount.Point{"mounted": table(root, "efi vfat a", "boot vfat b"), "folders": nil} {
		_, err := esp.FindIn(root, points)
		var two *esp.AmbiguousError
		if !errors.As(err, &two) {
			t.Fatalf("%s: got %v, want an ambiguity", name, err)
		}
		for _, dir := range []string{"efi", "boot"} {
			if !strings.Contains(err.Error(), filepath.Join(root, dir)) {
				t.Errorf("%s: got %q, want %s named", name, err, dir)
			}
		}
		if !strings.Contains(two.Hint(), "--esp") {
			t.Errorf("%s: got hint %q, want the flag named", name, two.Hint())
		}
	}
}

func TestFindExplicit(t *testing.T) {
	dir := t.TempDir()
	if got, err := esp.Find("/", dir); err != nil || got != (esp.Boot{ESP: dir, Dir: dir}) {
		t.Errorf("got %v, %v, want %s", got, err, dir)
	}
	if _, err := esp.Find("/", filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that it does not exist", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := esp.Find("/", file); err == nil {
		t.Error("got no error for a file")
	}
}

func TestNoBootSaysWhatToDo(t *testing.T) {
	root := t.TempDir()
	_, err := esp.Find(root, "")
	var hinter interface{ Hint() string }
	if !errors.Is(err, esp.ErrNoBoot) || !errors.As(err, &hinter) {
		t.Fatalf("got %v, want a hint", err)
	}
	for _, flag := range []string{"--esp", "--no-boot"} {
		if !strings.Contains(hinter.Hint(), flag) {
			t.Errorf("got hint %q, want %s in it", hinter.Hint(), flag)
		}
	}
	if !strings.Contains(err.Error(), filepath.Join(root, "boot/efi")) {
		t.Errorf("got %q, want the places named", err)
	}
}
