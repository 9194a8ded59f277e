package state

import (
	"database/sql"
	"fmt"
)

// schema: ids are AUTOINCREMENT so that the number of a removed state is never
// given to another one; a boot entry of the old one would boot the new.
const schema = `
CREATE TABLE package (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, release INTEGER NOT NULL, build INTEGER NOT NULL,
	arch TEXT NOT NULL, summary TEXT NOT NULL, description TEXT NOT NULL, source TEXT NOT NULL, homepage TEXT NOT NULL,
	size INTEGER NOT NULL) STRICT;
CREATE TABLE relation (
	package TEXT NOT NULL REFERENCES package(id) ON DELETE CASCADE,
	role TEXT NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL,
	PRIMARY KEY (package, role, kind, name)) STRICT, WITHOUT ROWID;
CREATE INDEX relation_name ON relation (role, kind, name);
CREATE TABLE state (
	id INTEGER PRIMARY KEY AUTOINCREMENT, created INTEGER NOT NULL, summary TEXT NOT NULL, comment TEXT NOT NULL,
	pinned INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE selection (
	state INTEGER NOT NULL REFERENCES state(id) ON DELETE CASCADE,
	package TEXT NOT NULL REFERENCES package(id), explicit INTEGER NOT NULL,
	PRIMARY KEY (state, package)) STRICT, WITHOUT ROWID;
`

// second: what lists show without opening every tree, and whether some state
// still selects a package without looking at all of them.
const second = `
ALTER TABLE package ADD COLUMN content INTEGER NOT NULL DEFAULT 0;
ALTER TABLE package ADD COLUMN files INTEGER NOT NULL DEFAULT 0;
ALTER TABLE package ADD COLUMN repo TEXT NOT NULL DEFAULT '';
ALTER TABLE state ADD COLUMN fault TEXT NOT NULL DEFAULT '';
CREATE INDEX selection_package ON selection (package);
`

// migrations lists, for each version, what makes it of the one before. A new
// database walks the same way as an old one: there is one schema, not two.
func migrations() []string { return []string{schema, second} }

func (db *DB) readVersion() error {
	if err := db.sql.QueryRow("PRAGMA user_version").Scan(&db.version); err != nil {
		return fmt.Errorf("read database version: %w", err)
	}
	if known := len(migrations()); db.version > known {
		return &VersionError{Have: db.version, Know: known}
	}
	return nil
}

// migrate brings the database to the newest version; a cut leaves it at an older one, whole.
func (db *DB) migrate() error {
	if err := db.readVersion(); err != nil {
		return err
	}
	all := migrations()
	for ; db.version < len(all); db.version++ {
		err := db.update(func(tx *sql.Tx) error {
			_, err := tx.Exec(all[db.version] + fmt.Sprintf("PRAGMA user_version=%d;", db.version+1))
			return err
		})
		if err != nil {
			return fmt.Errorf("bring database to version %d: %w", db.version+1, err)
		}
	}
	return nil
}

// VersionError says that a newer program wrote the database.
type VersionError struct{ Have, Know int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("open database: it has version %d, this program knows %d", e.Have, e.Know)
}

// Hint says what helps.
func (e *VersionError) Hint() string { return "use the moss that wrote it, or a newer one" }
