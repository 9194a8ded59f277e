package mount_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"moss/internal/mount"
	"moss/internal/testutil"
)

const table = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
36 27 8:1 / /boot ro,relatime shared:2 master:1 - vfat /dev/sda1 rw,fmask=0022,iocharset=ascii
37 27 0:44 /@home /home\040of\040all rw - btrfs /dev/nvme0n1p2 rw,subvol=/@home
38 27 0:45 / /tab\011nl\012bs\134hash\043 rw - fuse.a\134b a\040b rw
39 27 0:46 / /over rw - overlay overlay rw,lowerdir=/a\054b,upperdir=/c
40 36 8:2 / /boot rw - vfat /dev/sda2 rw
`

func read(t *testing.T, text string) []mount.Point {
	t.Helper()
	points, err := mount.Table(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return points
}

func TestTable(t *testing.T) {
	points := read(t, table)
	if len(points) != 7 {
		t.Fatalf("got %d points, want 7", len(points))
	}
	want := mount.Point{
		ID: 36, Parent: 27, Major: 8, Minor: 1, Root: "/", Path: "/boot", FSType: "vfat", Source: "/dev/sda1",
		Options: []string{"ro", "relatime"}, SuperOptions: []string{"rw", "fmask=0022", "iocharset=ascii"},
	}
	if diff := cmp.Diff(want, points[2]); diff != "" {
		t.Errorf("a mount with two optional fields (-want +got):\n%s", diff)
	}
	if got, want := points[3].Path, "/home of all"; got != want {
		t.Errorf("got path %q, want %q", got, want)
	}
	if got, want := points[4].Path, "/tab\tnl\nbs\\hash#"; got != want {
		t.Errorf("got path %q, want %q", got, want)
	}
	if got, want := points[4].FSType+"|"+points[4].Source, `fuse.a\b|a b`; got != want {
		t.Errorf("got type and source %q, want %q", got, want)
	}
	if got, want := points[5].SuperOptions[1], "lowerdir=/a,b"; got != want {
		t.Errorf("got option %q, want %q", got, want)
	}
}

func TestAt(t *testing.T) {
	points := read(t, table)
	for _, c := range []struct {
		path string
		id   int
	}{
		{"/", 27}, {"/boot", 40}, {"/boot/", 40}, {"/boot/efi", 0}, {"/home", 0}, {"/home of all", 37}, {"relative", 0},
	} {
		if got, _ := mount.At(points, c.path); got.ID != c.id {
			t.Errorf("at %q: got mount %d, want %d", c.path, got.ID, c.id)
		}
	}
}

func TestHolding(t *testing.T) {
	points := read(t, table)
	for _, c := range []struct {
		path string
		id   int
	}{
		{"/", 27}, {"/boot/efi/EFI", 40}, {"/bootleg", 27}, {"/home of all/x", 37}, {"relative", 0},
	} {
		if got, _ := mount.Holding(points, c.path); got.ID != c.id {
			t.Errorf("holding %q: got mount %d, want %d", c.path, got.ID, c.id)
		}
	}
}

func TestTableRefusesGarbage(t *testing.T) {
	for _, line := range []string{
		"x", "1 2 3:4 / / rw", "1 2 3:4 / / rw - ext4 src", "a 2 3:4 / / rw - ext4 src rw",
		"1 b 3:4 / / rw - ext4 src rw", "1 2 3 / / rw - ext4 src rw", "1 2 3:c / / rw - ext4 src rw", "1 2 99999999999:0 / / rw - t s o", "",
	} {
		if _, err := mount.Table(strings.NewReader(line + "\n")); err == nil {
			t.Errorf("got no error for %q", line)
		} else if !strings.Contains(err.Error(), "line 1") {
			t.Errorf("got %v, want the line's number in it", err)
		}
	}
}

func TestSelf(t *testing.T) {
	points, err := mount.Self()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := mount.At(points, "/"); !ok {
		t.Errorf("got %d mounts and no root among them", len(points))
	}
	if proc, ok := mount.Holding(points, "/proc/self/mountinfo"); !ok || proc.FSType != "proc" {
		t.Errorf("got %+v, %v, want the proc file system", proc, ok)
	}
}

// escape does to a name what the kernel's seq_path does to it.
func escape(name string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`).Replace(name)
}

func TestAnyPathSurvivesTheTable(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		path := "/" + rapid.StringOf(rapid.RuneFrom([]rune("ab \t\n\\#é0147,-"))).Draw(t, "path")
		line := fmt.Sprintf("1 2 3:4 / %s rw - ext4 %s rw", escape(path), escape(path))
		points, err := mount.Table(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if points[0].Path != path || points[0].Source != path {
			t.Fatalf("got %q on %q, want %q for both", points[0].Source, points[0].Path, path)
		}
	})
}

func FuzzTable(f *testing.F) {
	f.Add(table)
	if text, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		points, err := mount.Table(strings.NewReader(text))
		if err == nil && len(points) > strings.Count(text, "\n")+1 {
			t.Errorf("got %d points from %d lines", len(points), strings.Count(text, "\n")+1)
		}
	})
}
