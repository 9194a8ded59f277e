package store_test

import (
	"os"
	"path/filepath"
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
	s, repairs, err := store.Open(m.root, "test")
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

func (m *machine) unpack(stones ...testutil.Stone) []state.Package {
	m.t.Helper()
	var files []string
	for _, one := range stones {
		files = append(files, one.Write(m.t, m.t.TempDir()))
	}
	unpacked, err := m.s.Unpack(m.t.Context(), files)
	if err != nil {
		m.t.Fatal(err)
	}
	var all []state.Package
	for _, u := range unpacked {
		all = append(all, u.Package)
	}
	return all
}

// make seals a state of the live selection and a request, and leaves it archived.
func (m *machine) make(req store.Request) state.ID {
	m.t.Helper()
	var before store.Choice
	if live, err := m.s.Active(); err == nil {
		if before, err = m.s.Selected(live); err != nil {
			m.t.Fatal(err)
		}
	}
	after, err := before.Resolve(req)
	if err != nil {
		m.t.Fatal(err)
	}
	planned, err := m.s.Plan(after)
	if err != nil {
		m.t.Fatal(err)
	}
	stage, err := m.s.Stage(m.t.Context(), planned)
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
