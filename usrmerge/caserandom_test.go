package usrmerge_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/internal/testutil"
	"moss/usrmerge"
)

// drawTree draws a root: top folders of every shape, and in them and in their new
// places entries of every kind under few names, so that they meet.
func drawTree(t *rapid.T) string {
	d := &drawn{kinds: map[string]byte{"usr": 'd'}}
	for _, dir := range []string{"bin", "lib", "lib64"} {
		d.drawTop(t, dir)
	}
	for range rapid.IntRange(1, 25).Draw(t, "entries") {
		d.drawEntry(t)
	}
	return "usr/; etc/x X; share/s root; usr/share/s usr\n" + strings.Join(d.lines, "\n")
}

// drawn is what has a name so far.
type drawn struct {
	kinds map[string]byte
	files []string // for hard links
	lines []string
}

func (d *drawn) drawTop(t *rapid.T, dir string) {
	shapes := []string{"folder", "folder", "folder", "folder", "", "-> usr/" + dir, "-> /usr/" + dir}
	switch {
	case dir == "lib":
		shapes = append(shapes, "-> lib64", "-> lib64")
	case dir == "lib64" && d.kinds["lib"] == 'd':
		shapes = append(shapes, "-> lib", "-> lib")
	}
	d.add(dir, rapid.SampledFrom(shapes).Draw(t, "/"+dir))
	d.add("usr/"+dir, rapid.SampledFrom([]string{"folder", "folder", "folder", "", "", "-> ../" + dir, "-> /" + dir}).Draw(t, "usr/"+dir))
}

// add notes an entry unless its name is taken or its parent is no folder.
func (d *drawn) add(path, what string) bool {
	for parent := filepath.Dir(path); parent != "."; parent = filepath.Dir(parent) {
		if kind := d.kinds[parent]; kind != 'd' && kind != 0 {
			return false
		}
	}
	if d.kinds[path] != 0 || what == "" {
		return false
	}
	for parent := filepath.Dir(path); parent != "."; parent = filepath.Dir(parent) {
		d.kinds[parent] = 'd'
	}
	d.kinds[path] = 'f'
	if rest, folder := strings.CutPrefix(what, "folder"); folder {
		d.kinds[path], path, what = 'd', path+"/", rest
	}
	d.lines = append(d.lines, path+" "+what)
	return true
}

func (d *drawn) drawEntry(t *rapid.T) {
	parts := []string{rapid.SampledFrom([]string{"bin", "lib", "lib", "lib64"}).Draw(t, "top")}
	parts = append(parts, rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3).Draw(t, "path")...)
	path := rapid.SampledFrom([]string{"", "usr/"}).Draw(t, "side") + strings.Join(parts, "/")
	what := rapid.SampledFrom([]string{"file", "file", "file", "link", "link", "folder", "hard", "fifo", "char 1:3", "char 1:5", "socket", "index"}).Draw(t, "kind")
	switch what {
	case "file":
		if d.add(path, d.drawFile(t)) {
			d.files = append(d.files, path)
		}
		return
	case "link":
		what = "-> " + rapid.SampledFrom(texts()).Draw(t, "text")
	case "folder":
		what += rapid.SampledFrom([]string{"", "", " mode=0700", " owner=1:2", " user.n=1"}).Draw(t, "folder")
	case "hard":
		if len(d.files) == 0 {
			return
		}
		what = "= " + rapid.SampledFrom(d.files).Draw(t, "other name")
	case "index":
		path = rapid.SampledFrom([]string{"", "usr/"}).Draw(t, "side") + "lib/modules/6.1/" + rapid.SampledFrom([]string{"modules.dep", "modules.order"}).Draw(t, "index")
		what = rapid.SampledFrom([]string{"x", "y"}).Draw(t, "content")
	}
	d.add(path, what)
}

func (d *drawn) drawFile(t *rapid.T) string {
	return rapid.SampledFrom([]string{"x", "x", "y", `""`}).Draw(t, "content") +
		rapid.SampledFrom([]string{"", "", "", " mode=4755", " owner=1:2", " user.n=1"}).Draw(t, "of it")
}

// texts are where a symlink may lead.
func texts() []string {
	return []string{"a", "b", "c", "a/b", "../a", "../b", "../../a", "../lib/a", "../../lib/b", "../usr/lib/a", "../../usr/lib/a/b", "../usr/bin/a", "/bin/a", "/lib/a",
		"/usr/bin/a", "/usr/lib/b", "/etc/x", "../etc/x", "../../etc/x", "../../../etc/x", "nowhere", "/nowhere", "..", "../..", ".", "../share/s", "../../share/s", "/lib", "../lib64/a"}
}

// TestRandomTrees: whatever a root is like, nothing is lost, nothing changes that
// need not, every path works at every moment, an interrupted run that is continued
// ends where an undisturbed one does, and a second run writes nothing.
func TestRandomTrees(t *testing.T) {
	top := inMemory(t)
	n := 0
	rapid.Check(testutil.Seeded(t), func(rt *rapid.T) {
		n++
		tree := drawTree(rt)
		rt.Logf("%s", tree)
		whole, cut := filepath.Join(top, fmt.Sprint(n), "whole"), filepath.Join(top, fmt.Sprint(n), "cut")
		defer os.RemoveAll(filepath.Dir(whole))
		plant(rt, whole, tree)
		plant(rt, cut, tree)
		wantReadOnlyScan(rt, whole)
		before := take(rt, whole)
		result := merge(rt, whole)
		before.wantKept(rt, whole, result)
		wantStill(rt, whole, result)
		want := take(rt, whole)

		before = take(rt, cut)
		interrupt(rt, cut)
		before.wantWorking(rt, cut, gone(result.Plan))
		again := merge(rt, cut)
		result.Merged, result.Plan.Refusals = again.Merged, again.Plan.Refusals // the rest may have gone before the cut
		before.wantKept(rt, cut, result)
		if len(result.Plan.Refusals) == 0 { // what is refused may have come as far as the cut
			want.wantSameTree(rt, cut)
		}
	})
}

// gone are the paths that gave way, by the plan.
func gone(plan *usrmerge.Plan) gaveWay {
	gave := gaveWay{}
	for _, o := range plan.Orphans {
		gave[o.Path] = true
	}
	for _, path := range plan.Regenerated {
		gave[path] = true
	}
	for _, d := range plan.Differs {
		if !slices.ContainsFunc(plan.Dirs, func(dir usrmerge.DirPlan) bool { return dir.Name == top(d.Path) && dir.State == usrmerge.StateAlias }) {
			continue
		}
		gave[d.Path] = true // a name of an alias that the new place has as well
	}
	return gave
}

// wantKept is what holds of a result whatever was refused.
func (before picture) wantKept(t failer, dir string, result *usrmerge.Result) {
	t.Helper()
	gave := gone(result.Plan)
	if len(result.Plan.Refusals) == 0 {
		before.wantMerged(t, dir, gave)
	} else {
		before.wantWorking(t, dir, gave)
		wantTidy(t, dir)
	}
	if result.Merged != (len(result.Plan.Refusals) == 0) {
		t.Errorf("got merged %v with refusals %+v", result.Merged, result.Plan.Refusals)
	}
	before.wantNothingLost(t, dir, result.Plan)
}

// wantNothingLost: what gave way had a twin that differs, and lies among the orphans
// as it was; nothing else does.
func (before picture) wantNothingLost(t failer, dir string, plan *usrmerge.Plan) {
	t.Helper()
	v := openView(t, dir)
	defer v.close()
	var listed []string
	for _, o := range plan.Orphans {
		s, err := v.look(o.To)
		b := before[o.Path]
		if err != nil || !s.own.same(b.own) {
			t.Errorf("orphan %+v: got %v, %v, want %v", o, s.own, err, b.own)
		}
		if twins := before.twins(o.Path); len(twins) != 1 || twins[0].own == b.own && b.own.kind != 'l' {
			t.Errorf("orphan %+v: it had no twin that differs", o)
		}
		listed = append(listed, o.To)
	}
	for _, path := range v.below(t, orphans) {
		if s := mustLook(t, v, path); s.own.kind != 'd' && !slices.Contains(listed, path) {
			t.Errorf("%s lies there without being reported", path)
		}
	}
}

// wantStill: one more run changes nothing.
func wantStill(t failer, dir string, first *usrmerge.Result) {
	t.Helper()
	prints := footprint(t, dir)
	again := merge(t, dir)
	if again.Merged != first.Merged || len(again.Plan.Refusals) != len(first.Plan.Refusals) {
		t.Errorf("second run: got %+v, want %+v", again.Plan, first.Plan)
	}
	wantUntouched(t, "second run", prints, footprint(t, dir))
}

// interrupt runs a merge that stops somewhere: at a fault point, or because it was
// asked to as a phase begins.
func interrupt(t *rapid.T, dir string) {
	point := rapid.SampledFrom(points).Draw(t, "point")
	after := rapid.IntRange(1, 14).Draw(t, "phases")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if injected {
		_ = os.Setenv("MOSS_FAULT", point+":"+rapid.SampledFrom([]string{"error", "EXDEV"}).Draw(t, "fault"))
		defer os.Unsetenv("MOSS_FAULT")
	}
	_, _ = usrmerge.Run(ctx, usrmerge.Options{Root: dir, Progress: func(usrmerge.Progress) {
		if after--; after == 0 && !injected {
			stop()
		}
	}})
}
