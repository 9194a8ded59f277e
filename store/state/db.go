// Package state is the database of states, their selections, and the packages
// that were ever unpacked. It says what was meant; which state is live and
// which trees exist is said by the trees alone.
package state

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // registers the driver "sqlite": SQLite without cgo

	"moss/store/activate"
)

// ID numbers a state; the same type that the trees themselves carry.
type ID = activate.ID

// ErrNotFound is returned for a state or package that the database does not have.
var ErrNotFound = errors.New("not found")

// DB is one root's database.
type DB struct{ sql *sql.DB }

// schema: ids are AUTOINCREMENT so that the number of a removed state is never
// given to another one; a boot entry of the old one would boot the new.
const schema = `
CREATE TABLE IF NOT EXISTS package (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, release INTEGER NOT NULL, build INTEGER NOT NULL,
	arch TEXT NOT NULL, summary TEXT NOT NULL, description TEXT NOT NULL, source TEXT NOT NULL, homepage TEXT NOT NULL,
	size INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS relation (
	package TEXT NOT NULL REFERENCES package(id) ON DELETE CASCADE,
	role TEXT NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL,
	PRIMARY KEY (package, role, kind, name)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS relation_name ON relation (role, kind, name);
CREATE TABLE IF NOT EXISTS state (
	id INTEGER PRIMARY KEY AUTOINCREMENT, created INTEGER NOT NULL, summary TEXT NOT NULL, comment TEXT NOT NULL,
	pinned INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS selection (
	state INTEGER NOT NULL REFERENCES state(id) ON DELETE CASCADE,
	package TEXT NOT NULL REFERENCES package(id), explicit INTEGER NOT NULL,
	PRIMARY KEY (state, package)) STRICT, WITHOUT ROWID;
`

const version = 1

// Open opens or makes the database at path for writing. WAL with synchronous
// FULL: a committed row survives a power cut (sqlite.org/pragma.html#pragma_synchronous).
func Open(path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	db, err := open(path, url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "busy_timeout(5000)"}})
	if err != nil {
		return nil, err
	}
	if err := db.migrate(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// View opens the database for reading only; it must exist.
func View(path string) (*DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return open(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}})
}

func open(path string, options url.Values) (*DB, error) {
	// A relative path would be taken for a host's name in the URI.
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	handle, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, err
	}
	// One connection: pragmas hold for it, and writers are serial by the lock.
	handle.SetMaxOpenConns(1)
	return &DB{handle}, nil
}

func (db *DB) migrate() error {
	var have int
	if err := db.sql.QueryRow("PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("read database version: %w", err)
	}
	if have > version {
		return fmt.Errorf("open database: it has version %d, this program knows %d; use a newer moss", have, version)
	}
	if have == version {
		return nil
	}
	if _, err := db.sql.Exec(schema + fmt.Sprintf("PRAGMA user_version=%d;", version)); err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	return nil
}

// Close ends the use of the database; the last one to close folds the WAL in.
func (db *DB) Close() error { return db.sql.Close() }

// update runs work in one SQL transaction.
func (db *DB) update(work func(*sql.Tx) error) error {
	tx, err := db.sql.Begin()
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// query collects one value a row.
func query[T any](db *DB, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := db.sql.Query(text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
