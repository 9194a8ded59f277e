package kmod

import (
	"fmt"
	"slices"
	"strings"
)

// Module is one step of a load order.
type Module struct {
	Name string // canonical
	Path string // file below the module folder
	// Required is false if only soft dependencies lead here: the wanted modules
	// work without it (crc32c-intel on a processor that lacks the instruction).
	Required bool
}

// Closure gives everything that the named modules (or aliases) need, in load
// order: hard and soft dependencies before each module, its "post" ones after.
// Modules in the kernel itself satisfy without appearing. A name or a hard
// dependency that the index lacks is ErrUnknown with the chain that led there;
// a soft one is left out, with what only it needed.
func (x *Index) Closure(names ...string) ([]Module, error) {
	w := &walk{index: x, seen: map[string]bool{}, lost: map[string]bool{}}
	var roots []string
	for _, name := range names {
		found, known := x.resolve(name)
		if !known {
			return nil, fmt.Errorf("%s: %w", name, ErrUnknown)
		}
		for _, root := range found {
			if err := w.visit(root, nil); err != nil {
				return nil, err
			}
		}
		roots = append(roots, found...)
	}
	return w.modules(roots), nil
}

// walk goes depth first; order is the result so far.
type walk struct {
	index *Index
	seen  map[string]bool
	lost  map[string]bool // wishes that cannot be had: trying each again takes 2^depth
	trail []string        // everything seen, oldest first, so that a soft branch can be taken back
	order []string
}

func (w *walk) visit(name string, chain []string) error {
	loop := slices.Contains(chain, name)
	chain = append(slices.Clip(chain), name)
	if loop {
		return fmt.Errorf("%s: dependency cycle", strings.Join(chain, " -> "))
	}
	f, ok := w.index.files[name]
	switch {
	case !ok && w.index.Builtin(name), w.seen[name]:
		return nil
	case !ok:
		return fmt.Errorf("%s: %w", strings.Join(chain, " -> "), ErrUnknown)
	case slices.Contains(w.index.omitted, name):
		return fmt.Errorf("%s: %w", strings.Join(chain, " -> "), ErrOmitted)
	}
	w.seen[name] = true
	w.trail = append(w.trail, name)
	// depmod lists what depends before what it depends on.
	for _, dep := range slices.Backward(f.deps) {
		if err := w.visit(dep, chain); err != nil {
			return err
		}
	}
	w.soft(w.index.softs[name].pre)
	w.order = append(w.order, name)
	w.soft(w.index.softs[name].post)
	return nil
}

// soft visits wishes. One that cannot be had whole is taken back whole, or the
// order would hold modules whose dependencies it lacks.
func (w *walk) soft(wishes []string) {
	for _, wish := range wishes {
		found, _ := w.index.resolve(wish)
		for _, name := range found {
			trail, order := len(w.trail), len(w.order)
			if w.lost[name] || w.visit(name, nil) == nil {
				continue
			}
			w.lost[name] = true
			for _, undone := range w.trail[trail:] {
				delete(w.seen, undone)
			}
			w.trail, w.order = w.trail[:trail], w.order[:order]
		}
	}
}

// modules turns the order into steps; required is what hard dependencies reach
// from the roots.
func (w *walk) modules(roots []string) []Module {
	required := map[string]bool{}
	for queue := slices.Clone(roots); len(queue) > 0; {
		name := queue[0]
		queue = queue[1:]
		if !required[name] {
			required[name] = true
			queue = append(queue, w.index.files[name].deps...)
		}
	}
	list := make([]Module, 0, len(w.order))
	for _, name := range w.order {
		list = append(list, Module{name, w.index.files[name].path, required[name]})
	}
	return list
}
