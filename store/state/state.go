package state

import (
	"database/sql"
	"fmt"
	"time"
)

// State is one numbered system selection.
type State struct {
	ID         ID
	Created    time.Time // UTC, whole seconds
	Summary    string    // what the transaction did, made by moss
	Comment    string    // what its user says of it
	Pinned     bool
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
		done, err := tx.Exec(`INSERT INTO state (created, summary, comment, pinned) VALUES (?,?,?,?)`,
			s.Created.Unix(), s.Summary, s.Comment, s.Pinned)
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

func scanState(rows *sql.Rows) (State, error) {
	var s State
	var id, created int64
	err := rows.Scan(&id, &created, &s.Summary, &s.Comment, &s.Pinned)
	s.ID, s.Created = ID(id), time.Unix(created, 0).UTC()
	return s, err
}

// States lists all states, oldest first, with their selections.
func (db *DB) States() ([]State, error) {
	all, err := query(db, scanState, `SELECT id, created, summary, comment, pinned FROM state ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list states: %w", err)
	}
	for i := range all {
		if all[i].Selections, err = db.selections(all[i].ID); err != nil {
			return nil, fmt.Errorf("list states: %w", err)
		}
	}
	return all, nil
}

// State returns one state, or ErrNotFound.
func (db *DB) State(id ID) (State, error) {
	found, err := query(db, scanState, `SELECT id, created, summary, comment, pinned FROM state WHERE id = ?`, int64(id))
	if err != nil {
		return State{}, fmt.Errorf("read state %d: %w", id, err)
	}
	if len(found) == 0 {
		return State{}, fmt.Errorf("state %d: %w", id, ErrNotFound)
	}
	found[0].Selections, err = db.selections(id)
	return found[0], err
}

func (db *DB) selections(id ID) ([]Selection, error) {
	return query(db, func(rows *sql.Rows) (s Selection, err error) {
		return s, rows.Scan(&s.Package, &s.Explicit)
	}, `SELECT package, explicit FROM selection WHERE state = ? ORDER BY package`, int64(id))
}
