package system_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
)

const sizes = 200 // different amounts of free space, each on a real file system

// TestNoSpaceAtAnySize takes the space away right after it was checked, down to a
// different rest each time, so that every later step gets to see ENOSPC. Each
// time the live state is exactly the old or the new one, and with the space back
// everything goes on.
func TestNoSpaceAtAnySize(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			if testutil.Privately(t) {
				// Blocks that ext4 keeps for root would hide the end of the space.
				fillUp(t, newMedium(t, kind, 900<<20, map[string][]string{"ext4": {"-m", "0"}}[kind]...))
			}
		})
	}
}

func fillUp(t *testing.T, m medium) {
	testutil.NewRoot(t, m.dir)
	install(t, options(m.dir), base())
	random := rand.New(rand.NewPCG(1, 2))
	dry := options(m.dir)
	dry.DryRun = true
	need := install(t, dry, bulky(random)).Space
	good, bad := 0, map[string]int{}
	for i := range sizes {
		rest := need * uint64(i*7%sizes) * 5 / sizes / 4
		if err := outOfSpace(t, m, bulky(random), rest); err == nil {
			good++
		} else {
			bad[where(err)]++
		}
	}
	t.Logf("figure: need %d bytes; %d of %d sizes were enough; the others failed at %v", need, good, sizes, bad)
	if good < sizes/10 || good > sizes*9/10 || len(bad) < 3 {
		t.Errorf("%d of %d succeeded, failures at %v: the sizes are badly chosen", good, sizes, bad)
	}
}

// outOfSpace makes one transaction that runs out of space, and the one after it.
func outOfSpace(t *testing.T, m medium, next testutil.Stone, rest uint64) error {
	t.Helper()
	old, before := live(t, m.dir), testutil.List(t, filepath.Join(m.dir, "usr"))
	release := func() {}
	opt := options(m.dir)
	opt.Log = func(line string) {
		if strings.HasPrefix(line, "step space:") {
			release = m.leave(rest)
		}
	}
	result, err := system.Transact(t.Context(), opt, system.Change{Stones: write(t, next)})
	release()
	now, after := live(t, m.dir), testutil.List(t, filepath.Join(m.dir, "usr"))
	switch {
	case err == nil && now != result.ID:
		t.Errorf("rest %d: no error, but state %d is live, want %d", rest, now, result.ID)
	case now == old && !slices.Equal(before, after):
		t.Errorf("rest %d: the live tree changed (%v)", rest, err)
	case err != nil && now != old && system.ExitCode(err) != system.ExitLate:
		t.Errorf("rest %d: state %d is live after %v", rest, now, err)
	case err != nil && !strings.Contains(err.Error(), "no space") && !strings.Contains(err.Error(), "need 316 kB, have "):
		t.Errorf("rest %d: the error does not say what is wrong: %v", rest, err)
	}
	everyEntryIsWhole(t, m.dir)
	if _, err := system.SyncMenu(t.Context(), options(m.dir)); err != nil {
		t.Errorf("rest %d: with the space back: %v", rest, err)
	}
	nothingIsLeftOver(t, m.dir)
	return err
}

// where is the step that an error happened in, as far as its text tells.
func where(err error) string {
	first, _, _ := strings.Cut(err.Error(), ":")
	if what, _, ok := strings.Cut(first, " of base"); ok {
		return what
	}
	return first
}

// bulky is a package of new contents, folders, and a kernel for the menu to copy.
func bulky(random *rand.Rand) testutil.Stone {
	s := base()
	s.Version = fmt.Sprint(random.Uint64())
	s.Files["lib/kernel/"+kernel+"/vmlinuz"] = noise(random, 300_000)
	for i := range 60 {
		s.Files[fmt.Sprintf("share/d%d/f", i)] = noise(random, 20_000)
	}
	return s
}

func noise(random *rand.Rand, size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

// TestReadOnlyRoot: nothing can be written, one line says so.
func TestReadOnlyRoot(t *testing.T) {
	if !testutil.Privately(t) {
		return
	}
	m := newMedium(t, "ext4", 64<<20)
	testutil.NewRoot(t, m.dir)
	install(t, options(m.dir), base())
	testutil.Run(t, "mount", "-o", "remount,ro", m.dir)
	_, err := system.Transact(t.Context(), options(m.dir), system.Change{Stones: write(t, testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}})})
	if err == nil || !strings.Contains(err.Error(), "read-only file system") || system.ExitCode(err) != 1 {
		t.Errorf("got %v (exit code %d)", err, system.ExitCode(err))
	}
	if _, err := system.States(options(m.dir)); err != nil {
		t.Errorf("a query on a read-only root: %v", err)
	}
}

// TestMoreLinksThanExt4Allows: 65,000 names of one inode are ext4's limit
// (EXT4_LINK_MAX); empty files and copies of one content go beyond it.
func TestMoreLinksThanExt4Allows(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 132,000 files")
	}
	if !testutil.Privately(t) {
		return
	}
	m := newMedium(t, "ext4", 512<<20, "-N", "300000")
	testutil.NewRoot(t, m.dir)
	const names = 66_000
	many := testutil.Stone{Name: "many", Files: testutil.Tree{}}
	for i := range names {
		many.Files[fmt.Sprintf("share/empty/%d/%d", i%100, i)] = ""
		many.Files[fmt.Sprintf("share/twin/%d/%d", i%100, i)] = "one content"
	}
	install(t, options(m.dir), base(), many)
	for kind, body := range map[string]string{"empty": "", "twin": "one content"} {
		found, err := filepath.Glob(filepath.Join(m.dir, "usr/share", kind, "*/*"))
		if err != nil || len(found) != names {
			t.Fatalf("%s: got %d files, %v", kind, len(found), err)
		}
		for _, i := range []int{0, names / 2, names - 1} {
			if got := testutil.Read(t, found[i]); got != body {
				t.Errorf("%s: got %q", found[i], got)
			}
		}
	}
}
