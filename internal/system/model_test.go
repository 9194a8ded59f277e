package system_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/internal/system"
	"moss/internal/testutil"
	"moss/store/activate"
)

// world is the model: what each state holds, by nothing but maps.
type world struct {
	root   string
	repo   string                            // folder of the repository
	states map[activate.ID]map[string]string // package to version
	pinned map[activate.ID]bool
	live   activate.ID
	newest activate.ID
	latest map[string]string // what the repository offers
}

// universe names the packages; three more come and go with what needs them.
func universe() []string { return []string{"a", "b", "c", "d"} }

// needs: c cannot be without lib, d not without b.
func needs(name string) []string {
	return map[string][]string{"c": {"lib"}, "d": {"b"}}[name]
}

// build is a package of the universe: some of its files change with the version,
// some are shared with other packages, one is setuid in odd versions.
func build(name, version string) testutil.Stone {
	s := testutil.Stone{Name: name, Version: version, Release: uint64(version[0] - '0'), Depends: needs(name), Files: testutil.Tree{
		"bin/" + name:                       "0755:" + name + version,
		"share/" + name + "/same":           "the same in all",
		"share/" + name + "/empty":          "",
		"share/" + name + "/link":           "-> ../../bin/" + name,
		"share/" + name + "/v" + version:    name,
		"lib/" + name + "/deep/er/" + name:  "always " + name,
		"share/" + name + "/suid" + version: "4755:program",
	}}
	if version == "2" {
		delete(s.Files, "share/"+name+"/empty")
	}
	return s
}

// files is what the model says that a selection looks like on disk.
func (w *world) files(t testing.TB, id activate.ID) map[string]bool {
	all := map[string]bool{}
	dir := t.TempDir()
	add := func(s testutil.Stone) {
		for path := range s.Files {
			all[path] = true
		}
		s.Files.Create(t, dir)
	}
	for name, version := range w.states[id] {
		if name == "base" {
			add(base())
		} else {
			add(build(name, version))
		}
	}
	testutil.Tree{".stateID": id.String()}.Create(t, dir)
	lines := map[string]bool{}
	for _, line := range testutil.List(t, dir) {
		lines[line] = true
	}
	return lines
}

// check compares everything there is with the model.
func (w *world) check(rt *rapid.T, t testing.TB) {
	if got := live(t, w.root); got != w.live {
		rt.Fatalf("state %d is live, want %d", got, w.live)
	}
	got := map[string]bool{}
	for _, line := range testutil.List(t, filepath.Join(w.root, "usr")) {
		got[line] = true
	}
	for line := range w.files(t, w.live) {
		if !got[line] {
			rt.Fatalf("the live tree lacks %s", line)
		}
		delete(got, line)
	}
	if len(got) > 0 {
		rt.Fatalf("the live tree has more: %v", slices.Sorted(maps.Keys(got)))
	}
	all, err := system.States(options(w.root))
	if err != nil {
		rt.Fatal(err)
	}
	ids := map[activate.ID]bool{}
	for _, s := range all {
		ids[s.ID] = true
		if w.states[s.ID] == nil || s.Pinned != w.pinned[s.ID] || s.Active != (s.ID == w.live) || len(s.Packages) != len(w.states[s.ID]) {
			rt.Fatalf("state %d: got %+v, the model has %v", s.ID, s, w.states[s.ID])
		}
	}
	if len(ids) != len(w.states) {
		rt.Fatalf("states %v, the model has %v", slices.Sorted(maps.Keys(ids)), slices.Sorted(maps.Keys(w.states)))
	}
}

// became records the state that a transaction made.
func (w *world) became(rt *rapid.T, result system.Result, selection map[string]string) {
	if result.Unchanged {
		if !maps.Equal(selection, w.states[w.live]) {
			rt.Fatalf("nothing was done, the model wants %v", selection)
		}
		return
	}
	if result.ID <= w.newest {
		rt.Fatalf("number %d was given again after %d", result.ID, w.newest)
	}
	w.live, w.newest = result.ID, result.ID
	w.states[result.ID] = selection
}

// with is the live selection with a package and what that needs.
func (w *world) with(name, version string) map[string]string {
	next := maps.Clone(w.states[w.live])
	next[name] = version
	for _, need := range needs(name) {
		if next[need] == "" {
			next[need] = w.latest[need]
		}
	}
	return next
}

func (w *world) install(rt *rapid.T, t *testing.T) {
	name, version := rapid.SampledFrom(universe()).Draw(rt, "name"), rapid.SampledFrom([]string{"1", "2", "3"}).Draw(rt, "version")
	file := build(name, version).Write(t, t.TempDir())
	result, err := system.Transact(t.Context(), options(w.root), system.Change{Stones: []string{file}})
	if err != nil {
		rt.Fatal(err)
	}
	w.became(rt, result, w.with(name, version))
}

func (w *world) remove(rt *rapid.T, t *testing.T) {
	name := rapid.SampledFrom(universe()).Draw(rt, "name")
	result, err := system.Transact(t.Context(), options(w.root), system.Change{Remove: []string{name}})
	have := w.states[w.live]
	needed := name == "b" && have["d"] != ""
	if have[name] == "" || needed {
		if err == nil {
			rt.Fatalf("%s was removed: the model has %v", name, have)
		}
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	next := maps.Clone(have)
	delete(next, name)
	if name == "c" {
		delete(next, "lib")
	}
	if name == "d" && !w.explicit("b") {
		delete(next, "b")
	}
	w.became(rt, result, next)
}

// explicit asks the store: which packages came along is its own record.
func (w *world) explicit(name string) bool {
	s, err := system.Export(w.root, w.live)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(s.Packages, func(p system.SelectedPackage) bool { return p.Name == name && p.Explicit })
}

func (w *world) activate(rt *rapid.T, t *testing.T) {
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(w.states))).Draw(rt, "state")
	if _, err := system.Activate(t.Context(), options(w.root), id); err != nil {
		rt.Fatal(err)
	}
	w.live = id
}

func (w *world) pin(rt *rapid.T, t *testing.T) {
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(w.states))).Draw(rt, "state")
	on := rapid.Bool().Draw(rt, "pinned")
	if _, err := system.Pin(t.Context(), options(w.root), []activate.ID{id}, on); err != nil {
		rt.Fatal(err)
	}
	w.pinned[id] = on
}

// sync publishes a new version of one package and brings the root up to date.
func (w *world) sync(rt *rapid.T, t *testing.T) {
	name := rapid.SampledFrom(append(universe(), "lib")).Draw(rt, "name")
	w.latest[name] = string(min(w.latest[name][0]+1, '9'))
	w.publish(t)
	result, err := system.Transact(t.Context(), options(w.root), system.Change{Upgrade: true, Refresh: true})
	if err != nil {
		rt.Fatal(err)
	}
	next := maps.Clone(w.states[w.live])
	for name := range next {
		if name != "base" {
			next[name] = max(next[name], w.latest[name])
		}
	}
	w.became(rt, result, next)
}

// publish writes the repository's packages and index.
func (w *world) publish(t testing.TB) {
	for name, version := range w.latest {
		build(name, version).Write(t, w.repo)
	}
	publish(t, w.repo)
}

func newWorld(t *testing.T) *world {
	w := &world{root: newRoot(t), repo: t.TempDir(), states: map[activate.ID]map[string]string{}, pinned: map[activate.ID]bool{},
		latest: map[string]string{"a": "1", "b": "1", "c": "1", "d": "1", "lib": "1"}}
	w.publish(t)
	addRepository(t, w.root, w.repo)
	w.live = install(t, options(w.root), base()).ID
	w.newest = w.live
	w.states[w.live] = map[string]string{"base": "1"}
	return w
}

// TestModel drives a root by random operations beside the model.
func TestModel(t *testing.T) {
	rapid.Check(testutil.Seeded(t), func(rt *rapid.T) {
		w := newWorld(t)
		act := func(do func(*world, *rapid.T, *testing.T)) func(*rapid.T) {
			return func(rt *rapid.T) { do(w, rt, t) }
		}
		actions := map[string]func(*rapid.T){
			"":         func(rt *rapid.T) { w.check(rt, t) },
			"install":  act((*world).install),
			"remove":   act((*world).remove),
			"activate": act((*world).activate),
			"pin":      act((*world).pin),
			"sync":     act((*world).sync),
			"prune":    act((*world).prune),
			"crash":    act((*world).crashed),
		}
		rt.Repeat(actions)
		damages, err := verifyAll(t, w.root)
		if err != nil || len(damages) > 0 {
			rt.Fatalf("verify: %v, %v", damages, err)
		}
	})
}

// crashed kills a transaction at a random moment: before the exchange nothing
// has happened, after it the new state is there.
func (w *world) crashed(rt *rapid.T, t *testing.T) {
	name, version := rapid.SampledFrom(universe()).Draw(rt, "name"), rapid.SampledFrom([]string{"1", "2", "3"}).Draw(rt, "version")
	point := rapid.SampledFrom(crashPoints()).Draw(rt, "point")
	if point == "" {
		rt.Skip("a draw that this step cannot use, not a test: no fault points")
	}
	stones := []string{build(name, version).Write(t, t.TempDir())}
	transactInChild(t, w.root, stones, point+":kill")
	newest := w.newest
	next, _ := os.ReadFile(filepath.Join(w.root, "usr/.stateID"))
	if err := recoverRoot(t, w.root); err != nil {
		rt.Fatal(err)
	}
	all, err := system.States(options(w.root))
	if err != nil {
		rt.Fatal(err)
	}
	for _, s := range all {
		if w.states[s.ID] != nil {
			continue
		}
		w.states[s.ID] = w.with(name, version)
		w.newest = max(w.newest, s.ID)
	}
	// A row that was forgotten again has used its number all the same.
	id, err := activate.ParseID(strings.TrimSpace(string(next)))
	if err != nil {
		rt.Fatal(fmt.Errorf("after %s: %w", point, err))
	}
	if isNew := id > newest && w.states[id] != nil; id != w.live && !isNew {
		rt.Fatalf("after %s: state %d is live, want %d or a new one above %d", point, id, w.live, newest)
	}
	w.live = id
}
