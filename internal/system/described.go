package system

import (
	"cmp"
	"fmt"
	"slices"

	"moss/store/repo"
	"moss/store/stone"
)

// described checks that a package is what the index said of it. The hash proves
// only that it is the file that was meant: an index that gives another name or
// leaves out a conflict would bring in what nobody asked for, and a selection
// that nothing was solved for.
func described(from string, index, own *stone.Meta) error {
	for _, one := range []struct {
		what string
		same bool
	}{
		{"name", index.Name == own.Name},
		{"build", Build(index) == Build(own)},
		{"architecture", index.Arch == own.Arch},
		{"dependencies", sameProviders(index.Depends, own.Depends)},
		{"providers", sameProviders(index.Provides, own.Provides)},
		{"conflicts", sameProviders(index.Conflicts, own.Conflicts)},
	} {
		if !one.same {
			return fmt.Errorf("install %s of repository %s: %w", index.Name, from, &repo.UntrustedError{Repo: from,
				Why:    fmt.Sprintf("the package says it is %s %s; the index gives another %s", own.Name, Build(own), one.what),
				Advice: "refresh the repositories with moss repo update; if it stays, tell whoever makes the index"})
		}
	}
	return nil
}

func sameProviders(a, b []stone.Provider) bool {
	return slices.Equal(sortedProviders(a), sortedProviders(b))
}

func sortedProviders(all []stone.Provider) []stone.Provider {
	return slices.Compact(slices.SortedFunc(slices.Values(all), func(a, b stone.Provider) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	}))
}
