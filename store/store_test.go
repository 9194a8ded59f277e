package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/internal/testutil/need"
	"moss/store"
	"moss/store/state"
	"moss/store/stone"
)

func TestStatesAreWholeTrees(t *testing.T) {
	m := newMachine(t)
	base := m.unpack(testutil.Stone{Name: "base", Files: testutil.Tree{
		"bin/tool": "0755:#!/bin/sh\n", "bin/other": "-> tool", "share/empty/": "0700:", "share/zero": "", "bin/su": "4755:setuid"}})
	first := m.make(request{add: base})
	m.activate(first)
	second := m.make(request{add: m.unpack(testutil.Stone{Name: "nano", Files: testutil.Tree{"bin/nano": "0755:editor"}})})

	if got := testutil.List(t, filepath.Join(m.root, "usr")); cmp.Diff([]string{
		".stateID -rw-r--r-- \"1\"", "bin drwxr-xr-x", "bin/other -> tool", "bin/su urwxr-xr-x \"setuid\"",
		"bin/tool -rwxr-xr-x \"#!/bin/sh\\n\"", "share drwxr-xr-x", "share/empty drwx------", "share/zero -rw-r--r-- \"\""}, got) != "" {
		t.Errorf("live tree:\n%s", strings.Join(got, "\n"))
	}
	m.activate(second)
	if got := m.read("usr/.stateID") + m.read("usr/bin/nano") + m.read(".moss/root/1/usr/.stateID"); got != "2editor1" {
		t.Errorf("after activation: got %q", got)
	}
}

func TestUnchangedFilesAreOneInode(t *testing.T) {
	m := newMachine(t)
	m.activate(m.make(request{add: m.unpack(testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "same"}})}))
	second := m.make(request{add: m.unpack(testutil.Stone{Name: "b", Files: testutil.Tree{"bin/b": "other"}})})
	live, err := os.Stat(filepath.Join(m.root, "usr/bin/a"))
	if err != nil {
		t.Fatal(err)
	}
	archived, err := os.Stat(filepath.Join(m.s.Usr(second), "bin/a"))
	if err != nil || !os.SameFile(live, archived) {
		t.Errorf("bin/a of two states is not one file (%v)", err)
	}
}

// TestSetuidTwinLeavesOtherStatesAlone: one inode has one mode, so a package
// that ships a common content setuid must get a file of its own.
func TestSetuidTwinLeavesOtherStatesAlone(t *testing.T) {
	m := newMachine(t)
	m.activate(m.make(request{add: m.unpack(testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "0755:program"}})}))
	twin := m.make(request{add: m.unpack(testutil.Stone{Name: "evil", Files: testutil.Tree{"bin/evil": "4755:program"}})})
	for path, want := range map[string]os.FileMode{
		filepath.Join(m.root, "usr/bin/a"):        0o755,
		filepath.Join(m.s.Usr(twin), "bin/a"):     0o755,
		filepath.Join(m.s.Usr(twin), "bin/evil"):  0o755 | os.ModeSetuid,
		filepath.Join(m.root, "usr", ".stateID"):  0o644,
		filepath.Join(m.s.Usr(twin), ".stateID"):  0o644,
		filepath.Join(m.root, ".moss/root/2/usr"): 0o755 | os.ModeDir,
	} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestOwnersAndCapabilitiesSurvive(t *testing.T) {
	need.Root(t, "giving files away")
	m := newMachine(t)
	capNetRaw := []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	body := []byte("pings")
	ping := stone.Layout{Path: "bin/ping", Mode: unix.S_IFREG | 0o755, UID: 7, GID: 8, Hash: stone.HashOf(body),
		Xattrs: []stone.Xattr{{Name: "security.capability", Value: capNetRaw}}}
	games := stone.Layout{Path: "lib/games", Mode: unix.S_IFDIR | unix.S_ISGID | 0o775, UID: 5, GID: 60}
	m.activate(m.make(request{add: m.unpack(testutil.Stone{Name: "ping",
		Files: testutil.Tree{"share/x": "pings"}, Layouts: []stone.Layout{ping, games}})}))
	path := filepath.Join(m.root, "usr/bin/ping")
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Uid != 7 || st.Gid != 8 {
		t.Errorf("bin/ping: got owner %d:%d, %v, want 7:8", st.Uid, st.Gid, err)
	}
	got := make([]byte, 64)
	n, err := unix.Getxattr(path, "security.capability", got)
	if err != nil || cmp.Diff(capNetRaw, got[:n]) != "" {
		t.Errorf("capability: got %v, %v, want %v", got[:max(n, 0)], err, capNetRaw)
	}
	if err := unix.Stat(filepath.Join(m.root, "usr/lib/games"), &st); err != nil || st.Uid != 5 || st.Gid != 60 || st.Mode&0o7777 != 0o2775 {
		t.Errorf("lib/games: got %o %d:%d, %v, want 2775 5:60", st.Mode, st.Uid, st.Gid, err)
	}
}

func TestConflictWritesNothing(t *testing.T) {
	m := newMachine(t)
	add := m.unpack(testutil.Stone{Name: "a", Files: testutil.Tree{"bin/x": "1"}}, testutil.Stone{Name: "b", Files: testutil.Tree{"bin/x": "2"}})
	if _, err := m.s.Plan(m.choose(request{add: add}), nil); err == nil || !strings.Contains(err.Error(), "a 1") || !strings.Contains(err.Error(), "b 1") {
		t.Errorf("got %v, want a conflict that names both", err)
	}
	if names, _ := os.ReadDir(filepath.Join(m.root, ".moss/root")); len(names) != 0 {
		t.Errorf("something was staged: %v", names)
	}
}

func TestHostilePathIsRefusedBeforeAnythingIsVisible(t *testing.T) {
	m := newMachine(t)
	body := []byte("root::0:0::/:/bin/sh\n")
	evil := testutil.Stone{Name: "evil", Files: testutil.Tree{"share/cover": string(body)},
		Layouts: []stone.Layout{{Path: "../etc/passwd", Mode: unix.S_IFREG | 0o644, Hash: stone.HashOf(body)}}}
	_, err := m.tryUnpack(evil)
	if err == nil || !strings.Contains(err.Error(), "evil") || !strings.Contains(err.Error(), "../etc/passwd") {
		t.Errorf("got %v, want a refusal that names package and path", err)
	}
	if _, err := os.Lstat(filepath.Join(m.root, "etc")); !errors.Is(err, os.ErrNotExist) {
		t.Error("something appeared outside /usr")
	}
}

func TestDamagedStoneLeavesNothing(t *testing.T) {
	m := newMachine(t)
	file := testutil.Stone{Name: "a", Files: testutil.Tree{"bin/x": strings.Repeat("content ", 1000)}}.Write(t, t.TempDir())
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-3] ^= 1
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := m.unpackFiles(store.File{Path: file}); err == nil {
		t.Fatal("a damaged stone was unpacked")
	}
	if found, _ := filepath.Glob(filepath.Join(m.root, ".moss/assets/*/*")); len(found) != 0 {
		t.Errorf("assets left behind: %v", found)
	}
}

func TestReopenDropsWhatACutLeft(t *testing.T) {
	m := newMachine(t)
	m.activate(m.make(request{add: m.unpack(testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}})}))
	ghost := m.make(request{add: m.unpack(testutil.Stone{Name: "b", Files: testutil.Tree{"bin/b": "b"}})})
	// As if the power had gone between the row and the rename, in a blit, and
	// between the two renames of an exchange.
	if err := os.Rename(filepath.Join(m.root, ".moss/root", ghost.String()), filepath.Join(m.root, ".moss/root/.stage-x")); err != nil {
		t.Fatal(err)
	}
	third := m.make(request{})
	if err := os.Rename(filepath.Join(m.root, ".moss/root", third.String()), filepath.Join(m.root, ".moss/root/1")); err != nil {
		t.Fatal(err)
	}
	repairs := strings.Join(m.reopen(), "\n")
	for _, want := range []string{".stage-x", "forgot state 2"} {
		if !strings.Contains(repairs, want) {
			t.Errorf("repairs do not mention %q:\n%s", want, repairs)
		}
	}
	if got := m.read(".moss/root/3/usr/.stateID"); got != "3" {
		t.Errorf("the misnamed folder was not mended: %q", got)
	}
	all, err := m.s.States()
	if err != nil || len(all) != 2 || all[0].ID != 1 || all[1].ID != 3 {
		t.Errorf("got states %v, %v, want 1 and 3", all, err)
	}
	if next := m.make(request{}); next != 4 {
		t.Errorf("got id %d, want 4: a number is never used twice", next)
	}
}

func TestLockNamesItsHolder(t *testing.T) {
	m := newMachine(t)
	_, _, err := store.Open(t.Context(), m.root, store.Access{Command: "second"})
	var locked *store.LockedError
	if !errors.As(err, &locked) || !strings.Contains(err.Error(), "test (process") {
		t.Errorf("got %v, want a LockedError that names the first", err)
	}
}

func TestWithdraw(t *testing.T) {
	m := newMachine(t)
	m.activate(m.make(request{add: m.unpack(testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}})}))
	second := m.make(request{})
	if err := m.s.Withdraw(second); err != nil {
		t.Fatal(err)
	}
	if _, err := m.s.State(second); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("got %v, want it gone", err)
	}
	if err := m.s.Withdraw(1); !errors.Is(err, store.ErrRefused) {
		t.Errorf("live state: got %v, want it refused", err)
	}
	if repairs := m.reopen(); len(repairs) != 0 {
		t.Errorf("something was left to repair: %v", repairs)
	}
}

// TestWaitForTheLock: a writer that waits is told who holds the root, gets it
// as soon as it is free, and gives up when it is told to.
func TestWaitForTheLock(t *testing.T) {
	m := newMachine(t)
	told := make(chan string, 2)
	access := store.Access{Command: "second", Waiting: func(holder string) { told <- holder }}
	hurried, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, _, err := store.Open(hurried, m.root, access)
		failed <- err
	}()
	if holder := <-told; !strings.Contains(holder, "test (process") {
		t.Errorf("holder is %q", holder)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the wait called off", err)
	}
	opened := make(chan error, 1)
	go func() {
		s, _, err := store.Open(t.Context(), m.root, access)
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	<-told
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("the lock was free, got %v", err)
	}
}

// TestAStoneThatIsNotTheOneAskedFor: what an index promised is what is unpacked,
// or nothing is.
func TestAStoneThatIsNotTheOneAskedFor(t *testing.T) {
	m := newMachine(t)
	path := testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": "a"}}.Write(t, t.TempDir())
	_, err := m.unpackFiles(store.File{Path: path, ID: strings.Repeat("0", 64)})
	var changed *store.ChangedError
	if !errors.As(err, &changed) || !errors.Is(err, store.ErrRefused) {
		t.Errorf("got %v, want a ChangedError that is a refusal", err)
	}
}

// TestSpaceIsCheckedForThePeak: contents, folders, empty files and records are
// all counted before anything is written.
func TestSpaceIsCheckedForThePeak(t *testing.T) {
	m := newMachine(t)
	path := testutil.Stone{Name: "a", Files: testutil.Tree{"bin/a": strings.Repeat("x", 10_000), "share/empty": "", "lib/b": "b"}}.Write(t, t.TempDir())
	fresh, err := store.Prepare(t.Context(), []store.File{{Path: path}})
	if err != nil {
		t.Fatal(err)
	}
	defer fresh[0].Close()
	planned, err := m.s.Plan(store.Choice{Packages: []store.Chosen{{Package: fresh[0].Package}}}, fresh)
	if err != nil {
		t.Fatal(err)
	}
	need, err := m.s.Needs(planned, fresh)
	if err != nil {
		t.Fatal(err)
	}
	if need.Files != 2 || need.Bytes != 10_001 || need.Nodes != 2+3+1 || need.Total < 12288+4096+4*4096 {
		t.Errorf("got %+v", need)
	}
	need.Total = 1 << 62
	var full *store.SpaceError
	if err := m.s.CheckSpace(need); !errors.As(err, &full) || full.Unit != "bytes" || !errors.Is(err, store.ErrRefused) {
		t.Errorf("got %v, want a SpaceError", err)
	}
}
