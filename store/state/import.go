package state

import (
	"database/sql"
	"fmt"
	"math"
)

// Import records states that another store has numbered already, with their
// packages, all or none: after a cut there is either none of them or every one.
// A number that is taken is an error. Numbers up to floor are never given to a
// new state, even those that no state of the list has: a tree or a boot entry
// may still carry them.
func (db *DB) Import(packages []Package, states []State, floor ID) error {
	return db.update(func(tx *sql.Tx) error {
		for _, p := range packages {
			if err := addPackage(tx, p); err != nil {
				return fmt.Errorf("record package %s: %w", p.Label(), err)
			}
		}
		for _, s := range states {
			if err := importState(tx, s); err != nil {
				return fmt.Errorf("record state %d: %w", s.ID, err)
			}
		}
		if err := raise(tx, floor); err != nil {
			return fmt.Errorf("keep numbers up to %d: %w", floor, err)
		}
		return nil
	})
}

func importState(tx *sql.Tx, s State) error {
	if s.ID == 0 || s.ID > math.MaxInt64 {
		return fmt.Errorf("%d is no number that the database can hold", s.ID)
	}
	_, err := tx.Exec(`INSERT INTO state (id, created, summary, comment, pinned, fault) VALUES (?,?,?,?,?,?)`,
		int64(s.ID), s.Created.Unix(), s.Summary, s.Comment, s.Pinned, s.Fault)
	if err != nil {
		return err
	}
	for _, one := range s.Selections {
		if _, err := tx.Exec(`INSERT INTO selection VALUES (?,?,?)`, int64(s.ID), one.Package, one.Explicit); err != nil {
			return fmt.Errorf("select package %s: %w", one.Package, err)
		}
	}
	return nil
}

// raise moves AUTOINCREMENT's counter, which SQLite keeps in an ordinary table
// (sqlite.org/autoinc.html).
func raise(tx *sql.Tx, floor ID) error {
	if floor > math.MaxInt64-1 {
		return fmt.Errorf("%d leaves no number for a new state", floor)
	}
	_, err := tx.Exec(`INSERT INTO sqlite_sequence (name, seq) SELECT 'state', 0
		WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'state')`)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'state'`, int64(floor))
	return err
}
