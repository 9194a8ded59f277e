//go:build faultinject

package system_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/store"
	"moss/store/activate"
	"moss/store/asset"
	"moss/store/repo"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// menuFiles are the texts that decide what the next boot starts.
func menuFiles(t *testing.T, root string) map[string]string {
	t.Helper()
	all := entries(t, root)
	if text, err := os.ReadFile(filepath.Join(root, "efi/loader/loader.conf")); err == nil {
		all["loader.conf"] = string(text)
	}
	return all
}

// offered lists what the stored indexes say.
func offered(t *testing.T, root string) (all []string) {
	t.Helper()
	available, err := repo.Available(root)
	if err != nil {
		t.Error(err)
	}
	for _, p := range available {
		all = append(all, p.ID)
	}
	return all
}

// everyEntryCanStart: each entry of ours has its files and a whole tree, be it
// under another state's name for the moment.
func (b *bench) everyEntryCanStart(t *testing.T, root string) {
	t.Helper()
	if len(b.before) > 0 && !b.damaged {
		everyEntryIsWhole(t, root)
	}
	trees, _ := filepath.Glob(filepath.Join(root, ".moss/root/*/usr"))
	there := map[string]bool{}
	for _, usr := range append(trees, filepath.Join(root, "usr")) {
		if id, err := activate.LiveID(usr); err == nil {
			there[id.String()] = true
		}
	}
	for name := range entries(t, root) {
		if words := strings.Split(name, "-"); words[0] == "moss" && !there[words[2]] {
			t.Errorf("entry %s has no tree", name)
		}
	}
}

// temporary is how names begin or end that are there for a moment only.
var temporary = regexp.MustCompile(`\.tmp-|^\.new-|\.new$|\.part$|^\.(stage|unsealed|twin|trigger)-`)

// nothingSuperfluous compares each folder of the store with what the recorded
// states need. It knows nothing of what a prune looks at.
func (b *bench) nothingSuperfluous(t *testing.T, root string) {
	t.Helper()
	s, err := store.View(root)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	home := filepath.Join(root, store.Home)
	rows, err := s.States()
	if err != nil {
		t.Fatal(err)
	}
	live, archived, ids, selected, contents := live(t, root), map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	need := func(path string) {
		planned, err := tree.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range planned.Entries {
			if e.IsRegular() && e.Hash != stone.EmptyHash() {
				contents[asset.Name(e.Layout)] = true
			}
		}
	}
	for _, row := range rows {
		ids[row.ID.String()] = true
		archived[row.ID.String()] = row.ID != live
		need(filepath.Join(home, "manifests", row.ID.String()))
		for _, one := range row.Selections {
			selected[one.Package] = true
		}
	}
	for id := range selected {
		need(filepath.Join(home, "packages", id))
	}
	delete(archived, live.String())
	same(t, "packages", selected, namesIn(t, filepath.Join(home, "packages")))
	same(t, "manifests", ids, namesIn(t, filepath.Join(home, "manifests")))
	same(t, "assets", contents, assets(t, home))
	same(t, "root", archived, b.ours(t, root, "root"))
	recorded, err := s.Packages()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range recorded {
		if !selected[p.ID] {
			t.Errorf("package %s is recorded, and no state selects it", p.Label())
		}
	}
	b.downloads(t, root, selected)
	nothingTemporary(t, root)
	everyBootFileIsNamed(t, root)
}

// idsIn lists the states that a root knows, none where there is no store yet.
func idsIn(t *testing.T, root string) []state.ID {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".moss/db/moss.sqlite")); err != nil {
		return nil
	}
	return ids(t, options(root))
}

// ours are the names in a folder of the store, without those of AerynOS' moss,
// which were there before and are none of our business.
func (b *bench) ours(t *testing.T, root, folder string) map[string]bool {
	t.Helper()
	all := namesIn(t, filepath.Join(root, store.Home, folder))
	for _, name := range []string{"staging", "isolation", "v1"} {
		if b.foreign {
			delete(all, name)
		}
	}
	return all
}

func (b *bench) downloads(t *testing.T, root string, selected map[string]bool) {
	t.Helper()
	known := maps.Clone(selected)
	for _, id := range offered(t, root) {
		known[id] = true
	}
	for name := range b.ours(t, root, "cache/downloads") {
		if !known[name] {
			t.Errorf("download %s is of no known package", name)
		}
	}
}

func assets(t *testing.T, home string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for shard := range namesIn(t, filepath.Join(home, "assets")) {
		if len(shard) != 2 || shard == "v2" {
			if left := namesIn(t, filepath.Join(home, "assets", shard)); shard != "v2" && len(left) > 0 {
				t.Errorf("assets/%s: left: %v", shard, left)
			}
			continue
		}
		for name := range namesIn(t, filepath.Join(home, "assets", shard)) {
			all[shard+"/"+name] = true
		}
	}
	return all
}

func namesIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, one := range found {
		all[one.Name()] = true
	}
	return all
}

func same(t *testing.T, what string, want, got map[string]bool) {
	t.Helper()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func nothingTemporary(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if temporary.MatchString(filepath.Base(path)) {
			t.Errorf("left: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// everyBootFileIsNamed: a kernel that no entry names takes space for nothing.
func everyBootFileIsNamed(t *testing.T, root string) {
	t.Helper()
	text := strings.Join(slices.Collect(maps.Values(entries(t, root))), "\n")
	files, _ := filepath.Glob(filepath.Join(root, "efi/moss-*/*"))
	for _, path := range files {
		if !strings.Contains(text, filepath.Base(path)) {
			t.Errorf("no entry names %s", path)
		}
	}
}
