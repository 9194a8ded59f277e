package repo_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"moss/store/repo"
)

// epochs is a root with repositories that succeed each other, and the server of
// all of them.
type epochs struct {
	root string
	*server
	split error // why the system is not merged, nil if it is
	said  []string
	asked int // how often
}

const (
	oldYAML = "old:\n  uri: %s/old\n  priority: 5\n  unsigned: true\n"
	newYAML = "new:\n  uri: %s/new\n  priority: 7\n  unsigned: true\n  merged-only: true\n  succeeds: old\n"
)

// newEpochs serves old and new and configures both; the system is not merged.
func newEpochs(t testing.TB, more ...string) *epochs {
	t.Helper()
	e := &epochs{root: t.TempDir(), server: newServer(t), split: errors.New("the marker is not there")}
	for _, text := range append([]string{oldYAML, newYAML}, more...) {
		e.configure(t, text)
	}
	e.offer(t, "old", "new")
	return e
}

func (e *epochs) configure(t testing.TB, text string) {
	t.Helper()
	name, _, _ := strings.Cut(text, ":")
	if strings.Contains(text, "%s") {
		text = fmt.Sprintf(text, e.URL)
	}
	write(t, e.root, "etc/moss/repo.d/"+name+".yaml", text)
}

// offer publishes an index of one package for each repository, called like it.
func (e *epochs) offer(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		e.put("/"+name+"/stone.index", encode(t, meta(name)))
	}
}

func (e *epochs) withdraw(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.files, "/"+name+"/stone.index")
}

func (e *epochs) run(t testing.TB, names ...string) ([]repo.Updated, error) {
	t.Helper()
	opt := impatient()
	opt.Merged = func() error { e.asked++; return e.split }
	opt.Log = func(line string) { e.said = append(e.said, line) }
	return repo.Update(t.Context(), e.root, names, opt)
}

// update must succeed; it gives what was updated, and from whom it took over.
func (e *epochs) update(t testing.TB, names ...string) string {
	t.Helper()
	done, err := e.run(t, names...)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, u := range done {
		all = append(all, strings.TrimSuffix(u.Name+"<"+strings.Join(u.Succeeded, "+"), "<"))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// places are the standings by name, as "name: place".
func (e *epochs) places(t testing.TB) string {
	t.Helper()
	var all []string
	for name, s := range e.standings(t) {
		all = append(all, name+": "+string(s.Place))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (e *epochs) standings(t testing.TB) map[string]repo.Standing {
	t.Helper()
	all := configured(t, e.root)
	list, err := repo.Standings(e.root, all, e.split)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]repo.Standing{}
	for i, r := range all {
		byName[r.Name] = list[i]
	}
	return byName
}

func (e *epochs) expect(t testing.TB, packages, places string) {
	t.Helper()
	if got := names(t, e.root); got != packages {
		t.Errorf("packages: got %q, want %q", got, packages)
	}
	if got := e.places(t); got != places {
		t.Errorf("places: got %q, want %q", got, places)
	}
}

func TestSwitchNeverBeforeTheMerge(t *testing.T) {
	t.Parallel()
	e := newEpochs(t)
	if got := e.update(t); got != "old" {
		t.Errorf("got %q updated, want old alone", got)
	}
	e.expect(t, "old", "new: dormant, old: in use")
	why := e.standings(t)["new"].Why
	if want := "it is for merged systems only: the marker is not there; until then old is used"; why != want {
		t.Errorf("got %q, want %q", why, want)
	}
	if slices.ContainsFunc(e.server.asked, func(path string) bool { return strings.HasPrefix(path, "/new") }) {
		t.Errorf("the server was asked for %v", e.server.asked)
	}
	_, err := e.run(t, "new")
	var not *repo.NotUsedError
	if !errors.As(err, &not) || hint(err) != "see how far it is: moss usr-merge status" {
		t.Errorf("asked for by name: got %v, hint %q", err, hint(err))
	}
}

func TestSwitchByItselfAfterTheMerge(t *testing.T) {
	t.Parallel()
	e := newEpochs(t)
	e.update(t)
	e.split = nil
	e.expect(t, "old", "new: waiting, old: in use") // not before its index is there
	if got := e.update(t); got != "new<old" {
		t.Errorf("got %q, want that new took over from old, which is not asked any more", got)
	}
	e.expect(t, "new", "new: in use, old: succeeded")
	if s := e.standings(t)["old"]; s.By != "new" || time.Since(s.Since) > time.Hour || !strings.HasPrefix(s.Why, "new took its place on ") || !strings.HasSuffix(s.Why, "for good") {
		t.Errorf("got %+v", s)
	}
	if got := e.update(t); got != "new" {
		t.Errorf("the next update: got %q, want new", got)
	}
	if _, err := e.run(t, "old"); err == nil || !strings.Contains(err.Error(), "repository old is not used: new took its place") {
		t.Errorf("old by name: got %v", err)
	}
}

func TestSwitchIsForGoodWhenTheSystemIsSplitAgain(t *testing.T) {
	t.Parallel()
	e := newEpochs(t)
	e.split = nil
	e.update(t)
	e.split = errors.New("/bin is a folder again")
	if got := e.update(t); got != "new" {
		t.Errorf("got %q, want new", got)
	}
	e.expect(t, "new", "new: in use, old: succeeded")
	why := e.standings(t)["new"].Why
	for _, want := range []string{"all the same", "going back would undo updates", "/bin is a folder again", "moss usr-merge run"} {
		if !strings.Contains(why, want) {
			t.Errorf("got %q, want %q in it", why, want)
		}
	}
}

func TestSwitchWaitsForTheFirstIndex(t *testing.T) {
	t.Parallel()
	e := newEpochs(t)
	e.update(t)
	e.split = nil
	e.withdraw("new")
	e.offer(t, "old")
	if got := e.update(t); got != "old" {
		t.Errorf("got %q, want old", got)
	}
	e.expect(t, "old", "new: waiting, old: in use")
	if len(e.said) != 1 || !strings.HasPrefix(e.said[0], "warning: old stays in use: update repository new: ") {
		t.Errorf("said %q", e.said)
	}
	if _, err := e.run(t, "new"); err == nil {
		t.Error("asked for by name, the failure is none")
	}
	// An index that nobody should believe is none.
	e.put("/new/stone.index", []byte("no index"))
	e.update(t)
	e.expect(t, "old", "new: waiting, old: in use")
	e.offer(t, "new")
	if got := e.update(t); got != "new<old" {
		t.Errorf("got %q, want that new took over", got)
	}
	// From then on its own failure is one, and no reason to go back.
	e.withdraw("new")
	if _, err := e.run(t); err == nil || !strings.Contains(err.Error(), "update repository new") {
		t.Errorf("got %v", err)
	}
	e.expect(t, "new", "new: in use, old: succeeded")
}

// TestSwitchWhenTheOldServerIsGone: its failure must not hold up the update in
// which it is succeeded.
func TestSwitchWhenTheOldServerIsGone(t *testing.T) {
	t.Parallel()
	e := newEpochs(t)
	e.update(t)
	e.split = nil
	e.withdraw("old")
	if got := e.update(t); got != "new<old" {
		t.Errorf("got %q", got)
	}
}

func TestSwitchByName(t *testing.T) {
	t.Parallel()
	e := newEpochs(t)
	e.split = nil
	if got := e.update(t, "old"); got != "old" {
		t.Errorf("old by name: got %q", got)
	}
	e.expect(t, "old", "new: waiting, old: in use")
	if got := e.update(t, "old", "new"); got != "new<old" {
		t.Errorf("both by name: got %q", got)
	}
}

func TestSwitchChain(t *testing.T) {
	t.Parallel()
	last := "last:\n  uri: %s/last\n  unsigned: true\n  merged-only: true\n  succeeds: new\n"
	e := newEpochs(t, last)
	e.update(t)
	e.expect(t, "old", "last: dormant, new: dormant, old: in use")
	e.split = nil
	if got := e.update(t); got != "new<old" { // last has no index yet
		t.Errorf("got %q", got)
	}
	e.expect(t, "new", "last: waiting, new: in use, old: succeeded")
	e.offer(t, "last")
	if got := e.update(t); got != "last<new" {
		t.Errorf("got %q", got)
	}
	e.expect(t, "last", "last: in use, new: succeeded, old: succeeded")

	// At once: only the last, over all that were before it, be the middle's server gone.
	all := newEpochs(t, last)
	all.update(t)
	all.split = nil
	all.offer(t, "last")
	all.withdraw("new")
	if got := all.update(t); got != "last<old" {
		t.Errorf("at once: got %q", got)
	}
	all.expect(t, "last", "last: in use, new: succeeded, old: succeeded")
	both := newEpochs(t, last)
	both.split = nil
	both.offer(t, "last")
	if got := both.update(t); got != "last<old new" {
		t.Errorf("at once, with the middle: got %q", got)
	}
	if record := read(t, both.root, ".moss/repo/.successors"); !strings.HasSuffix(record, " new old\n") || strings.Count(record, "\n") != 1 {
		t.Errorf("at once, with the middle: got %q, want one takeover, from both", record)
	}
	// What was in the middle goes; what was before it does not come back.
	if err := repo.Remove(all.root, "new"); err != nil {
		t.Fatal(err)
	}
	all.expect(t, "last", "last: in use, old: succeeded")
}

// TestSwitchOfASplitRepository: packages of the half that is late would be
// missing, so the two take over together.
func TestSwitchOfASplitRepository(t *testing.T) {
	t.Parallel()
	e := newEpochs(t, "half:\n  uri: %s/half\n  unsigned: true\n  succeeds: old\n")
	e.split = nil
	if got := e.update(t); got != "new old" {
		t.Errorf("got %q", got)
	}
	e.expect(t, "old", "half: waiting, new: waiting, old: in use")
	e.offer(t, "half")
	if got := e.update(t); got != "half<old new<old" {
		t.Errorf("got %q", got)
	}
	e.expect(t, "new half", "half: in use, new: in use, old: succeeded")
}

func TestSwitchWithoutACondition(t *testing.T) {
	t.Parallel()
	e := newEpochs(t, "new:\n  uri: %s/new\n  unsigned: true\n  succeeds: old\n")
	e.expect(t, "-old", "new: waiting, old: in use")
	if got := e.update(t); got != "new<old" || e.asked != 0 {
		t.Errorf("got %q, the system was looked at %d times", got, e.asked)
	}
}

func TestSwitchWithoutAPredecessor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, old, new, before, after string }{
		{"none named", "", "new:\n  uri: %s/new\n  unsigned: true\n  merged-only: true\n", "new: dormant", "new: in use"},
		{"unknown", "", newYAML, "new: dormant", "new: in use"},
		{"disabled", strings.Replace(oldYAML, "priority", "active: false\n  priority", 1), newYAML, "new: dormant, old: disabled", "new: in use, old: succeeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEpochs(t, c.new)
			if c.old != "" {
				e.configure(t, c.old)
			} else if err := repo.Remove(e.root, "old"); err != nil {
				t.Fatal(err)
			}
			if got := e.update(t); got != "" {
				t.Errorf("got %q updated", got)
			}
			e.expect(t, "", c.before)
			e.split = nil
			e.withdraw("new")
			if _, err := e.run(t); err == nil {
				t.Error("nothing is used in its place, and its failure is none")
			}
			e.offer(t, "new")
			if got := e.update(t); got != "new" {
				t.Errorf("got %q", got)
			}
			e.expect(t, "new", c.after)
			// One that comes later was succeeded before.
			if c.name != "none named" {
				e.configure(t, oldYAML)
				e.update(t)
				e.expect(t, "new", "new: in use, old: succeeded")
			}
		})
	}
}

// TestSwitchToADisabledOne: who disables it does not want it; who disables it
// afterwards does not get the old one back.
func TestSwitchToADisabledOne(t *testing.T) {
	t.Parallel()
	e := newEpochs(t)
	e.split = nil
	enable(t, e.root, "new", false)
	if got := e.update(t); got != "old" {
		t.Errorf("got %q", got)
	}
	if got := e.update(t, "new"); got != "new" {
		t.Errorf("disabled, and asked for by name: got %q", got)
	}
	e.expect(t, "old", "new: disabled, old: in use")
	enable(t, e.root, "new", true)
	if got := e.update(t); got != "new<old" {
		t.Errorf("got %q", got)
	}
	enable(t, e.root, "new", false)
	if got := e.update(t); got != "" {
		t.Errorf("got %q", got)
	}
	e.expect(t, "", "new: disabled, old: succeeded")
	if why := e.standings(t)["old"].Why; !strings.HasSuffix(why, "and is disabled: moss repo enable new") {
		t.Errorf("got %q", why)
	}
	if err := repo.Remove(e.root, "new"); err != nil {
		t.Fatal(err)
	}
	e.expect(t, "", "old: succeeded")
	if why := e.standings(t)["old"].Why; !strings.Contains(why, "is not configured any more: configure it again, or add this one under another name") {
		t.Errorf("got %q", why)
	}
}

func enable(t testing.TB, root, name string, on bool) {
	t.Helper()
	if err := repo.SetEnabled(root, name, on); err != nil {
		t.Fatal(err)
	}
}

// TestSwitchKeepsPriorities: a third repository stands where it stood.
func TestSwitchKeepsPriorities(t *testing.T) {
	t.Parallel()
	e := newEpochs(t, "mine:\n  uri: %s/mine\n  priority: 6\n  unsigned: true\n")
	e.offer(t, "mine")
	e.update(t)
	e.expect(t, "mine old", "mine: in use, new: dormant, old: in use")
	e.split = nil
	e.update(t)
	e.expect(t, "new mine", "mine: in use, new: in use, old: succeeded")
	all, err := repo.Available(e.root)
	if err != nil || all[0].Priority != 7 || all[1].Priority != 6 {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestSwitchWithNobodyToAsk(t *testing.T) {
	t.Parallel()
	e := newEpochs(t)
	done, err := repo.Update(t.Context(), e.root, nil, impatient())
	if err != nil || len(done) != 1 || done[0].Name != "old" {
		t.Errorf("got %+v, %v: a system of which nothing is known is not merged", done, err)
	}
}

// TestSwitchesAddUp: a later takeover leaves the record of earlier ones alone.
func TestSwitchesAddUp(t *testing.T) {
	t.Parallel()
	e := newEpochs(t)
	e.split = nil
	e.update(t)
	e.configure(t, "extra:\n  uri: %s/extra\n  unsigned: true\n")
	e.configure(t, "spare:\n  uri: %s/spare\n  unsigned: true\n  succeeds: extra\n")
	e.offer(t, "extra", "spare")
	if got := e.update(t); got != "new spare<extra" {
		t.Errorf("got %q", got)
	}
	e.expect(t, "new spare", "extra: succeeded, new: in use, old: succeeded, spare: in use")
	// A successor that later names another one takes its place too.
	e.configure(t, strings.Replace(newYAML, "succeeds: old", "succeeds: spare", 1))
	if got := e.update(t); got != "new<spare" {
		t.Errorf("got %q", got)
	}
	e.expect(t, "new", "extra: succeeded, new: in use, old: succeeded, spare: succeeded")
	before := read(t, e.root, ".moss/repo/.successors")
	e.update(t)
	if after := read(t, e.root, ".moss/repo/.successors"); after != before {
		t.Errorf("an update with nothing to decide wrote %q over %q", after, before)
	}
}

// TestSwitchIsForGoodWhenTheFilesAreTurnedRound: a repository that was succeeded
// is out whatever the files say later.
func TestSwitchIsForGoodWhenTheFilesAreTurnedRound(t *testing.T) {
	t.Parallel()
	e := newEpochs(t)
	e.split = nil
	e.update(t)
	e.configure(t, "old:\n  uri: %s/old\n  unsigned: true\n  succeeds: new\n")
	e.configure(t, "new:\n  uri: %s/new\n  unsigned: true\n")
	if got := e.update(t); got != "new" {
		t.Errorf("got %q", got)
	}
	e.expect(t, "new", "new: in use, old: succeeded")
}

// TestSwitchOverADisabledMiddle: what is before the disabled one is used, so the
// last still waits for its own index.
func TestSwitchOverADisabledMiddle(t *testing.T) {
	t.Parallel()
	e := newEpochs(t, "new:\n  uri: %s/new\n  unsigned: true\n  active: false\n  succeeds: old\n", "last:\n  uri: %s/last\n  unsigned: true\n  succeeds: new\n")
	e.update(t)
	e.expect(t, "old", "last: waiting, new: disabled, old: in use")
	e.offer(t, "last")
	if got := e.update(t); got != "last<old" {
		t.Errorf("got %q", got)
	}
}
