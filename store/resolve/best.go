package resolve

import (
	"fmt"
	"slices"
	"strings"

	"moss/store/stone"
)

// Best is the package that what means when nothing is installed: of those of that
// name, or else of those that provide it, the one that is preferred. The error is
// an *Unsolvable.
func Best(available []Package, what stone.Provider) (Package, error) {
	var named, others []*Package
	for i := range available {
		switch p := &available[i]; {
		case what == nameOf(p):
			named = append(named, p)
		case p.has(what):
			others = append(others, p)
		}
	}
	if len(named) == 0 {
		named = others
	}
	if len(named) > 0 {
		return *slices.MinFunc(named, better), nil
	}
	e := &Unsolvable{what: fmt.Sprintf("no package has %v", what), advice: "bring the indexes up to date: moss repo update"}
	var pool []*Package
	for i := range available {
		pool = append(pool, &available[i])
	}
	if similar := nearest(pool, what); len(similar) > 0 {
		e.advice = "did you mean " + strings.Join(similar, " or ") + "?"
	}
	return Package{}, e
}
