// Package adopttest writes what an AerynOS installation looks like on disk, from
// stone files: its three databases, its assets, its trees. It is written from
// the facts about that layout and shares no code with what reads it.
package adopttest

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the databases

	"moss/store/stone"
)

// Tables of the three databases, schema version 1.
const (
	stateTables = `CREATE TABLE state (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL,
		created BIGINT NOT NULL DEFAULT (unixepoch()), summary TEXT NULL, description TEXT NULL);
	CREATE TABLE state_selections (state_id INTEGER NOT NULL, package_id TEXT NOT NULL, explicit BOOLEAN NOT NULL, reason TEXT NULL,
		PRIMARY KEY (state_id, package_id), FOREIGN KEY (state_id) REFERENCES state(id) ON DELETE CASCADE);`
	installTables = `CREATE TABLE meta (package TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, version_identifier TEXT NOT NULL,
		source_release INT NOT NULL, build_release INT NOT NULL, architecture TEXT NOT NULL, summary TEXT NOT NULL, description TEXT NOT NULL,
		source_id TEXT NOT NULL, homepage TEXT NOT NULL, uri TEXT NULL, hash TEXT NULL, download_size BIGINT NULL);
	CREATE TABLE meta_licenses (package TEXT NOT NULL, license TEXT NOT NULL, PRIMARY KEY (package, license));
	CREATE TABLE meta_dependencies (package TEXT NOT NULL, dependency TEXT NOT NULL, PRIMARY KEY (package, dependency));
	CREATE TABLE meta_providers (package TEXT NOT NULL, provider TEXT NOT NULL, PRIMARY KEY (package, provider));
	CREATE TABLE meta_conflicts (package TEXT NOT NULL, conflict TEXT NOT NULL, PRIMARY KEY (package, conflict));`
	layoutTables = `CREATE TABLE layout (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, package_id TEXT NOT NULL, uid INTEGER NOT NULL,
		gid INTEGER NOT NULL, mode INTEGER NOT NULL, tag INTEGER NOT NULL, entry_type TEXT NOT NULL, entry_value1 TEXT NULL, entry_value2 TEXT NULL);`
)

// Installation is a root that AerynOS' moss looks after.
type Installation struct {
	Root string
	// Exact makes trees of copies with the modes that packages ask for, as its
	// moss does where hard links are not used; else all names of a content are
	// one file, whose mode is the union without write bits.
	Exact bool

	t        testing.TB
	dbs      map[string]*sql.DB
	packages map[string]*installed // by the path of the stone file
}

type installed struct {
	id      string
	meta    stone.Meta
	layouts []stone.Layout
}

// New makes an installation without a state on root.
func New(t testing.TB, root string) *Installation {
	t.Helper()
	i := &Installation{Root: root, t: t, dbs: map[string]*sql.DB{}, packages: map[string]*installed{}}
	for _, dir := range []string{"db", "assets/v2", "root/isolation/etc", "cache/downloads/v1", "repo"} {
		i.must(os.MkdirAll(i.Path(dir), 0o755))
	}
	i.must(os.WriteFile(i.Path(".moss-lockfile"), nil, 0o644))
	for name, tables := range map[string]string{"state": stateTables, "install": installTables, "layout": layoutTables} {
		db, err := sql.Open("sqlite", i.Path("db", name))
		i.must(err)
		db.SetMaxOpenConns(1) // so that a transaction may be left open
		t.Cleanup(func() { db.Close() })
		i.dbs[name] = db
		i.Exec(name, "PRAGMA synchronous = OFF;"+tables+"PRAGMA user_version = 1;") // no test cuts the power of this machine
	}
	return i
}

// Path is a path below the installation's /.moss.
func (i *Installation) Path(parts ...string) string {
	return filepath.Join(append([]string{i.Root, ".moss"}, parts...)...)
}

// Exec changes one of the databases: state, install or layout.
func (i *Installation) Exec(db, query string, args ...any) {
	i.t.Helper()
	if _, err := i.dbs[db].Exec(query, args...); err != nil {
		i.t.Fatal(err)
	}
}

func (i *Installation) must(err error) {
	i.t.Helper()
	if err != nil {
		i.t.Fatal(err)
	}
}

// Add unpacks stone files, as the first half of a transaction does, and returns
// the ids of the packages.
func (i *Installation) Add(stones ...string) []string {
	i.t.Helper()
	var ids []string
	for _, file := range stones {
		p := i.packages[file]
		if p == nil {
			p = i.unpack(file)
			i.packages[file] = p
		}
		ids = append(ids, p.id)
	}
	return ids
}

func (i *Installation) unpack(file string) *installed {
	i.t.Helper()
	data, err := os.ReadFile(file)
	i.must(err)
	sum := sha256.Sum256(data)
	r, err := stone.Open(file)
	i.must(err)
	defer r.Close()
	p := &installed{hex.EncodeToString(sum[:]), r.Package().Meta(), r.Package().Layouts}
	i.must(r.Contents(i.t.TempDir(), func(e stone.IndexEntry, content io.Reader) error {
		path := i.Path("assets/v2", AssetName(e.Hash))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(f, content)
		return err
	}))
	tx, err := i.dbs["layout"].Begin()
	i.must(err)
	for _, l := range p.layouts {
		kind, value1, value2 := columns(l)
		_, err := tx.Exec(`INSERT INTO layout (package_id, uid, gid, mode, tag, entry_type, entry_value1, entry_value2) VALUES (?,?,?,?,0,?,?,?)`,
			p.id, l.UID, l.GID, l.Mode, kind, value1, value2)
		i.must(err)
	}
	i.must(tx.Commit())
	i.describe(p, len(data))
	return p
}

func columns(l stone.Layout) (kind string, value1, value2 any) {
	switch {
	case l.IsRegular():
		return "regular", new(big.Int).SetBytes(l.Hash[:]).String(), l.Path
	case l.IsSymlink():
		return "symlink", l.Target, l.Path
	case l.IsDir():
		return "directory", l.Path, nil
	}
	return "character-device", l.Path, nil
}

func (i *Installation) describe(p *installed, size int) {
	m := p.meta
	i.Exec("install", `INSERT INTO meta VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`, p.id, m.Name, m.Version, m.Release, m.BuildRelease, m.Arch,
		m.Summary, m.Description, m.SourceID, m.Homepage, nil, p.id, size)
	for _, license := range m.Licenses {
		i.Exec("install", `INSERT INTO meta_licenses VALUES (?,?)`, p.id, license)
	}
	for table, list := range map[string][]stone.Provider{"dependencies": m.Depends, "providers": m.Provides, "conflicts": m.Conflicts} {
		for _, one := range list {
			i.Exec("install", `INSERT INTO meta_`+table+` VALUES (?,?)`, p.id, one.String())
		}
	}
}

// AssetName is the place of a content below assets/v2: the hash as a number in
// hex, at least two digits, cut into folders when there are at least ten.
func AssetName(hash stone.Hash) string {
	name := fmt.Sprintf("%02x", new(big.Int).SetBytes(hash[:]))
	if len(name) < 10 {
		return name
	}
	return filepath.Join(name[:2], name[2:4], name[4:6], name)
}
