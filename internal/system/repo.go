package system

import (
	"context"
	"errors"
	"fmt"
	"time"

	"moss/store/repo"
)

// RepositoryInfo is a repository as `moss repo list` shows it; the JSON keys are
// stable.
type RepositoryInfo struct {
	Name        string     `json:"name"`
	URI         string     `json:"uri"`
	Description string     `json:"description"`
	Priority    int        `json:"priority"` // the bigger wins
	Enabled     bool       `json:"enabled"`
	Unsigned    bool       `json:"unsigned"`
	Vendor      bool       `json:"vendor"` // configured by the system, not in /etc
	Packages    int        `json:"packages"`
	Updated     *time.Time `json:"updated"` // when it last answered; null: never
	Time        *time.Time `json:"time"`    // what its signature says; null: none
	Key         string     `json:"key"`
	File        string     `json:"file"`
	Problem     string     `json:"problem,omitempty"` // why what is stored of it cannot be used
	MergedOnly  bool       `json:"merged_only"`       // for systems whose usr-merge is complete
	Succeeds    string     `json:"succeeds"`          // whose place it takes
	// Standing is "in use", "disabled", "dormant" (it is for merged systems only,
	// and this is none), "waiting" (for its first index) or "succeeded".
	Standing    string     `json:"standing"`
	SucceededBy string     `json:"succeeded_by"`
	Switched    *time.Time `json:"switched"` // when it took another's place, or another its; null: never
	Why         string     `json:"why"`      // why it is not used, or what is wrong although it is
}

// Repositories lists the configured repositories, the highest priority first.
func Repositories(root string) ([]RepositoryInfo, error) {
	configured, standings, err := standings(root)
	if err != nil {
		return nil, err
	}
	all := []RepositoryInfo{}
	for i, r := range configured {
		info := RepositoryInfo{Name: r.Name, URI: r.URI, Description: r.Description, Priority: r.Priority, Enabled: r.Enabled,
			Unsigned: r.Unsigned, Vendor: r.Vendor, Key: r.Key, File: r.File, MergedOnly: r.MergedOnly, Succeeds: r.Succeeds,
			Standing: string(standings[i].Place), SucceededBy: standings[i].By, Switched: when(standings[i].Since), Why: standings[i].Why}
		stored, err := repo.Describe(root, r)
		if err != nil && (standings[i].Place == repo.InUse || standings[i].Place == repo.Disabled) {
			info.Problem = err.Error()
		}
		info.Packages, info.Updated, info.Time = stored.Packages, when(stored.Updated), when(stored.Time)
		all = append(all, info)
	}
	return all, nil
}

// when makes null of a time that there is not.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// NewRepository is a repository to add. Key is a public key or the file of one.
type NewRepository struct {
	Name, URI, Description, Key string
	Priority                    int
	Unsigned                    bool
	NoUpdate                    bool // do not fetch its index now
}

// AddRepository configures a repository and fetches its index. When that fails
// the repository is not there: a key or an address that is wrong should be
// noticed by whoever types it.
func AddRepository(ctx context.Context, opt Options, n NewRepository) (RepositoryUpdate, error) {
	r := repo.Repository{Name: n.Name, URI: n.URI, Description: n.Description, Priority: n.Priority, Unsigned: n.Unsigned, Enabled: true}
	if n.Key != "" {
		var err error
		if r.Key, err = repo.LoadKey(n.Key); err != nil {
			return RepositoryUpdate{}, fmt.Errorf("add repository %s: %w", n.Name, err)
		}
	}
	if err := repo.Add(opt.Root, r); err != nil {
		return RepositoryUpdate{}, err
	}
	if n.NoUpdate {
		return RepositoryUpdate{Name: n.Name, Unsigned: n.Unsigned, Succeeded: []string{}}, nil
	}
	all, err := UpdateRepositories(ctx, opt, []string{n.Name})
	if err != nil {
		return RepositoryUpdate{}, errors.Join(fmt.Errorf("repository %s was not added: %w", n.Name, err), repo.Remove(opt.Root, n.Name))
	}
	return all[0], nil
}

// RemoveRepository forgets a repository and its stored index.
func RemoveRepository(root, name string) error { return repo.Remove(root, name) }

// EnableRepository switches a repository on or off.
func EnableRepository(root, name string, on bool) error { return repo.SetEnabled(root, name, on) }

// RepositoryUpdate is what fetching one repository's index came to; the JSON keys
// are stable.
type RepositoryUpdate struct {
	Name     string     `json:"name"`
	Packages int        `json:"packages"`
	Changed  bool       `json:"changed"`
	Unsigned bool       `json:"unsigned"`
	Time     *time.Time `json:"time"` // what the signature says; null: none
	// Succeeded are those whose place it has taken by this update.
	Succeeded []string `json:"succeeded"`
}

// UpdateRepositories fetches the indexes of the named repositories, or of all
// that are in use or come into use by that. What could be updated is returned with the error, too.
func UpdateRepositories(ctx context.Context, opt Options, names []string) ([]RepositoryUpdate, error) {
	done, err := repo.Update(ctx, opt.Root, names, opt.updating())
	all := []RepositoryUpdate{}
	for _, u := range done {
		all = append(all, RepositoryUpdate{u.Name, u.Packages, u.Changed, u.Unsigned, when(u.Time), append([]string{}, u.Succeeded...)})
	}
	return all, err
}
