package resolve

// learn turns a rule that fails into one that would have stopped the search
// earlier, and goes back to where it would have. Without a decision to take
// back there is no solution.
func (s *sat) learn(broken *clause) {
	s.conflicts++
	top := s.topLevel(broken)
	if top == 0 {
		s.failed = broken
		return
	}
	s.backTo(top)
	c, level := s.analyze(broken)
	s.backTo(level)
	if b := s.add(c); b != nil {
		s.failed = b
	}
}

func (s *sat) topLevel(c *clause) int {
	top := int32(0)
	for _, l := range c.lits {
		top = max(top, s.level[l.of()])
	}
	return int(top)
}

// analyze resolves the broken rule with the reasons of its literals, back
// along the trail, until one literal of the last decision's level is left (the
// first unique implication point). It returns the rule and the level at which
// that literal follows from it.
func (s *sat) analyze(broken *clause) (*clause, int) {
	top := int32(len(s.levels))
	learned := &clause{from: []*clause{broken}}
	open, level := 0, int32(0)
	s.round++
	take := func(c *clause) {
		for _, l := range c.lits {
			v := l.of()
			if s.seen[v] == s.round || s.holds(l) > 0 {
				continue
			}
			s.seen[v] = s.round
			switch at := s.level[v]; at {
			case 0:
				learned.fixed = append(learned.fixed, v)
			case top:
				open++
			default:
				learned.lits, level = append(learned.lits, l), max(level, at)
			}
		}
		s.steps += len(c.lits)
	}
	take(broken)
	for i := len(s.trail) - 1; ; i-- {
		v := s.trail[i].of()
		if s.seen[v] != s.round {
			continue
		}
		if open--; open == 0 {
			learned.lits = append(learned.lits, s.trail[i].not())
			return learned, int(level)
		}
		learned.from = append(learned.from, s.reason[v])
		take(s.reason[v])
	}
}

// core is the rules of packages that together cannot hold: what the failure
// follows from.
func (s *sat) core() []*clause {
	w := coreWalk{s: s, rules: map[*clause]bool{}, settled: map[int32]bool{}}
	w.derive(s.failed)
	for _, l := range s.failed.lits {
		w.settle(l.of())
	}
	return w.core
}

type coreWalk struct {
	s       *sat
	rules   map[*clause]bool
	settled map[int32]bool
	core    []*clause
}

func (w *coreWalk) derive(c *clause) {
	if w.rules[c] {
		return
	}
	w.rules[c] = true
	if c.from == nil {
		w.core = append(w.core, c)
	}
	for _, earlier := range c.from {
		w.derive(earlier)
	}
	for _, v := range c.fixed {
		w.settle(v)
	}
}

// settle follows why v has its value before any decision.
func (w *coreWalk) settle(v int32) {
	c := w.s.reason[v]
	if w.settled[v] || c == nil {
		return
	}
	w.settled[v] = true
	w.derive(c)
	for _, l := range c.lits {
		w.settle(l.of())
	}
}
