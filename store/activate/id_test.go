package activate_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil"
	"moss/store/activate"
)

func TestParseID(t *testing.T) {
	for text, want := range map[string]activate.ID{"1": 1, "42": 42, "18446744073709551615": 1<<64 - 1} {
		if got, err := activate.ParseID(text); got != want || err != nil {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
		if got := want.String(); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	for _, text := range []string{"", "0", "-1", "+1", "01", "1 ", " 1", "1\n", "1e3", "0x1", "1_0", "18446744073709551616", "ä"} {
		if got, err := activate.ParseID(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestLiveID(t *testing.T) {
	for name, tt := range map[string]struct {
		tree testutil.Tree
		want activate.ID
	}{
		"sealed":            {testutil.Tree{".stateID": "7"}, 7},
		"no seal":           {testutil.Tree{"bin/": ""}, 0},
		"empty":             {testutil.Tree{".stateID": ""}, 0},
		"newline":           {testutil.Tree{".stateID": "7\n"}, 0},
		"too long":          {testutil.Tree{".stateID": "184467440737095516150"}, 0},
		"a folder":          {testutil.Tree{".stateID/": ""}, 0},
		"a link to another": {testutil.Tree{".stateID": "-> other", "other": "7"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tt.tree.Create(t, dir)
			got, err := activate.LiveID(dir)
			if got != tt.want || (err == nil) != (tt.want != 0) {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
			if err != nil && !errors.Is(err, activate.ErrUnsealed) {
				t.Errorf("got %v, want ErrUnsealed", err)
			}
		})
	}
}

// PID 1 must not wait for somebody to open the other end.
func TestLiveIDDoesNotHangOnFifo(t *testing.T) {
	dir := t.TempDir()
	must(t, unix.Mkfifo(filepath.Join(dir, ".stateID"), 0o644))
	if _, err := activate.LiveID(dir); !errors.Is(err, activate.ErrUnsealed) {
		t.Errorf("got %v, want ErrUnsealed", err)
	}
}

func TestLiveIDWithoutTree(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), nil, 0o644)
	for _, usr := range []string{"absent", "file"} {
		if _, err := activate.LiveID(filepath.Join(dir, usr)); !errors.Is(err, activate.ErrUnsealed) {
			t.Errorf("%s: got %v, want ErrUnsealed", usr, err)
		}
	}
}

func TestSealIsWhatLiveIDReads(t *testing.T) {
	dir := t.TempDir()
	must(t, activate.Seal(dir, 12))
	if got, err := activate.LiveID(dir); got != 12 || err != nil {
		t.Errorf("got %v, %v, want 12", got, err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Errorf("got %v, %v, want nothing but the seal", names, err)
	}
}
