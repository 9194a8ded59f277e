package usrmerge_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/usrmerge"
)

// smallUsr is a root with /usr on a device of its own that has few bytes or inodes.
func smallUsr(t *testing.T, options string) string {
	t.Helper()
	dir := inMemory(t)
	mount(t, "moss-test", filepath.Join(dir, "usr"), "tmpfs", 0, "mode=0755,"+options)
	return dir
}

// grow gives /usr all the room that it needs.
func grow(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Mount("", filepath.Join(dir, "usr"), "", unix.MS_REMOUNT, "size=64m,nr_inodes=10000"); err != nil {
		t.Fatal(err)
	}
}

// TestTooLittleRoom is known before the first write, and said.
func TestTooLittleRoom(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	many := new(strings.Builder)
	for n := range 200 {
		fmt.Fprintf(many, "bin/f%d F%d\n", n, n)
	}
	for name, c := range map[string]struct{ options, tree, words string }{
		"bytes":  {"size=1m", `bin/big "` + strings.Repeat("x", 2<<20) + `"; bin/small S; lib/l L`, "bytes free"},
		"inodes": {"nr_inodes=50", many.String(), "room for"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := smallUsr(t, c.options)
			plant(t, dir, c.tree)
			before, prints := take(t, dir), footprint(t, dir)
			result := merge(t, dir)
			if result.Merged || len(result.Plan.Refusals) == 0 || !strings.Contains(result.Plan.Refusals[0].Why, c.words) || result.Plan.Refusals[0].Hint == "" {
				t.Errorf("got merged %v, %+v, want it refused in words", result.Merged, result.Plan.Refusals)
			}
			wantUntouched(t, "merge", prints, footprint(t, dir))
			grow(t, dir)
			if result := merge(t, dir); !result.Merged {
				t.Errorf("with room: got %+v", result.Plan.Refusals)
			}
			before.wantMerged(t, dir, nil)
		})
	}
}

// TestRoomThatIsNeededForNoCopy: links need no bytes, so a full disk stops no merge
// on one device that needs no new folder.
func TestRoomThatIsNeededForNoCopy(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	dir := inMemory(t)
	mount(t, "moss-test", dir, "tmpfs", 0, "mode=0755,size=4m")
	plant(t, dir, `bin/a "`+strings.Repeat("x", 2<<20)+`"; bin/d/b B; usr/bin/o O; lib/c C; var/lib/moss/usr-merge/`)
	before := take(t, dir)
	left := fill(t, filepath.Join(dir, "ballast"))
	if err := os.Truncate(filepath.Join(dir, "ballast"), left-256<<10); err != nil {
		t.Fatal(err)
	}
	if result := merge(t, dir); !result.Merged {
		t.Errorf("got %+v", result.Plan.Refusals)
	}
	before.wantMerged(t, dir, nil)
}

// fill writes until nothing more fits and tells how much did.
func fill(t *testing.T, path string) (size int64) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for chunk := make([]byte, 4096); err == nil; size += int64(len(chunk)) {
		_, err = file.Write(chunk)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return size
}

// TestRoomThatVanishes: as each phase begins somebody else takes all that is left.
// Everything works on, and when there is room again the merge goes on.
func TestRoomThatVanishes(t *testing.T) {
	if testing.Short() {
		t.Skip("merges at every phase")
	}
	if !testutil.Privately(t) {
		return
	}
	e := everything(false)
	want := undisturbedElsewhere(t, e)
	for _, phase := range phases(t, e) {
		t.Run(phase, func(t *testing.T) {
			dir := smallUsr(t, "size=32m")
			plant(t, dir, e.tree)
			before, taken := take(t, dir), false
			ballast := filepath.Join(dir, "usr/ballast")
			_, err := usrmerge.Run(t.Context(), usrmerge.Options{Root: dir, Progress: func(p usrmerge.Progress) {
				if p.Phase == phase && !taken {
					taken = fill(t, ballast) > 0
				}
			}})
			if err != nil && !errors.Is(err, unix.ENOSPC) {
				t.Errorf("got %v, want that there is no space", err)
			}
			before.wantWorking(t, dir, e.gaveWay())
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			wantContinued(t, e, dir, before, want)
		})
	}
}

// undisturbedElsewhere is everything merged with /usr on another device.
func undisturbedElsewhere(t *testing.T, e example) picture {
	t.Helper()
	dir := smallUsr(t, "size=64m")
	plant(t, dir, e.tree)
	before := take(t, dir)
	if result := merge(t, dir); !result.Merged {
		t.Fatalf("got %+v", result.Plan.Refusals)
	}
	before.wantMerged(t, dir, e.gaveWay())
	return take(t, dir)
}
