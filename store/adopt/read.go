package adopt

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"moss/store/state"
	"moss/store/stone"
)

// record is a state as AerynOS' database has it. Why a package was selected
// ("reason") is free text there and is not kept; whether a user asked for it is.
type record struct {
	state.State
}

// Package is a package that an adopted state selects.
type Package struct {
	state.Package
	layouts []stone.Layout // in the order of the table: of two that claim a path the first was written
	order   int64          // of its first row
}

// read takes in all three databases.
func (s *Source) read() error {
	s.packages = map[string]*Package{}
	for _, one := range []struct {
		name string
		read func(*foreign) error
	}{{"state", s.readStates}, {"install", s.readPackages}, {"layout", s.readLayouts}} {
		f, err := openForeign(s.path("db"), one.name)
		if err != nil {
			return err
		}
		if err := errors.Join(one.read(f), f.close()); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) readStates(f *foreign) error {
	at := map[int64]int{}
	err := f.each(`SELECT id, created, summary, description FROM state ORDER BY id`, func(rows *sql.Rows) error {
		var id, created int64
		var summary, description sql.NullString
		if err := rows.Scan(&id, &created, &summary, &description); err != nil {
			return err
		}
		if id < 1 {
			return fmt.Errorf("%d is no number of a state", id)
		}
		at[id] = len(s.states)
		s.states = append(s.states, record{state.State{ID: state.ID(id), Created: time.Unix(created, 0).UTC(),
			Summary: summary.String, Comment: description.String}})
		return nil
	})
	if err != nil {
		return err
	}
	err = f.each(`SELECT state_id, package_id, explicit FROM state_selections ORDER BY state_id, package_id`, func(rows *sql.Rows) error {
		var id int64
		var one state.Selection
		if err := rows.Scan(&id, &one.Package, &one.Explicit); err != nil {
			return err
		}
		if i, ok := at[id]; ok {
			s.states[i].Selections = append(s.states[i].Selections, one)
			s.packages[one.Package] = nil // wanted, not read yet
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.each(`SELECT max(seq) FROM sqlite_sequence WHERE name = 'state'`, func(rows *sql.Rows) error {
		var highest sql.NullInt64
		err := rows.Scan(&highest)
		s.highest = state.ID(max(highest.Int64, 0))
		return err
	})
}

func (s *Source) readPackages(f *foreign) error {
	err := f.each(`SELECT package, name, version_identifier, source_release, build_release, architecture, summary, description,
		source_id, homepage, download_size FROM meta`, func(rows *sql.Rows) error {
		p, size := &Package{}, sql.NullInt64{}
		m := &p.Meta
		err := rows.Scan(&p.ID, &m.Name, &m.Version, &m.Release, &m.BuildRelease, &m.Arch, &m.Summary, &m.Description,
			&m.SourceID, &m.Homepage, &size)
		p.StoneSize = max(size.Int64, 0)
		if _, wanted := s.packages[p.ID]; wanted && err == nil {
			s.packages[p.ID] = p
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, table := range []struct {
		query string
		add   func(*stone.Meta, string) error
	}{
		{`SELECT package, license FROM meta_licenses`, func(m *stone.Meta, text string) error {
			m.Licenses = append(m.Licenses, text)
			return nil
		}},
		{`SELECT package, dependency FROM meta_dependencies`, relation(func(m *stone.Meta) *[]stone.Provider { return &m.Depends })},
		{`SELECT package, provider FROM meta_providers`, relation(func(m *stone.Meta) *[]stone.Provider { return &m.Provides })},
		{`SELECT package, conflict FROM meta_conflicts`, relation(func(m *stone.Meta) *[]stone.Provider { return &m.Conflicts })},
	} {
		if err := s.readRelation(f, table.query, table.add); err != nil {
			return err
		}
	}
	return nil
}

// relation parses AerynOS' text form, kind(name), which is ours too.
func relation(list func(*stone.Meta) *[]stone.Provider) func(*stone.Meta, string) error {
	return func(m *stone.Meta, text string) error {
		p, err := stone.ParseProvider(text)
		if err != nil {
			return fmt.Errorf("package %s: %w", m.Name, err)
		}
		to := list(m)
		*to = append(*to, p)
		return nil
	}
}

func (s *Source) readRelation(f *foreign, query string, add func(*stone.Meta, string) error) error {
	return f.each(query, func(rows *sql.Rows) error {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		if p := s.packages[id]; p != nil {
			return add(&p.Meta, text)
		}
		return nil
	})
}

// readLayouts reads the whole table in one pass: it has no index by package.
func (s *Source) readLayouts(f *foreign) error {
	return f.each(`SELECT id, package_id, uid, gid, mode, entry_type, entry_value1, entry_value2 FROM layout ORDER BY id`, func(rows *sql.Rows) error {
		var row layoutRow
		var id sql.RawBytes
		if err := rows.Scan(&row.id, &id, &row.uid, &row.gid, &row.mode, &row.kind, &row.value1, &row.value2); err != nil {
			return err
		}
		p := s.packages[string(id)]
		if p == nil {
			return nil
		}
		l, ok, err := row.layout()
		if err != nil {
			return fmt.Errorf("layout %d of package %s: %w", row.id, p.Meta.Name, err)
		}
		if len(p.layouts) == 0 {
			p.order = row.id
		}
		if ok {
			p.layouts = append(p.layouts, l)
		}
		return nil
	})
}

// asset is where AerynOS' moss keeps a content.
func (s *Source) asset(hash stone.Hash) string {
	return filepath.Join(s.path("assets", "v2"), assetName(hash))
}
