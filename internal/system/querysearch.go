package system

import (
	"cmp"
	"slices"
	"strings"

	"moss/store"
	"moss/store/repo"
	"moss/store/stone"
)

// Search says what is looked for. All words must be found; case means nothing.
type Search struct {
	Words     []string
	Installed bool   // only in the live state
	Provides  bool   // among capabilities, not names and summaries
	Kind      string // of capability, "" for all
	Files     bool   // among the paths of the live state
}

// Found is a package and what matched.
type Found struct {
	Listed
	Match string `json:"match"` // the capability or the path, "" for name and summary
	rank  int
}

// Find looks through the live state and through what the repositories have. The
// best matches come first. It takes no lock and fetches nothing.
func Find(opt Options, what Search) ([]Found, error) {
	for i, word := range what.Words {
		what.Words[i] = strings.ToLower(word)
	}
	if what.Files {
		return findFiles(opt.Root, what.Words)
	}
	chosen, err := installed(opt.Root)
	if err != nil {
		return nil, err
	}
	kind, err := kindNamed(what.Kind)
	if err != nil {
		return nil, err
	}
	found := []Found{}
	try := func(one Listed, m *stone.Meta) {
		if what.Provides {
			found = append(found, providing(one, m, kind, what.Words)...)
		} else if rank := rankOf(m, what.Words); rank >= 0 {
			found = append(found, Found{Listed: one, rank: rank})
		}
	}
	live := builds(chosen)
	if !what.Installed {
		offered, err := offered(opt)
		if err != nil {
			return nil, err
		}
		tryOffered(offered, live, try)
	}
	for _, p := range live {
		try(listedChosen(p), &p.Meta)
	}
	slices.SortFunc(found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.Name, b.Name), strings.Compare(a.Match, b.Match))
	})
	return found, nil
}

// tryOffered shows the best candidate of each name and takes it out of live, so
// that a name is shown once.
func tryOffered(offered []repo.Package, live map[string]*store.Chosen, try func(Listed, *stone.Meta)) {
	for name, p := range best(offered) {
		one := listed(p.ID, &p.Meta, p.Repo)
		if have, ok := live[name]; ok {
			one.Installed, one.Explicit = Build(&have.Meta), have.Explicit
			delete(live, name)
		}
		try(one, &p.Meta)
	}
}

const anyKind = 255

// kindNamed is the kind of capability that a user names.
func kindNamed(name string) (stone.DepKind, error) {
	if name == "" {
		return anyKind, nil
	}
	p, err := stone.ParseProvider(name + "(x)")
	if err != nil {
		return 0, &UnknownError{"search for " + name + "(...): there is no such kind",
			"one of name soname pkgconfig interpreter cmake python binary sysbinary pkgconfig32"}
	}
	return p.Kind, nil
}

// rankOf says how well a package matches: 0 is its very name, -1 not at all.
func rankOf(m *stone.Meta, words []string) int {
	name, summary, rank := strings.ToLower(m.Name), "", 0
	for _, word := range words {
		switch at := strings.Index(name, word); {
		case name == word:
		case at == 0:
			rank++
		case at > 0:
			rank += 2
		default:
			if summary == "" {
				summary = strings.ToLower(m.Summary)
			}
			if !strings.Contains(summary, word) {
				return -1
			}
			rank += 4
		}
	}
	return rank
}

// providing gives a line for each matching capability; a package's own name is
// one of them.
func providing(one Listed, m *stone.Meta, kind stone.DepKind, words []string) (found []Found) {
	own := stone.Provider{Kind: stone.KindName, Name: m.Name}
	for i, p := range append([]stone.Provider{own}, m.Provides...) {
		if i > 0 && p == own || kind != anyKind && p.Kind != kind {
			continue
		}
		rank := rankOf(&stone.Meta{Name: p.Name}, words)
		if rank >= 0 {
			found = append(found, Found{Listed: one, Match: p.Kind.String() + "(" + p.Name + ")", rank: rank})
		}
	}
	return found
}

func findFiles(root string, words []string) ([]Found, error) {
	l, err := openLive(root)
	if err != nil {
		return nil, err
	}
	found := []Found{}
	for i := range l.tree.Entries {
		e := &l.tree.Entries[i]
		path := strings.ToLower("/usr/" + e.Path)
		if slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(path, word) }) {
			continue
		}
		one := Found{Match: "/usr/" + e.Path}
		if p := l.owner(e); p != nil {
			one.Listed = listedChosen(p)
		}
		found = append(found, one)
	}
	return found, nil
}
