package activate_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moss/internal/testutil"
	"moss/store/activate"
)

// marked describes archived trees: folder name to the state that its tree says.
func marked(folders map[string]string) testutil.Tree {
	tree := testutil.Tree{}
	for folder, id := range folders {
		sealed(tree, ".moss/root/"+folder+"/usr", id)
	}
	return tree
}

func TestRecover(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after map[string]string
		repairs       int
	}{
		"nothing to do":      {before: map[string]string{"1": "1", "2": "2"}, after: map[string]string{"1": "1", "2": "2"}},
		"one misnamed":       {before: map[string]string{"3": "2"}, after: map[string]string{"2": "2"}, repairs: 1},
		"two swapped":        {before: map[string]string{"1": "2", "2": "1"}, after: map[string]string{"1": "1", "2": "2"}, repairs: 1},
		"three in a circle":  {before: map[string]string{"1": "2", "2": "3", "3": "1"}, after: map[string]string{"1": "1", "2": "2", "3": "3"}, repairs: 2},
		"a chain":            {before: map[string]string{"1": "2", "2": "3"}, after: map[string]string{"2": "2", "3": "3"}, repairs: 2},
		"there twice":        {before: map[string]string{"2": "2", "5": "2"}, after: map[string]string{"2": "2", "5": "2"}, repairs: 1},
		"others are ignored": {before: map[string]string{"stage-x": "9", "007": "7", ".unsealed-1": "4"}, after: map[string]string{"stage-x": "9", "007": "7", ".unsealed-1": "4"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := installation(t, marked(tt.before))
			repairs, err := r.Recover()
			if err != nil || len(repairs) != tt.repairs {
				t.Errorf("got %q, %v, want %d repairs", repairs, err, tt.repairs)
			}
			want := maps.Clone(tt.after)
			for folder, id := range want {
				want[folder] = "tree " + id
			}
			if diff := cmp.Diff(want, trees(t, r)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A folder of the right name that is rubbish must not keep a sealed tree from
// its place, and is not thrown away either.
func TestRecoverChangesNamesWithRubbish(t *testing.T) {
	tree := marked(map[string]string{"3": "2"})
	tree[".moss/root/2/usr/mark"] = "unfinished"
	r := installation(t, tree)
	repairs, err := r.Recover()
	if err != nil || len(repairs) != 1 {
		t.Errorf("got %q, %v, want one repair", repairs, err)
	}
	want := map[string]string{"2": "tree 2", "3": "unfinished"}
	if diff := cmp.Diff(want, trees(t, r)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestMisnamedTellsWhatRecoverWouldDo(t *testing.T) {
	tree := marked(map[string]string{"1": "1", "4": "2", "5": "1"})
	r := installation(t, tree)
	before := testutil.List(t, r.Dir())
	got, err := r.Misnamed()
	if err != nil || !cmp.Equal(got, []activate.ID{4}) {
		t.Errorf("got %v, %v, want [4]", got, err)
	}
	if diff := cmp.Diff(before, testutil.List(t, r.Dir())); diff != "" {
		t.Errorf("Misnamed wrote something:\n%s", diff)
	}
	_, err = r.Recover()
	must(t, err)
	if got, err := r.Misnamed(); err != nil || got != nil {
		t.Errorf("got %v, %v, want nothing left to mend", got, err)
	}
}

func TestArchived(t *testing.T) {
	tree := marked(map[string]string{"2": "2", "10": "10", "9": "9", "4": "7", "x": "5"})
	tree[".moss/root/3/usr/"] = ""
	tree[".moss/root/6/"] = ""
	tree[".moss/root/8"] = "a file"
	got, err := installation(t, tree).Archived()
	if err != nil || !cmp.Equal(got, []activate.ID{10, 9, 2}) {
		t.Errorf("got %v, %v, want the sealed ones, newest first", got, err)
	}
	if got, err := installation(t, testutil.Tree{"usr/": ""}).Archived(); got != nil || err != nil {
		t.Errorf("got %v, %v, want none without .moss", got, err)
	}
}
