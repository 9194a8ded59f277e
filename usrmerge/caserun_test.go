package usrmerge_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"moss/internal/testutil/need"
	"moss/usrmerge"
)

// example is a root and what must become of it.
type example struct {
	name string
	tree string
	// want is what must be there afterwards, in the compact form.
	want string
	// orphans are the paths that give way, as they lie in the folder of orphans.
	orphans string
	// keeps is what gives way but is lost in its orphan's place: an index that is
	// made anew, a link that a file takes the place of.
	keeps string
	// differs are the paths that must be reported as different in what they are.
	differs string
	// oneDevice is for what cannot be when /usr is on another one.
	oneDevice bool
	check     func(t *testing.T, r *ran)
}

// ran is a merge that was run.
type ran struct {
	dir    string
	before picture
	gave   gaveWay
	result *usrmerge.Result
}

// inMemory is a folder on a file system in memory where there is one: on a disk
// every merge would wait three times for all that other programs write.
func inMemory(t testing.TB) string {
	t.Helper()
	need.Root(t, "a root with owners and devices")
	var fs unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &fs); err == nil && fs.Type == unix.TMPFS_MAGIC && fs.Flags&unix.ST_NOEXEC == 0 {
		t.Setenv("TMPDIR", "/dev/shm")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// runAll runs each example as a test of its own.
func runAll(t *testing.T, examples []example) {
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) { e.run(t, inMemory(t)) })
	}
}

func (e example) run(t *testing.T, dir string) *ran {
	t.Helper()
	plant(t, dir, "usr/")
	plant(t, dir, e.tree)
	r := &ran{dir: dir, before: take(t, dir), gave: e.gaveWay()}
	wantReadOnlyScan(t, dir)
	r.result = merge(t, dir)
	if !r.result.Merged || len(r.result.Plan.Refusals) > 0 {
		t.Fatalf("got merged %v, refusals %+v, want all merged", r.result.Merged, r.result.Plan.Refusals)
	}
	r.before.wantMerged(t, dir, r.gave)
	r.before.wantOrphans(t, dir, strings.Fields(e.orphans))
	wantEntries(t, dir, e.want)
	e.wantReported(t, r.result.Plan)
	wantNothingLeftToDo(t, dir)
	if e.check != nil {
		e.check(t, r)
	}
	return r
}

func (e example) gaveWay() gaveWay {
	gave := gaveWay{}
	for _, path := range append(strings.Fields(e.orphans), strings.Fields(e.keeps)...) {
		gave[path] = true
	}
	return gave
}

func merge(t failer, dir string) *usrmerge.Result {
	t.Helper()
	result, err := usrmerge.Run(context.Background(), usrmerge.Options{Root: dir})
	if err != nil {
		t.Fatalf("merge: %v", err)
	}
	return result
}

func wantReadOnlyScan(t failer, dir string) {
	t.Helper()
	prints := footprint(t, dir)
	found, err := usrmerge.Scan(usrmerge.Options{Root: dir})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	found.Plan()
	wantUntouched(t, "scan and plan", prints, footprint(t, dir))
}

// wantReported: the plan names every orphan and every difference, and no other.
func (e example) wantReported(t *testing.T, plan *usrmerge.Plan) {
	t.Helper()
	var gone, differ []string
	for _, o := range plan.Orphans {
		gone = append(gone, o.Path)
		if o.Why == "" || !strings.HasPrefix(o.To, orphans+"/") {
			t.Errorf("got orphan %+v, want where it went and why", o)
		}
	}
	for _, d := range plan.Differs {
		differ = append(differ, d.Path)
		if d.Why == "" {
			t.Errorf("got difference %+v, want why", d)
		}
	}
	slices.Sort(gone)
	slices.Sort(differ)
	if want := slices.Sorted(strings.FieldsSeq(e.orphans)); !slices.Equal(gone, want) {
		t.Errorf("got reported orphans %q, want %q", gone, want)
	}
	if want := slices.Sorted(strings.FieldsSeq(e.differs)); !slices.Equal(differ, want) {
		t.Errorf("got reported differences %q, want %q", differ, want)
	}
}

// wantNothingLeftToDo: the root is whole and a second run writes nothing.
func wantNothingLeftToDo(t failer, dir string) {
	t.Helper()
	o := usrmerge.Options{Root: dir}
	if err := usrmerge.Check(o); err != nil {
		t.Errorf("check: %v", err)
	}
	if merged, err := usrmerge.Merged(dir, nil); !merged || err != nil {
		t.Errorf("got merged %v, %v, want true", merged, err)
	}
	prints := footprint(t, dir)
	again := merge(t, dir)
	if !again.Merged || !again.Plan.Merged || again.Removed != 0 {
		t.Errorf("second run: got %+v, plan %+v, want nothing to do", again, again.Plan)
	}
	wantUntouched(t, "second run", prints, footprint(t, dir))
}

// wantEntries compares what is at each path with what its line says of it.
func wantEntries(t failer, dir, text string) {
	t.Helper()
	items, err := parseTree(text)
	if err != nil {
		t.Fatalf("the test's own expectation: %v", err)
	}
	v := openView(t, dir)
	defer v.close()
	for _, want := range items {
		if why := want.unlike(v); why != "" {
			t.Errorf("%q: %s", want.path, why)
		}
	}
}

func (i item) unlike(v *view) string {
	got, err := v.look(i.path)
	switch {
	case i.kind == '-' && err == nil:
		return "got " + got.own.String() + ", want nothing there"
	case i.kind == '-':
		return ""
	case err != nil:
		return err.Error()
	case i.kind == 'h':
		other, err := v.look(i.body)
		if err != nil || other.at != got.at {
			return "is not a hard link to " + i.body
		}
		return ""
	}
	want := got.own
	want.kind, want.body, want.rdev = i.kind, i.body, i.rdev
	if i.mode >= 0 {
		want.mode = uint32(i.mode)
	}
	if i.owner != nil {
		want.uid, want.gid = uint32(i.owner[0]), uint32(i.owner[1])
	}
	if !got.own.same(want) {
		return "got " + got.own.String() + ", want " + want.String()
	}
	for name, value := range i.xattrs {
		if pair := fmt.Sprintf("%s=%q", name, value); !strings.Contains(got.own.xattrs, pair) {
			return "got attributes " + got.own.xattrs + ", want " + pair
		}
	}
	return ""
}
