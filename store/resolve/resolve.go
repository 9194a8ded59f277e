// Package resolve chooses the packages of a new state. It is pure: it reads
// what is installed, what repositories offer and what the user wants, and
// says what the selection becomes, or why there is none.
//
// Dependencies are capabilities without versions, so the question is plain
// satisfiability and a conflict-driven search (sat.go) answers it. A package's
// own needs and conflicts enter the search when it is first chosen: of 100,000
// packages on offer a usual install looks at a few hundred.
//
// What is preferred is the order of decisions (search.go). A search that takes
// its decisions in a fixed order and learns only what follows from the rules
// finds the first solution of that order, whatever it had to try on the way.
package resolve

import "moss/store/stone"

// Package is a package that is installed, on offer in a repository, or given
// as a file.
type Package struct {
	ID       string      // SHA-256 of the stone; two packages of one ID are the same
	Meta     *stone.Meta // never nil; not written to
	Repo     string      // name of the repository, "" for a file
	Priority int         // of the repository; the bigger one wins
	Explicit bool        // asked for by the user, not by another package
}

// Request is what the user wants to change. Requests may be combined.
type Request struct {
	// Install asks for names and capabilities. One that an installed package
	// has already changes nothing but makes that package explicit: a newer
	// build in a repository is taken with Upgrade only. A name means the
	// package of that name; other packages that provide the name count only
	// when none has it.
	Install []stone.Provider
	// Files are local stones: exactly these replace whatever has their names.
	Files []Package
	// Remove names installed packages. Alone it needs no repository.
	Remove []string
	// Upgrade brings every installed package to the best build of the
	// repository of highest priority that has its name, where possible.
	Upgrade bool
	// Downgrade lets a package whose build is in no repository any more go
	// back to an older one. Without it no build is older than the installed.
	Downgrade bool
	// Force accepts dependencies that nothing can meet; conflicts never.
	Force bool
}

// Problem is a request and the world it is made in. The order of the slices
// means nothing.
type Problem struct {
	Installed []Package
	Available []Package
	Request
}

// Solution is the selection after the request, sorted by name, and what a user
// should know about it, one line each.
type Solution struct {
	Packages []Package
	Notes    []string
}

// Solve finds the selection that grants the request and changes as little else
// as it can. What was broken before (a dependency that was missing, two
// installed packages that exclude each other) is neither blamed nor made worse.
// Every package that was asked for stays unless its removal is requested;
// those that came along go when the change made them superfluous.
//
// The error is an *Unsolvable: the request is against the rules, or proving
// that it is not took more than a fixed amount of work.
func Solve(p Problem) (Solution, error) {
	if err := p.check(); err != nil {
		return Solution{}, err
	}
	if len(p.Install) == 0 && len(p.Files) == 0 && !p.Upgrade {
		return p.withoutRemoved()
	}
	return solveOn(newIndex(p.Files, p.Installed, p.Available), p)
}

// solveOn is the part of Solve that is left once the index is built.
func solveOn(x *index, p Problem) (Solution, error) {
	strict := newSearch(x, p, false)
	solution, err := strict.run()
	if err == nil || !p.Force {
		return solution, err
	}
	return newSearch(x, p, true).run()
}
