package system

import (
	"fmt"
	"slices"
	"strings"

	"moss/store"
	"moss/store/repo"
	"moss/store/stone"
	"moss/store/tree"
)

// Detail is all that is known of a package; the JSON keys are stable.
type Detail struct {
	Listed
	Description string   `json:"description"`
	Source      string   `json:"source"`
	Homepage    string   `json:"homepage"`
	Licenses    []string `json:"licenses"`
	Depends     []string `json:"depends"`
	Provides    []string `json:"provides"`
	Conflicts   []string `json:"conflicts"`
	Download    int64    `json:"download"`        // bytes of the stone, 0 when not known
	Content     int64    `json:"content"`         // bytes of its files, 0 when not known
	Live        bool     `json:"live"`            // this very build is in the live state
	URI         string   `json:"uri"`             // where it can be fetched, "" if nowhere
	Files       []File   `json:"files,omitempty"` // of a live one, when asked for
}

// File is a path of the live state; the JSON keys are stable.
type File struct {
	Path   string `json:"path"`
	Mode   string `json:"mode"` // octal, with the kind: "100755"
	UID    uint32 `json:"uid"`
	GID    uint32 `json:"gid"`
	Size   int64  `json:"size"`
	Target string `json:"target,omitempty"`
}

// Describe tells about packages by name, or by what they provide when the word
// is kind(name) or no package has that name. What is live comes first, then
// other builds on offer, best first. It takes no lock and fetches nothing.
func Describe(opt Options, words []string, files bool) ([]Detail, error) {
	chosen, err := installed(opt.Root)
	if err != nil {
		return nil, err
	}
	offered, err := offered(opt)
	if err != nil {
		return nil, err
	}
	all := []Detail{}
	for _, word := range words {
		want, err := stone.ParseProvider(word)
		if err != nil {
			return nil, &UnknownError{fmt.Sprintf("describe %s: %v", word, err), "give a package's name or kind(name)"}
		}
		found := detailsOf(chosen, offered, func(m *stone.Meta) bool { return want.Kind == stone.KindName && m.Name == want.Name })
		if len(found) == 0 {
			found = detailsOf(chosen, offered, func(m *stone.Meta) bool { return slices.Contains(m.Provides, want) })
		}
		if len(found) == 0 {
			return nil, &UnknownError{"describe " + word + ": no package has that name or provides it", "look for it: moss search " + quoted(want.Name)}
		}
		all = append(all, found...)
	}
	if files {
		return all, addFiles(opt.Root, all)
	}
	return all, nil
}

func detailsOf(chosen store.Choice, offered []repo.Package, wanted func(*stone.Meta) bool) (all []Detail) {
	live := builds(chosen)
	for i := range chosen.Packages {
		p := &chosen.Packages[i]
		if !wanted(&p.Meta) {
			continue
		}
		one := detail(listedChosen(p), &p.Meta)
		one.Live, one.Download, one.Content = true, p.StoneSize, p.Content
		all = append(all, one)
	}
	var others []*repo.Package
	for i := range offered {
		if p := &offered[i]; wanted(&p.Meta) {
			others = append(others, p)
		}
	}
	slices.SortStableFunc(others, func(a, b *repo.Package) int {
		if a.Meta.Name != b.Meta.Name {
			return strings.Compare(a.Meta.Name, b.Meta.Name)
		}
		if better(a, b) {
			return -1
		}
		return 1
	})
	for _, p := range others {
		all = addOffer(all, p, live[p.Meta.Name])
	}
	return all
}

// addOffer adds a build on offer; the live build learns where it can be fetched.
func addOffer(all []Detail, p *repo.Package, have *store.Chosen) []Detail {
	if i := slices.IndexFunc(all, func(d Detail) bool { return d.ID == p.ID }); i >= 0 {
		if all[i].URI == "" {
			all[i].URI = p.URL
		}
		return all
	}
	one := detail(listed(p.ID, &p.Meta, p.Repo), &p.Meta)
	one.URI, one.Download = p.URL, p.Size
	if have != nil {
		one.Installed, one.Explicit = Build(&have.Meta), have.Explicit
	}
	return append(all, one)
}

func detail(l Listed, m *stone.Meta) Detail {
	return Detail{Listed: l, Description: m.Description, Source: m.SourceID, Homepage: m.Homepage, Licenses: list(m.Licenses),
		Depends: texts(m.Depends), Provides: texts(m.Provides), Conflicts: texts(m.Conflicts)}
}

func texts(providers []stone.Provider) []string {
	all := make([]string, 0, len(providers))
	for _, p := range providers {
		all = append(all, p.String())
	}
	return all
}

// quoted makes a word of text that a shell would take for more than one.
func quoted(text string) string {
	if strings.ContainsAny(text, " \t\n'\"\\()<>&|;*?[]$`!#~") || text == "" {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}

func addFiles(root string, all []Detail) error {
	if !slices.ContainsFunc(all, func(d Detail) bool { return d.Live }) {
		return nil
	}
	l, err := openLive(root)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].Live {
			all[i].Files = l.filesOf(all[i].ID)
		}
	}
	return nil
}

// PackageFiles lists what a package of the live state brought, by path.
func PackageFiles(root, name string) ([]File, error) {
	l, err := openLive(root)
	if err != nil {
		return nil, err
	}
	for id, p := range l.packages {
		if p.Meta.Name == name {
			return l.filesOf(id), nil
		}
	}
	return nil, &UnknownError{"list the files of " + name + ": it is not installed",
		"the files of others are not known before they are fetched: moss fetch, then moss inspect --files"}
}

func (l *liveTree) filesOf(id string) []File {
	owner := slices.Index(l.tree.Packages, id)
	all := []File{}
	for i := range l.tree.Entries {
		if e := &l.tree.Entries[i]; e.Owner == owner && owner >= 0 {
			all = append(all, fileOf(e))
		}
	}
	return all
}

func fileOf(e *tree.Entry) File {
	return File{Path: "/usr/" + e.Path, Mode: fmt.Sprintf("%06o", e.Mode), UID: e.UID, GID: e.GID, Size: e.Size, Target: e.Target}
}
