package system

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"moss/store"
	"moss/store/repo"
)

// Suggestion is a word that may come next on a command line, and what it means.
type Suggestion struct{ Word, About string }

// mostSuggested bounds what a shell is given: nobody reads more, and drawing
// 100,000 names takes it seconds.
const mostSuggested = 1000

// suggest sorts and cuts. An error means no suggestions: it is the command
// itself that says what is wrong, not the key that asks for a completion.
func suggest(all []Suggestion, err error) []Suggestion {
	if err != nil {
		return nil
	}
	slices.SortFunc(all, func(a, b Suggestion) int { return strings.Compare(a.Word, b.Word) })
	all = slices.CompactFunc(all, func(a, b Suggestion) bool { return a.Word == b.Word })
	return all[:min(len(all), mostSuggested)]
}

// SuggestInstalled offers the names of live packages.
func SuggestInstalled(opt Options, prefix string) []Suggestion {
	return suggest(installedNames(opt.Root, prefix))
}

func installedNames(root, prefix string) ([]Suggestion, error) {
	chosen, err := installed(root)
	var all []Suggestion
	for i := range chosen.Packages {
		if m := &chosen.Packages[i].Meta; strings.HasPrefix(m.Name, prefix) {
			all = append(all, Suggestion{m.Name, m.Summary})
		}
	}
	return all, err
}

// SuggestAvailable offers the names of packages that repositories have.
func SuggestAvailable(opt Options, prefix string) []Suggestion {
	return suggest(availableNames(opt.Root, prefix))
}

func availableNames(root, prefix string) ([]Suggestion, error) {
	offered, err := repo.Available(root)
	var all []Suggestion
	for i := range offered {
		if m := &offered[i].Meta; strings.HasPrefix(m.Name, prefix) {
			all = append(all, Suggestion{m.Name, m.Summary})
		}
	}
	return all, err
}

// SuggestKnown offers both.
func SuggestKnown(opt Options, prefix string) []Suggestion {
	return suggest(slices.Concat(SuggestInstalled(opt, prefix), SuggestAvailable(opt, prefix)), nil)
}

// SuggestStates offers the numbers of states, the newest first.
func SuggestStates(opt Options, prefix string) []Suggestion {
	s, err := store.View(opt.Root)
	if err != nil {
		return nil
	}
	rows, err := s.States()
	if errors.Join(err, s.Close()) != nil {
		return nil
	}
	slices.Reverse(rows)
	var all []Suggestion
	for _, row := range rows {
		if id := row.ID.String(); strings.HasPrefix(id, prefix) {
			all = append(all, Suggestion{id, strings.TrimSpace(row.Created.Format("2006-01-02 15:04") + " " + cmp.Or(row.Comment, row.Summary))})
		}
	}
	return all[:min(len(all), mostSuggested)]
}

// SuggestRepositories offers the names of repositories.
func SuggestRepositories(opt Options, prefix string) []Suggestion {
	configured, err := repo.Configured(opt.Root)
	var all []Suggestion
	for _, r := range configured {
		if strings.HasPrefix(r.Name, prefix) {
			all = append(all, Suggestion{r.Name, cmp.Or(r.Description, r.URI)})
		}
	}
	return suggest(all, err)
}

// SuggestKernels offers the kernel versions that the live tree has modules for.
func SuggestKernels(root, prefix string) []string {
	found, err := os.ReadDir(filepath.Join(root, "usr/lib/modules"))
	if err != nil {
		return nil
	}
	var all []string
	for _, dir := range found {
		if strings.HasPrefix(dir.Name(), prefix) {
			all = append(all, dir.Name())
		}
	}
	return all
}
