package state

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is one numbered system selection.
type State struct {
	ID         ID
	Created    time.Time // UTC, whole seconds
	Summary    string    // what the transaction did, made by moss
	Comment    string    // what its user says of it
	Pinned     bool
	Fault      string // why it could not boot when it was sealed, "" if it could
	Selections []Selection
}

// Selection is a package in a state; Explicit means a user asked for it, and it
// stays until a user asks again.
type Selection struct {
	Package  string
	Explicit bool
}

// AddState records s and returns the number it gets: one that no state of this
// root ever had.
func (db *DB) AddState(s State) (ID, error) {
	var id int64
	err := db.update(func(tx *sql.Tx) error {
		done, err := tx.Exec(`INSERT INTO state (created, summary, comment, pinned, fault) VALUES (?,?,?,?,?)`,
			s.Created.Unix(), s.Summary, s.Comment, s.Pinned, s.Fault)
		if err != nil {
			return err
		}
		if id, err = done.LastInsertId(); err != nil {
			return err
		}
		for _, one := range s.Selections {
			if _, err := tx.Exec(`INSERT INTO selection VALUES (?,?,?)`, id, one.Package, one.Explicit); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("record state: %w", err)
	}
	return ID(id), nil
}

// DropState forgets a state; its number is not used again.
func (db *DB) DropState(id ID) error {
	_, err := db.sql.Exec(`DELETE FROM state WHERE id = ?`, int64(id))
	if err != nil {
		return fmt.Errorf("forget state %d: %w", id, err)
	}
	return nil
}

// SetPinned marks a state as one that no policy removes, or takes the mark away.
// It returns ErrNotFound for a state that is not there.
func (db *DB) SetPinned(id ID, pinned bool) error {
	done, err := db.sql.Exec(`UPDATE state SET pinned = ? WHERE id = ?`, pinned, int64(id))
	if err != nil {
		return fmt.Errorf("pin state %d: %w", id, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("state %d: %w", id, ErrNotFound), err)
	}
	return nil
}

// stateColumns are what scanState reads.
func (db *DB) stateColumns() string {
	if db.version < 2 {
		return `SELECT id, created, summary, comment, pinned, '' FROM state `
	}
	return `SELECT id, created, summary, comment, pinned, fault FROM state `
}

func scanState(rows *sql.Rows) (State, error) {
	var s State
	var id, created int64
	err := rows.Scan(&id, &created, &s.Summary, &s.Comment, &s.Pinned, &s.Fault)
	s.ID, s.Created = ID(id), time.Unix(created, 0).UTC()
	return s, err
}

// States lists all states, oldest first, with their selections.
func (db *DB) States() ([]State, error) {
	all, err := db.states("", "")
	if err != nil {
		return nil, fmt.Errorf("list states: %w", err)
	}
	return all, nil
}

// State returns one state, or ErrNotFound.
func (db *DB) State(id ID) (State, error) {
	found, err := db.states(`WHERE id = ?`, `WHERE state = ?`, int64(id))
	if err != nil {
		return State{}, fmt.Errorf("read state %d: %w", id, err)
	}
	if len(found) == 0 {
		return State{}, fmt.Errorf("state %d: %w", id, ErrNotFound)
	}
	return found[0], nil
}

// states takes two queries however many states there are; selections are by
// package id.
func (db *DB) states(which, whose string, args ...any) ([]State, error) {
	all, err := query(db, scanState, db.stateColumns()+which+` ORDER BY id`, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	at := make(map[ID]*State, len(all))
	for i := range all {
		at[all[i].ID] = &all[i]
	}
	// One row a state: 200,000 rows of one selection each take three times as long.
	groups, err := query(db, scanGroup, `SELECT state, group_concat(explicit || package, char(10)) FROM selection `+whose+` GROUP BY state`, args...)
	if err != nil {
		return nil, err
	}
	shared := map[string]string{} // one string a package, not one a state and package
	for _, g := range groups {
		if s := at[g.of]; s != nil {
			s.Selections = g.selections(shared)
		}
	}
	return all, nil
}

type group struct {
	of   ID
	text string // one line a selection: 0 or 1, and the package
}

func scanGroup(rows *sql.Rows) (g group, err error) {
	var of int64
	err = rows.Scan(&of, &g.text)
	g.of = ID(of)
	return g, err
}

func (g group) selections(shared map[string]string) []Selection {
	all := make([]Selection, 0, strings.Count(g.text, "\n")+1)
	for line := range strings.SplitSeq(g.text, "\n") {
		id, known := shared[line[1:]]
		if !known {
			id = strings.Clone(line[1:])
			shared[id] = id
		}
		all = append(all, Selection{Package: id, Explicit: line[0] == '1'})
	}
	slices.SortFunc(all, func(a, b Selection) int { return strings.Compare(a.Package, b.Package) })
	return all
}
