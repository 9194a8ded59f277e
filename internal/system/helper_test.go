package system_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/activate"
)

const kernel = testutil.Kernel

func base() testutil.Stone { return testutil.Base() }

func newRoot(t testing.TB) string {
	root := t.TempDir()
	testutil.NewRoot(t, root)
	return root
}

func options(root string) system.Options {
	return system.Options{Root: root, Command: "test", Now: time.Date(2026, 11, 22, 3, 30, 0, 0, time.UTC), Log: func(string) {}}
}

func install(t testing.TB, opt system.Options, stones ...testutil.Stone) system.Result {
	t.Helper()
	result, err := system.Transact(t.Context(), opt, system.Change{Stones: write(t, stones...)})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func write(t testing.TB, stones ...testutil.Stone) []string {
	t.Helper()
	var files []string
	for _, one := range stones {
		files = append(files, one.Write(t, t.TempDir()))
	}
	return files
}

func live(t testing.TB, root string) activate.ID {
	t.Helper()
	id, err := activate.LiveID(filepath.Join(root, "usr"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// entries maps each entry file of $BOOT to its text.
func entries(t testing.TB, root string) map[string]string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "efi/loader/entries/*.conf"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(text)
	}
	return all
}
