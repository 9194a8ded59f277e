// Package state is the database of states, their selections, and the packages
// that were ever unpacked. It says what was meant; which state is live and
// which trees exist is said by the trees alone.
package state

import (
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite" // also registers the driver "sqlite": SQLite without cgo

	"moss/store/activate"
)

// ID numbers a state; the same type that the trees themselves carry.
type ID = activate.ID

// ErrNotFound is returned for a state or package that the database does not have.
var ErrNotFound = errors.New("not found")

// DB is one root's database.
type DB struct {
	sql     *sql.DB
	version int // what the file has; a view does not migrate it
}

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

// View opens the database for reading only; it must exist. One of an older
// version is read as it is, with the values that a migration would give it. Any
// user may do so, also while another process writes: see snapshot.go.
func View(path string) (*DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return viewPatiently(path)
}

func view(path string) (*DB, error) {
	db, err := open(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}})
	if err != nil {
		return nil, err
	}
	if err := db.readVersion(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
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
	return &DB{sql: handle}, nil
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
		return errors.Join(noSpace(err), tx.Rollback())
	}
	return noSpace(tx.Commit())
}

// noSpace gives SQLITE_FULL (sqlite.org/rescode.html) the name that all other
// writers have for it.
func noSpace(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == 13 {
		return unix.ENOSPC
	}
	return err
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
