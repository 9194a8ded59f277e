package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"moss/internal/testutil"
	"moss/store"
	"moss/store/state"
)

// machine is a root with a store, and how a test changes it.
type machine struct {
	t    testing.TB
	root string
	s    *store.Store
}

func newMachine(t testing.TB) *machine {
	m := &machine{t: t, root: t.TempDir()}
	m.open()
	return m
}

func (m *machine) open() []string {
	m.t.Helper()
	s, repairs, err := store.Open(m.t.Context(), m.root, store.Access{Command: "test"})
	if err != nil {
		m.t.Fatal(err)
	}
	m.s = s
	m.t.Cleanup(func() { s.Close() })
	return repairs
}

func (m *machine) reopen() []string {
	m.t.Helper()
	if err := m.s.Close(); err != nil {
		m.t.Fatal(err)
	}
	return m.open()
}

// request is a change of a selection, made without a resolver.
type request struct {
	add    []state.Package
	remove []string
}

func (m *machine) unpack(stones ...testutil.Stone) []state.Package {
	m.t.Helper()
	all, err := m.tryUnpack(stones...)
	if err != nil {
		m.t.Fatal(err)
	}
	return all
}

func (m *machine) tryUnpack(stones ...testutil.Stone) ([]state.Package, error) {
	var files []store.File
	for _, one := range stones {
		files = append(files, store.File{Path: one.Write(m.t, m.t.TempDir())})
	}
	return m.unpackFiles(files...)
}

func (m *machine) unpackFiles(files ...store.File) ([]state.Package, error) {
	prepared, err := store.Prepare(m.t.Context(), files)
	if err != nil {
		return nil, err
	}
	var all []state.Package
	for _, p := range prepared {
		defer p.Close()
		all = append(all, p.Package)
	}
	_, err = m.s.Unpack(m.t.Context(), prepared, nil)
	return all, err
}

// choose changes the live selection by names.
func (m *machine) choose(req request) store.Choice {
	m.t.Helper()
	var before, after store.Choice
	if live, err := m.s.Active(); err == nil {
		if before, err = m.s.Selected(live); err != nil {
			m.t.Fatal(err)
		}
	}
	gone := req.remove
	for _, p := range req.add {
		gone = append(gone, p.Meta.Name)
	}
	for _, p := range before.Packages {
		if !slices.Contains(gone, p.Meta.Name) {
			after.Packages = append(after.Packages, p)
		}
	}
	for _, p := range req.add {
		after.Packages = append(after.Packages, store.Chosen{Package: p, Explicit: true})
	}
	return after
}

// make seals a state of the live selection and a request, and leaves it archived.
func (m *machine) make(req request) state.ID {
	m.t.Helper()
	after := m.choose(req)
	planned, err := m.s.Plan(after, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	stage, err := m.s.Stage(m.t.Context(), planned, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	id, err := stage.Seal(state.State{Created: time.Unix(1_700_000_000, 0), Summary: "test", Selections: after.Selections()})
	if err != nil {
		m.t.Fatal(err)
	}
	return id
}

func (m *machine) activate(id state.ID) {
	m.t.Helper()
	if err := m.s.Trees().Exchange(id); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) read(path string) string {
	m.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.root, path))
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(data)
}
