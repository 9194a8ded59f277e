package adopt

import (
	"cmp"
	"fmt"
	"slices"

	"moss/store/asset"
	"moss/store/state"
	"moss/store/stone"
	"moss/store/tree"
)

// recordPackages makes, for every package, the list of paths from which a new
// state is built, and makes sure that each of its contents will be in the store
// in the dress that the list asks for.
func (p *Plan) recordPackages() error {
	for _, one := range p.ordered() {
		own, seen := tree.Package{ID: one.ID, Name: one.Label()}, map[stone.Hash]bool{}
		one.Files, one.Content = 0, 0
		for _, l := range p.layouts[one] {
			e := tree.Entry{Layout: l}
			if l.IsRegular() {
				e = p.file(one, l)
			}
			if !l.IsDir() {
				one.Files++
			}
			if !seen[l.Hash] {
				one.Content += e.Size
			}
			seen[l.Hash] = true
			own.Entries = append(own.Entries, e)
		}
		if err := p.keep("package-"+one.ID, tree.Own(own)); err != nil {
			return fmt.Errorf("record layouts of %s: %w", one.Label(), err)
		}
	}
	return nil
}

// ordered lists the packages of the plan by id, so that two runs say the same.
func (p *Plan) ordered() []*Package {
	var all []*Package
	for one := range p.layouts {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b *Package) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func (p *Plan) packages() []state.Package {
	var all []state.Package
	for _, one := range p.ordered() {
		all = append(all, one.Package)
	}
	return all
}

// file decides how a package's file is dressed in states to come: as the package
// has it if such a file is there already, else without the write bits, as
// AerynOS' moss does it. When neither is there, because the file on disk has the
// mode of another package too or not the owner that was asked for, the content is
// copied and gets exactly what the package says.
func (p *Plan) file(of *Package, l stone.Layout) tree.Entry {
	e := tree.Entry{Layout: l}
	if l.Hash == stone.EmptyHash() {
		return e
	}
	c, whole := p.find(l.Hash)
	e.Size = c.size
	stripped := l
	stripped.Mode &^= writeBits
	switch {
	case p.linked(asset.Name(l)):
	case p.linked(asset.Name(stripped)):
		e.Layout = stripped
	case whole:
		p.copies[asset.Name(l)] = copied{c, l}
	default:
		p.Problems = append(p.Problems, Problem{0, l.Path, "content " + l.Hash.String() + " of " + of.Label() + " is nowhere whole: a new state with it needs the package again"})
	}
	return e
}
