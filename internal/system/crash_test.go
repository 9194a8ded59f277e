//go:build faultinject

package system_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/internal/system"
	"moss/internal/testutil"
)

// TestMain runs a transaction instead of the tests when it is told to: the crash
// tests need a process that can die.
func TestMain(m *testing.M) {
	root := os.Getenv("MOSS_TEST_ROOT")
	if root == "" {
		os.Exit(m.Run())
	}
	_, err := system.Transact(context.Background(), options(root), system.Change{Stones: strings.Fields(os.Getenv("MOSS_TEST_STONES"))})
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(system.ExitCode(err))
	}
	os.Exit(0)
}

// points are all the places where a transaction may die, in order; a point that
// is not reached fails the test.
func points() []string {
	return []string{
		"transaction/unpack", "unpack/sync", "unpack/publish", "unpack/record", "transaction/resolve", "transaction/plan",
		"transaction/stage", "blit/folders", "blit/files", "transaction/check", "transaction/room", "transaction/seal",
		"seal/sync", "seal/recorded", "seal/sealed", "transaction/menu", "menu/copy", "menu/sync", "menu/entry", "menu/done", "menu/list",
		"transaction/exchange", "activate/exchanging", "activate/exchanged", "activate/renamed", "transaction/links",
	}
}

func TestEveryCutLeavesTheOldOrTheNewState(t *testing.T) {
	for _, kind := range []string{"kill", "error", "panic"} {
		for _, point := range points() {
			t.Run(kind+"/"+point, func(t *testing.T) {
				t.Parallel()
				cut(t, point, kind)
			})
		}
	}
}

func cut(t *testing.T, point, kind string) {
	root := newRoot(t)
	install(t, options(root), base())
	old := testutil.List(t, filepath.Join(root, "usr"))
	next := base()
	next.Version = "2"
	next.Files["lib/kernel/"+kernel+"/vmlinuz"] = "another kernel"
	next.Files["bin/new"] = "new"
	stones := write(t, next)

	code, said := transactInChild(t, root, stones, point+":"+kind)
	if code == 0 {
		t.Fatalf("nothing happened at %s: the point is not passed", point)
	}
	t.Logf("exit code %d: %s", code, said)
	oldOrNew(t, root, old)
	everyEntryHasItsFiles(t, root)

	// The next transaction recovers by itself and ends where it should.
	result := install(t, options(root), next)
	if live(t, root) != result.ID {
		t.Errorf("after recovery %d is live, want %d", live(t, root), result.ID)
	}
	if body, _ := os.ReadFile(filepath.Join(root, "usr/bin/new")); string(body) != "new" {
		t.Errorf("after recovery the new file holds %q", body)
	}
	noOrphans(t, root)
	everyEntryHasItsFiles(t, root)
}

func transactInChild(t *testing.T, root string, stones []string, fault string) (int, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "MOSS_TEST_ROOT="+root, "MOSS_TEST_STONES="+strings.Join(stones, " "), "MOSS_FAULT="+fault)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return cmd.ProcessState.ExitCode(), first
}

// oldOrNew: whatever was cut, the live tree is exactly one of the two.
func oldOrNew(t *testing.T, root string, old []string) {
	t.Helper()
	now := testutil.List(t, filepath.Join(root, "usr"))
	if slices.Equal(now, old) {
		return
	}
	body, _ := os.ReadFile(filepath.Join(root, "usr/bin/new"))
	id := live(t, root)
	if id == 1 || string(body) != "new" {
		t.Errorf("the live tree is neither old nor new:\n%s", strings.Join(now, "\n"))
	}
}

// everyEntryHasItsFiles: the loader may start any entry it finds.
func everyEntryHasItsFiles(t *testing.T, root string) {
	t.Helper()
	all := entries(t, root)
	if len(all) == 0 {
		t.Error("there is no boot entry left")
	}
	for name, text := range all {
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if key != "linux" && key != "initrd" {
				continue
			}
			body, err := os.ReadFile(filepath.Join(root, "efi", strings.TrimSpace(value)))
			if err != nil || len(body) == 0 {
				t.Errorf("entry %s: %s is missing or empty", name, value)
			}
		}
	}
}

// noOrphans: every folder is a state, every state has a folder or is live.
func noOrphans(t *testing.T, root string) {
	t.Helper()
	states, err := system.States(options(root))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, s := range states {
		known[s.ID.String()] = !s.Active
		if !s.Bootable {
			t.Errorf("state %d is not bootable: %s", s.ID, s.Why)
		}
	}
	folders, err := os.ReadDir(filepath.Join(root, ".moss/root"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !known[f.Name()] {
			t.Errorf("%s is no archived state's folder", f.Name())
		}
		delete(known, f.Name())
	}
	for id, archived := range known {
		if archived {
			t.Errorf("state %s has no folder", id)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(root, ".moss/assets/stage/*")); len(found) != 0 {
		t.Errorf("unpublished assets left: %v", found)
	}
}
