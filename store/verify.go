package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"moss/store/activate"
	"moss/store/asset"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
	"moss/store/verify"
)

// Verify compares the trees of states with their manifests. Without ids it looks
// at every state, and at all that they share: the assets, the packages' layouts,
// and whether database, manifests and trees know the same states. It changes
// nothing. The findings are sorted; none means that all is well.
func (s *Store) Verify(ctx context.Context, c *verify.Checker, ids []state.ID) ([]verify.Finding, error) {
	v := verification{Store: s, checker: c}
	var err error
	if v.rows, err = s.db.States(); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(v.rows, func(r state.State) bool { return r.ID == id }) {
			return nil, fmt.Errorf("verify state %d: %w", id, state.ErrNotFound)
		}
	}
	if len(ids) == 0 {
		if err := v.shared(ctx); err != nil {
			return nil, err
		}
	}
	for _, row := range v.rows {
		if len(ids) > 0 && !slices.Contains(ids, row.ID) {
			continue
		}
		if err := v.state(ctx, row); err != nil {
			return nil, err
		}
	}
	verify.Sort(v.found)
	return v.found, nil
}

// Paths is how many paths Verify will look at, nearly: for a progress bar.
func (s *Store) Paths(ids []state.ID) (n int64) {
	rows, err := s.db.States()
	if err != nil {
		return 0
	}
	for _, row := range rows {
		if m, err := s.Manifest(row.ID); err == nil && (len(ids) == 0 || slices.Contains(ids, row.ID)) {
			n += int64(len(m.Entries))
		}
	}
	if len(ids) > 0 {
		return n
	}
	assets, _ := filepath.Glob(s.path("assets", "??", "*"))
	return n + int64(len(assets))
}

type verification struct {
	*Store
	checker *verify.Checker
	rows    []state.State
	found   []verify.Finding
}

func (v *verification) add(id state.ID, path, what, want, got string) {
	v.found = append(v.found, verify.Finding{State: id, Path: path, What: what, Want: want, Got: got})
}

// shared looks at what is no single state's.
func (v *verification) shared(ctx context.Context) error {
	if err := v.strangers(); err != nil {
		return err
	}
	want, err := v.wantedAssets()
	if err != nil {
		return err
	}
	found, err := v.checker.Assets(ctx, v.path("assets"), want)
	v.found = append(v.found, found...)
	return err
}

// strangers are sealed trees that the database does not know.
func (v *verification) strangers() error {
	known := map[state.ID]bool{}
	for _, row := range v.rows {
		known[row.ID] = true
	}
	archived, err := v.trees.Archived()
	if err != nil {
		return fmt.Errorf("list trees: %w", err)
	}
	for _, id := range archived {
		if !known[id] {
			v.add(0, "/.moss/root/"+id.String(), verify.Extra, "", fmt.Sprintf("the tree of state %d, which the database does not have", id))
		}
	}
	if live, err := v.Active(); err == nil && !known[live] {
		v.add(0, "/usr", verify.Extra, "", fmt.Sprintf("the tree of state %d, which the database does not have", live))
	}
	return nil
}

// wantedAssets maps the assets that the selected packages and the triggers of the
// recorded states need to one entry each. Layouts that cannot be read are findings.
func (v *verification) wantedAssets() (map[string]*tree.Entry, error) {
	want, done := map[string]*tree.Entry{}, map[string]bool{}
	for _, row := range v.rows {
		for _, sel := range row.Selections {
			if done[sel.Package] {
				continue
			}
			done[sel.Package] = true
			t, err := tree.Load(v.layouts(sel.Package))
			if why := recordFault(err); why != "" {
				v.add(0, layoutsAt+sel.Package, verify.Record, "", why)
				continue
			} else if err != nil {
				return nil, access(err)
			}
			for i := range t.Entries {
				wantAsset(want, &t.Entries[i])
			}
		}
		if err := v.triggerAssets(row.ID, want); err != nil {
			return nil, err
		}
	}
	return want, nil
}

const (
	layoutsAt   = "/.moss/packages/"
	manifestsAt = "/.moss/manifests/"
	// triggerOwner begins what a manifest calls the owner of a trigger's output.
	triggerOwner = "trigger:"
)

// triggerAssets: what triggers made is in no package, and can be carried over
// only from an asset. A manifest that cannot be read is found with its state.
func (v *verification) triggerAssets(id state.ID, want map[string]*tree.Entry) error {
	t, err := v.Manifest(id)
	if recordFault(err) != "" {
		return nil
	}
	if err != nil {
		return access(err)
	}
	if !slices.ContainsFunc(t.Packages, func(p string) bool { return strings.HasPrefix(p, triggerOwner) }) {
		return nil
	}
	for i := range t.Entries {
		if e := &t.Entries[i]; e.Owner >= 0 && strings.HasPrefix(t.Packages[e.Owner], triggerOwner) {
			wantAsset(want, e)
		}
	}
	return nil
}

func wantAsset(want map[string]*tree.Entry, e *tree.Entry) {
	if e.IsRegular() && e.Hash != stone.EmptyHash() {
		want[asset.Name(e.Layout)] = e
	}
}

// recordFault is what is wrong with a manifest or layouts, "" for an error that
// is not theirs, or none.
func recordFault(err error) string {
	switch {
	case err == nil, errors.Is(err, fs.ErrPermission):
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return "missing"
	case errors.Is(err, tree.ErrManifest):
		return "damaged"
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err.Error()
	}
	return ""
}

// access says of a refused path who may read it.
func access(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(err, fs.ErrPermission) {
		return &verify.AccessError{Path: at.Path, Err: at.Err}
	}
	return err
}

// state looks at one state's tree and manifest.
func (v *verification) state(ctx context.Context, row state.State) error {
	usr := v.treeOf(row.ID)
	if !exists(usr) {
		v.add(row.ID, "/usr", verify.Missing, "a tree", "none in "+usr)
		return nil
	}
	t, err := v.Manifest(row.ID)
	if why := recordFault(err); why != "" {
		v.add(row.ID, manifestsAt+row.ID.String(), verify.Record, "", why)
		return nil
	}
	if err != nil {
		return access(err)
	}
	found, err := v.checker.Tree(ctx, usr, row.ID, t)
	v.found = append(v.found, found...)
	if err == nil {
		v.wantPackages(row, t)
	}
	return err
}

// wantPackages compares the manifest with the selection: a manifest of another
// choice would make every later comparison worthless.
func (v *verification) wantPackages(row state.State, t *tree.Tree) {
	for _, sel := range row.Selections {
		if !slices.Contains(t.Packages, sel.Package) {
			v.add(row.ID, manifestsAt+row.ID.String(), verify.Record, "package "+sel.Package, "not in the manifest")
		}
	}
}

// treeOf is Usr, and knows the live tree even when it lost its seal: it is that
// of the one state that has no other.
func (s *Store) treeOf(id state.ID) string {
	archived := s.trees.Archive(id)
	if _, err := s.Active(); !errors.Is(err, activate.ErrUnsealed) || exists(archived) || s.EmptyUsr() {
		return s.Usr(id)
	}
	return s.trees.Usr()
}
