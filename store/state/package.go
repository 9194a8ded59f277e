package state

import (
	"database/sql"
	"fmt"

	"moss/store/stone"
)

// Package is what the database knows of one stone. ID is the SHA-256 of the
// stone file in hex; two builds of one version are two packages.
type Package struct {
	ID        string
	Meta      stone.Meta
	StoneSize int64  // bytes of the stone file
	Content   int64  // bytes of its distinct contents; 0 for one that version 1 recorded
	Files     int    // paths it brings, folders aside; 0 for one that version 1 recorded
	Repo      string // the repository it came from, "" for a file
}

// Label is the package as a person knows it.
func (p Package) Label() string { return p.Meta.Name + " " + p.Meta.Version }

const (
	depends   = "depends"
	provides  = "provides"
	conflicts = "conflicts"
	license   = "license"
)

// AddPackages records packages, all or none. One that is there already keeps
// its name and relations, which its id fixes, and learns what was not known:
// its sizes, and the repository it now came from.
func (db *DB) AddPackages(packages []Package) error {
	return db.update(func(tx *sql.Tx) error {
		for _, p := range packages {
			if err := addPackage(tx, p); err != nil {
				return fmt.Errorf("record package %s: %w", p.Label(), err)
			}
		}
		return nil
	})
}

const upsert = `INSERT INTO package VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
	content = max(content, excluded.content), files = max(files, excluded.files),
	repo = CASE excluded.repo WHEN '' THEN repo ELSE excluded.repo END`

func addPackage(tx *sql.Tx, p Package) error {
	m := p.Meta
	if _, err := tx.Exec(upsert, p.ID, m.Name, m.Version, m.Release, m.BuildRelease, m.Arch, m.Summary, m.Description,
		m.SourceID, m.Homepage, p.StoneSize, p.Content, p.Files, p.Repo); err != nil {
		return err
	}
	return addRelations(tx, p)
}

func addRelations(tx *sql.Tx, p Package) error {
	roles := map[string][]stone.Provider{depends: p.Meta.Depends, provides: p.Meta.Provides, conflicts: p.Meta.Conflicts}
	for _, text := range p.Meta.Licenses {
		roles[license] = append(roles[license], stone.Provider{Name: text})
	}
	for role, list := range roles {
		for _, to := range list {
			if _, err := tx.Exec(`INSERT OR IGNORE INTO relation VALUES (?,?,?,?)`, p.ID, role, to.Kind, to.Name); err != nil {
				return fmt.Errorf("%s %s: %w", role, to, err)
			}
		}
	}
	return nil
}

// packageColumns are what scanPackage reads.
func (db *DB) packageColumns() string {
	const first = `SELECT id, name, version, release, build, arch, summary, description, source, homepage, size, `
	if db.version < 2 {
		return first + `0, 0, '' FROM package `
	}
	return first + `content, files, repo FROM package `
}

func scanPackage(rows *sql.Rows) (Package, error) {
	var p Package
	m := &p.Meta
	err := rows.Scan(&p.ID, &m.Name, &m.Version, &m.Release, &m.BuildRelease, &m.Arch, &m.Summary, &m.Description,
		&m.SourceID, &m.Homepage, &p.StoneSize, &p.Content, &p.Files, &p.Repo)
	return p, err
}

// Package returns one package, or ErrNotFound.
func (db *DB) Package(id string) (Package, error) {
	found, err := db.packages(`WHERE id = ?`, `WHERE package = ?`, id)
	if err != nil {
		return Package{}, fmt.Errorf("read package %s: %w", id, err)
	}
	if len(found) == 0 {
		return Package{}, fmt.Errorf("package %s: %w", id, ErrNotFound)
	}
	return found[0], nil
}

// Packages lists every package that was ever unpacked and not dropped, by id.
func (db *DB) Packages() ([]Package, error) {
	all, err := db.packages("", "")
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	return all, nil
}

// PackagesOf lists the packages that a state selects, by id; a state that is not
// there selects none.
func (db *DB) PackagesOf(id ID) ([]Package, error) {
	const chosen = ` IN (SELECT package FROM selection WHERE state = ?)`
	all, err := db.packages(`WHERE id`+chosen, `WHERE package`+chosen, int64(id))
	if err != nil {
		return nil, fmt.Errorf("list packages of state %d: %w", id, err)
	}
	return all, nil
}

// packages takes two queries however many packages there are.
func (db *DB) packages(which, whose string, args ...any) ([]Package, error) {
	all, err := query(db, scanPackage, db.packageColumns()+which+` ORDER BY id`, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	related, err := query(db, scanRelation, `SELECT package, role, kind, name FROM relation `+whose+` ORDER BY package, role, kind, name`, args...)
	if err != nil {
		return nil, err
	}
	at := make(map[string]*Package, len(all))
	for i := range all {
		at[all[i].ID] = &all[i]
	}
	for _, r := range related {
		if p := at[r.of]; p != nil {
			p.relate(r)
		}
	}
	return all, nil
}

type relation struct {
	of, role string
	to       stone.Provider
}

func scanRelation(rows *sql.Rows) (r relation, err error) {
	return r, rows.Scan(&r.of, &r.role, &r.to.Kind, &r.to.Name)
}

func (p *Package) relate(r relation) {
	switch r.role {
	case depends:
		p.Meta.Depends = append(p.Meta.Depends, r.to)
	case provides:
		p.Meta.Provides = append(p.Meta.Provides, r.to)
	case conflicts:
		p.Meta.Conflicts = append(p.Meta.Conflicts, r.to)
	case license:
		p.Meta.Licenses = append(p.Meta.Licenses, r.to.Name)
	}
}

// DropPackages forgets packages, all or none. One that a state selects cannot be
// dropped: the whole call fails.
func (db *DB) DropPackages(ids []string) error {
	err := db.update(func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(`DELETE FROM package WHERE id = ?`, id); err != nil {
				return fmt.Errorf("package %s: %w", id, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget packages: %w", err)
	}
	return nil
}
