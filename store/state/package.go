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
	StoneSize int64 // bytes of the stone file
}

// Label is the package as a person knows it.
func (p Package) Label() string { return p.Meta.Name + " " + p.Meta.Version }

const (
	depends   = "depends"
	provides  = "provides"
	conflicts = "conflicts"
	license   = "license"
)

// AddPackages records packages, all or none; one that is there already is left
// as it is.
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

func addPackage(tx *sql.Tx, p Package) error {
	m := p.Meta
	done, err := tx.Exec(`INSERT INTO package VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`, p.ID, m.Name, m.Version,
		m.Release, m.BuildRelease, m.Arch, m.Summary, m.Description, m.SourceID, m.Homepage, p.StoneSize)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); n == 0 || err != nil {
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

const packageColumns = `id, name, version, release, build, arch, summary, description, source, homepage, size`

func scanPackage(rows *sql.Rows) (Package, error) {
	var p Package
	m := &p.Meta
	err := rows.Scan(&p.ID, &m.Name, &m.Version, &m.Release, &m.BuildRelease, &m.Arch, &m.Summary, &m.Description,
		&m.SourceID, &m.Homepage, &p.StoneSize)
	return p, err
}

// Package returns one package, or ErrNotFound.
func (db *DB) Package(id string) (Package, error) {
	found, err := query(db, scanPackage, `SELECT `+packageColumns+` FROM package WHERE id = ?`, id)
	if err != nil {
		return Package{}, err
	}
	if len(found) == 0 {
		return Package{}, fmt.Errorf("package %s: %w", id, ErrNotFound)
	}
	return db.withRelations(found[0])
}

func (db *DB) withRelations(p Package) (Package, error) {
	type relation struct {
		role string
		to   stone.Provider
	}
	all, err := query(db, func(rows *sql.Rows) (r relation, err error) {
		return r, rows.Scan(&r.role, &r.to.Kind, &r.to.Name)
	}, `SELECT role, kind, name FROM relation WHERE package = ?`, p.ID)
	for _, r := range all {
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
	return p, err
}
