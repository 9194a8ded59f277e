package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"moss/store/fetch"
)

// Updated is what an update of one repository came to.
type Updated struct {
	Name     string
	Packages int
	Changed  bool      // the index is another one than before
	Time     time.Time // what the signature says; zero when unsigned
	Unsigned bool      // nothing vouches for the index
	// Succeeded names the repositories that were in use until this one took their
	// place by this update.
	Succeeded []string
}

// Options say how indexes are fetched, and what only the caller knows.
type Options struct {
	fetch.Options
	// Merged says why the usr-merge of the system is not complete, or nil. It is
	// called at most once, and only if a repository is for merged systems only; a
	// nil function is a system that is not merged.
	Merged func() error
	Log    func(line string) // nil: nobody listens
}

func (o Options) merged(all []Repository) error {
	if !slices.ContainsFunc(all, func(r Repository) bool { return r.MergedOnly }) {
		return nil
	}
	if o.Merged == nil {
		return errors.New("nothing is known of the usr-merge of this one")
	}
	return o.Merged()
}

// Update fetches, proves and stores the indexes of the named repositories, or of
// all that are in use, at the same time. A repository that fails keeps the
// index it has and does not hold up the others: what was updated is returned in
// any case, the error names every failure.
//
// Repositories that may come into use by this update go first, so that one whose
// place is taken is not asked any more: its server may be gone. One of them whose
// first index cannot be had is no failure as long as the one before it is used.
func Update(ctx context.Context, root string, names []string, opt Options) ([]Updated, error) {
	s, err := successionOf(root, nil)
	if err != nil {
		return nil, err
	}
	s.merged = opt.merged(s.all)
	chosen, err := s.choose(names)
	if err != nil {
		return nil, err
	}
	first, rest := divide(chosen, s.due)
	before := s
	done, failed := fetchAll(ctx, root, first, opt)
	if len(first) > 0 {
		made, err := take(root, s.merged, answered(done), time.Now())
		if err != nil {
			return done, errors.Join(err, joined(failed))
		}
		s.taken = append(slices.Clip(s.taken), made...)
		for i := range done {
			done[i].Succeeded = before.succeededBy(made.of(done[i].Name))
		}
		s.forgive(failed, len(names) > 0, opt.Log)
	}
	_, rest = divide(rest, func(r Repository) bool { return s.taken.last(r.Name) != nil })
	later, others := fetchAll(ctx, root, rest, opt)
	return append(done, later...), errors.Join(joined(failed), joined(others))
}

func divide(all []Repository, is func(Repository) bool) (yes, no []Repository) {
	for _, r := range all {
		if is(r) {
			yes = append(yes, r)
		} else {
			no = append(no, r)
		}
	}
	return yes, no
}

func answered(done []Updated) func(Repository) bool {
	return func(r Repository) bool {
		return slices.ContainsFunc(done, func(u Updated) bool { return u.Name == r.Name })
	}
}

// succeededBy lists which of those that were in use a takeover has put out.
func (s succession) succeededBy(one *takeover) (names []string) {
	for _, r := range s.all {
		if one != nil && s.inUse(r) && slices.Contains(one.from, r.Name) {
			names = append(names, r.Name)
		}
	}
	return names
}

// forgive takes failures out that nobody suffers from: of repositories that are
// out by now, and, unless they were asked for by name, of those in whose place
// another one is still used.
func (s succession) forgive(failed map[string]error, named bool, log func(string)) {
	for name, err := range failed {
		r, _ := find(s.all, name)
		covering := s.covering(r)
		switch {
		case s.taken.last(name) != nil:
			delete(failed, name)
		case !s.inUse(r) && len(covering) > 0 && !named:
			delete(failed, name)
			if log != nil {
				log(fmt.Sprintf("warning: %s stays in use: %v", strings.Join(covering, ", "), err))
			}
		}
	}
}

// joined is one error of all, in the order of the names.
func joined(failed map[string]error) error {
	var all []error
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		all = append(all, failed[name])
	}
	return errors.Join(all...)
}

// fetchAll updates repositories at the same time. Failures are by name.
func fetchAll(ctx context.Context, root string, chosen []Repository, opt Options) (done []Updated, failed map[string]error) {
	results, errs := make([]Updated, len(chosen)), make([]error, len(chosen))
	var work sync.WaitGroup
	for i, r := range chosen {
		work.Go(func() {
			u := updater{root: root, repo: r, opt: opt.Options, now: time.Now()}
			results[i], errs[i] = u.run(ctx)
		})
	}
	work.Wait()
	failed = map[string]error{}
	for i, r := range chosen {
		if errs[i] == nil {
			done = append(done, results[i])
		} else {
			failed[r.Name] = fmt.Errorf("update repository %s: %w", r.Name, errs[i])
		}
	}
	return done, failed
}

// choose finds the named repositories, or all that are in use or could be after
// this update.
func (s succession) choose(names []string) ([]Repository, error) {
	if len(names) == 0 {
		chosen, _ := divide(s.all, func(r Repository) bool { return s.inUse(r) || s.due(r) })
		return chosen, nil
	}
	var chosen []Repository
	for _, name := range names {
		r, err := find(s.all, name)
		if err != nil {
			return nil, err
		}
		if is := s.standing(r); is.Place == Dormant || is.Place == Succeeded {
			return nil, &NotUsedError{name, is}
		}
		if !slices.ContainsFunc(chosen, func(c Repository) bool { return c.Name == name }) {
			chosen = append(chosen, r)
		}
	}
	return chosen, nil
}
