package adopt

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // registers the driver "sqlite": SQLite without cgo
)

// schemaVersion is the user_version of the databases whose tables are known here.
const schemaVersion = 1

// foreign is one of AerynOS' databases, open for reading.
type foreign struct {
	*sql.DB
	name string
	copy string // a folder to be removed, "" when the file is read in place
}

// openForeign opens a database without ever writing to it. A file that was left
// by a crash in the middle of a transaction has a journal, and to read it SQLite
// must first roll it back, which writes: so then a copy is read. Otherwise the
// file is read in place as immutable, which asks for no lock of SQLite's own;
// the installation's lock is held instead.
func openForeign(dir, name string) (*foreign, error) {
	f, path := &foreign{name: name}, filepath.Join(dir, name)
	options := url.Values{"mode": {"ro"}, "immutable": {"1"}}
	if unfinished(path) {
		var err error
		if f.copy, err = copyDatabase(dir, name); err != nil {
			return nil, fmt.Errorf("copy AerynOS' database %s: %w", name, err)
		}
		path, options = filepath.Join(f.copy, name), url.Values{"mode": {"rw"}}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	if f.DB, err = sql.Open("sqlite", uri.String()); err != nil {
		return nil, errors.Join(err, f.close())
	}
	f.SetMaxOpenConns(1)
	if err := f.check(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *foreign) check() error {
	var version int
	if err := f.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("open AerynOS' database %s: %w", f.name, err)
	}
	if version != schemaVersion {
		return &RefusedError{fmt.Sprintf("read AerynOS' database %s: it has version %d, known is %d", f.name, version, schemaVersion),
			"bring AerynOS up to date with its own moss, or use a newer moss here"}
	}
	return nil
}

func (f *foreign) close() error {
	var err error
	if f.DB != nil {
		err = f.Close()
	}
	if f.copy != "" {
		err = errors.Join(err, os.RemoveAll(f.copy))
	}
	return err
}

// besides are the files that SQLite keeps next to a database in use.
func besides() []string { return []string{"-journal", "-wal"} }

func unfinished(path string) bool {
	for _, suffix := range besides() {
		if info, err := os.Lstat(path + suffix); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}

func copyDatabase(dir, name string) (string, error) {
	to, err := os.MkdirTemp("", "moss-adopt-")
	if err != nil {
		return "", err
	}
	for _, suffix := range append([]string{""}, besides()...) {
		err := copyPlain(filepath.Join(dir, name+suffix), filepath.Join(to, name+suffix))
		if err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) {
			return "", errors.Join(err, os.RemoveAll(to))
		}
	}
	return to, nil
}

func copyPlain(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// each runs scan for every row of a query.
func (f *foreign) each(query string, scan func(*sql.Rows) error) error {
	rows, err := f.Query(query)
	if err != nil {
		return fmt.Errorf("read AerynOS' database %s: %w", f.name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("read AerynOS' database %s: %w", f.name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read AerynOS' database %s: %w", f.name, err)
	}
	return nil
}
