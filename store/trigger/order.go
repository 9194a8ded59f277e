package trigger

import (
	"slices"
	"strings"
)

// CycleError names triggers that each want to run before the next.
type CycleError struct{ Names []string }

func (e *CycleError) Error() string {
	return "order triggers: each of these wants to run before the next: " + strings.Join(e.Names, " -> ")
}

// Hint says who is to blame.
func (e *CycleError) Hint() string {
	return "the packages that bring them are broken, report it to whoever built them; --no-triggers runs none at all"
}

// order sorts by before and after, and by name where these leave it open. All
// triggers take part, whether they match or not: A before B before C holds for
// A and C even when B has nothing to do. A name that is not there is no order.
func order(triggers []*Trigger) ([]*Trigger, error) {
	byName := map[string]*Trigger{}
	for _, t := range triggers {
		byName[t.Name] = t
	}
	o := &ordering{byName: byName, earlier: map[string][]string{}, mark: map[string]int{}}
	for _, t := range triggers {
		o.earlier[t.Name] = append(o.earlier[t.Name], t.After...)
		for _, later := range t.Before {
			o.earlier[later] = append(o.earlier[later], t.Name)
		}
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
		slices.Sort(o.earlier[name])
	}
	slices.Sort(names)
	for _, name := range names {
		if err := o.visit(name, nil); err != nil {
			return nil, err
		}
	}
	return o.sorted, nil
}

type ordering struct {
	byName  map[string]*Trigger
	earlier map[string][]string // what runs before a name
	mark    map[string]int      // 1 while its earlier ones are visited, 2 when done
	sorted  []*Trigger
}

func (o *ordering) visit(name string, above []string) error {
	t, known := o.byName[name]
	if !known || o.mark[name] == 2 {
		return nil
	}
	above = append(above, name)
	if o.mark[name] == 1 {
		cycle := slices.Clone(above[slices.Index(above, name):])
		slices.Reverse(cycle) // above goes from later to earlier
		return &CycleError{cycle}
	}
	o.mark[name] = 1
	for _, one := range o.earlier[name] {
		if err := o.visit(one, above); err != nil {
			return err
		}
	}
	o.mark[name] = 2
	o.sorted = append(o.sorted, t)
	return nil
}
