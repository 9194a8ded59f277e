package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"modernc.org/sqlite"
)

// SQLite reads a WAL database together with its -wal and -shm files, and makes
// them when they are missing, which an ordinary user and a read-only file
// system do not allow (sqlite.org/wal.html, "Read-Only Databases"). They are
// missing whenever nobody writes: then the file alone is the whole database,
// and a copy of it in memory is read instead. `immutable=1` would spare the copy
// but gives wrong answers when a writer begins meanwhile.

const (
	patience = time.Second
	pause    = 5 * time.Millisecond
	// coarse is longer than a tick of the clock that stamps files: a file
	// written less than that ago may change without its time changing.
	coarse = 40 * time.Millisecond
)

// viewPatiently reads by SQLite's own means where they work, and a copy where
// not. Which of the two it is changes when a writer comes or goes, hence the loop.
func viewPatiently(path string) (*DB, error) {
	for end := time.Now().Add(patience); ; time.Sleep(pause) {
		db, err := view(path)
		if !readOnly(err) {
			return db, err
		}
		copied, quiet, copyErr := snapshot(path)
		switch {
		case copyErr != nil:
			return nil, copyErr
		case quiet:
			return viewCopy(copied)
		case time.Now().After(end):
			return nil, &UnfoldedError{path, err}
		}
	}
}

// UnfoldedError says that a log is left which only a writer can fold in.
type UnfoldedError struct {
	Path string
	Err  error
}

func (e *UnfoldedError) Error() string {
	return fmt.Sprintf("read %s: an interrupted command left it half-way, and this user cannot put it right: %v", e.Path, e.Err)
}
func (e *UnfoldedError) Unwrap() error { return e.Err }

// Hint says who can.
func (e *UnfoldedError) Hint() string { return "run once as root: moss state list" }

// readOnly tells that SQLite wanted to write to read: SQLITE_READONLY and
// SQLITE_CANTOPEN with all that extends them (sqlite.org/rescode.html).
func readOnly(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == 8 || e.Code()&0xff == 14)
}

// snapshot copies a database that nobody writes to. It is whole when no log
// held anything before or after and the file did not change: what is committed
// goes to the log first, and from there to the file before the log is removed.
func snapshot(path string) (data []byte, quiet bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return nil, false, err
	}
	if age := time.Since(before.ModTime()); age >= 0 && age < coarse || logged(path) {
		return nil, false, nil
	}
	if data, err = io.ReadAll(file); err != nil {
		return nil, false, err
	}
	after, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	quiet = !logged(path) && os.SameFile(before, after) && before.ModTime().Equal(after.ModTime()) && before.Size() == after.Size()
	return data, quiet, nil
}

func logged(path string) bool {
	info, err := os.Stat(path + "-wal")
	return err == nil && info.Size() > 0 || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// viewCopy opens a database that is in memory. Bytes 18 and 19 of the file say
// that it is used with a WAL, which memory has not (sqlite.org/fileformat.html).
func viewCopy(data []byte) (*DB, error) {
	if len(data) >= 100 {
		data[18], data[19] = 1, 1
	}
	handle, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	handle.SetMaxOpenConns(1) // each connection would have a memory of its own
	db := &DB{sql: handle}
	if err := errors.Join(db.fill(data), db.readVersion()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) fill(data []byte) error {
	conn, err := db.sql.Conn(context.Background())
	if err != nil {
		return err
	}
	err = conn.Raw(func(driver any) error {
		memory, ok := driver.(interface{ Deserialize([]byte) error })
		if !ok {
			return fmt.Errorf("read database: the driver %T takes no copy", driver)
		}
		return memory.Deserialize(data)
	})
	return errors.Join(err, conn.Close())
}
