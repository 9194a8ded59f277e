package repo_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/store/repo"
)

// TestSwitchRecordIsNotGuessed: with a record that cannot be read, to go on as if
// there were none would be to go back.
func TestSwitchRecordIsNotGuessed(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"cut":       "new 2026-01-01T00:00:00Z old",
		"one word":  "new\n",
		"no time":   "new yesterday old\n",
		"no name":   "new 2026-01-01T00:00:00Z ../old\n",
		"empty row": "\n",
	} {
		t.Run(name, func(t *testing.T) {
			e := newEpochs(t)
			write(t, e.root, ".moss/repo/.successors", text)
			var bad *repo.TakeoverError
			if _, err := repo.Load(e.root); !errors.As(err, &bad) || bad.Hint() == "" {
				t.Errorf("load: got %v", err)
			}
			if _, err := e.run(t); !errors.As(err, &bad) {
				t.Errorf("update: got %v", err)
			}
			if _, err := repo.Standings(e.root, configured(t, e.root), nil); !errors.As(err, &bad) {
				t.Errorf("standings: got %v", err)
			}
			if got := read(t, e.root, ".moss/repo/.successors"); got != text {
				t.Errorf("the record is %q now", got)
			}
			if err := os.Remove(filepath.Join(e.root, ".moss/repo/.successors")); err != nil {
				t.Fatal(err)
			}
			e.split = nil
			if got := e.update(t); got != "new<old" { // as the hint says
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestSwitchCirclesAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ pairs, want string }{
		"itself":     {"a a", "a succeeds a"},
		"two":        {"a b b a", "a succeeds b succeeds a"},
		"three":      {"a b b c c a", "a succeeds b succeeds c succeeds a"},
		"led into":   {"a b b c c b", "b succeeds c succeeds b"},
		"not a name": {"a ../b", `succeeds: repository name "../b"`},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			words := strings.Fields(c.pairs)
			for pair := range slices.Chunk(words, 2) {
				write(t, root, "usr/share/moss/repo.d/"+pair[0]+".yaml", pair[0]+":\n  uri: /x\n  unsigned: true\n  succeeds: "+pair[1]+"\n")
			}
			_, err := repo.Configured(root)
			var bad *repo.ConfigError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) || bad.Hint() == "" {
				t.Errorf("got %v, want %q", err, c.want)
			}
			// What the hint says of the system's files.
			if name != "not a name" {
				write(t, root, "etc/moss/repo.d/mend.yaml", words[len(words)-2]+":\n  succeeds: \"\"\n")
				if _, err := repo.Configured(root); err != nil {
					t.Errorf("mended: %v", err)
				}
			}
		})
	}
}

func TestSuccessionKeysAreKept(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	want := repo.Repository{Name: "new", URI: "/srv/new", Unsigned: true, MergedOnly: true, Succeeds: "old", Enabled: true}
	add(t, root, want)
	got := configured(t, root)[0]
	want.File = got.File
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	write(t, root, "usr/share/moss/repo.d/v.yaml", "v:\n  uri: /srv/v\n  unsigned: true\n  merged-only: true\n  succeeds: old\n")
	enable(t, root, "v", false)
	if v := configured(t, root)[1]; !v.MergedOnly || v.Succeeds != "old" || v.Enabled {
		t.Errorf("disabled: got %+v", v)
	}
	// An administrator's file that says one of the keys is not only a switch.
	write(t, root, "etc/moss/repo.d/v.yaml", "v:\n  active: false\n  merged-only: false\n")
	enable(t, root, "v", true)
	if v := configured(t, root)[1]; v.MergedOnly || !v.Enabled {
		t.Errorf("enabled: got %+v", v)
	}
	for text, bad := range map[string]string{"merged-only: perhaps": `merged-only: "perhaps": want true or false`, "succeeds:": "succeeds: want text", "succeeds: [a]": "succeeds: want one value"} {
		write(t, root, "etc/moss/repo.d/v.yaml", "v:\n  "+text+"\n")
		if _, err := repo.Configured(root); err == nil || !strings.Contains(err.Error(), "v.yaml line 2: "+bad) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}
