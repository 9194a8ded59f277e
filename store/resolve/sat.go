package resolve

// lit is a statement about a variable: it is true (chosen), or it is not.
type lit int32

func yes(v int32) lit      { return lit(v << 1) }
func no(v int32) lit       { return lit(v<<1 | 1) }
func (l lit) of() int32    { return int32(l >> 1) }
func (l lit) not() lit     { return l ^ 1 }
func (l lit) chosen() bool { return l&1 == 0 }

// clause is a rule: one of its literals has to hold. Rules that were learned
// remember what they follow from, so that a failure can be explained by the
// rules of packages alone.
type clause struct {
	lits  []lit
	why   cause     // of a rule that packages made
	from  []*clause // of a learned one
	fixed []int32   // learned: the variables settled for good that were left out
}

// sat is a conflict-driven search for an assignment (Marques-Silva, Sakallah:
// GRASP, 1999) with two watched literals a clause (Moskewicz et al.: Chaff,
// 2001). Unlike theirs it gets its rules while it runs: expand is called when a
// variable first becomes true and gives the rules that begin to matter then,
// each of which holds no(v).
type sat struct {
	value    []int8 // by variable: 1 chosen, -1 not, 0 open
	level    []int32
	reason   []*clause
	expanded []bool
	watches  [][]*clause // by literal: the clauses that have to look when it fails
	trail    []lit
	levels   []int // trail length at each decision
	head     int

	seen  []int // by variable: the round of analyze that saw it
	round int

	steps, budget int
	conflicts     int
	failed        *clause // what could not hold when there is no solution

	expand func(v int32) []*clause
	decide func() (lit, bool)
	undo   func(level int) // decisions above level were taken back
}

func (s *sat) variable() int32 {
	s.value, s.level, s.reason = append(s.value, 0), append(s.level, 0), append(s.reason, nil)
	s.expanded, s.seen, s.watches = append(s.expanded, false), append(s.seen, 0), append(s.watches, nil, nil)
	return int32(len(s.value) - 1)
}

// holds is 1 for a literal that holds, -1 for one that fails, 0 for open.
func (s *sat) holds(l lit) int8 {
	if l.chosen() {
		return s.value[l.of()]
	}
	return -s.value[l.of()]
}

// The ways a search ends.
type outcome int

const (
	solved outcome = iota
	impossible
	exhausted
)

func (s *sat) solve() outcome {
	for s.failed == nil {
		if s.steps > s.budget {
			return exhausted
		}
		if broken := s.propagate(); broken != nil {
			s.learn(broken)
			continue
		}
		l, more := s.decide()
		if !more {
			return solved
		}
		s.levels = append(s.levels, len(s.trail))
		s.assign(l, nil)
	}
	return impossible
}

func (s *sat) assign(l lit, because *clause) {
	v := l.of()
	s.value[v], s.level[v], s.reason[v] = -1, int32(len(s.levels)), because
	if l.chosen() {
		s.value[v] = 1
	}
	s.trail = append(s.trail, l)
}

// add takes a rule in at any time and returns it when it fails already.
func (s *sat) add(c *clause) *clause {
	s.steps += len(c.lits)
	for i := range min(2, len(c.lits)) {
		for j := i + 1; j < len(c.lits); j++ {
			if s.watchability(c.lits[j]) > s.watchability(c.lits[i]) {
				c.lits[i], c.lits[j] = c.lits[j], c.lits[i]
			}
		}
	}
	if len(c.lits) == 0 {
		return c
	}
	if len(c.lits) > 1 {
		s.watch(c.lits[0], c)
		s.watch(c.lits[1], c)
	}
	if s.holds(c.lits[0]) < 0 {
		return c
	}
	if s.holds(c.lits[0]) == 0 && (len(c.lits) == 1 || s.holds(c.lits[1]) < 0) {
		s.assign(c.lits[0], c)
	}
	return nil
}

// watchability: literals that have not failed first, then those that failed
// last, because these are the first to open again.
func (s *sat) watchability(l lit) int32 {
	if s.holds(l) >= 0 {
		return 1<<30 + int32(s.holds(l))
	}
	return s.level[l.of()]
}

func (s *sat) watch(l lit, c *clause) { s.watches[l] = append(s.watches[l], c) }

// propagate draws all conclusions, and returns a rule that fails.
func (s *sat) propagate() *clause {
	for s.head < len(s.trail) {
		l := s.trail[s.head]
		s.head++
		if broken := s.visit(l.not()); broken != nil {
			return broken
		}
		if v := l.of(); l.chosen() && !s.expanded[v] {
			s.expanded[v] = true
			if broken := s.addAll(s.expand(v)); broken != nil {
				return broken
			}
		}
	}
	return nil
}

// addAll takes in every rule, also after one that fails: they are not offered
// again. Of several that fail the shortest is returned: one of a single literal
// has nothing else to watch, so it would be forgotten.
func (s *sat) addAll(rules []*clause) *clause {
	var broken *clause
	for _, c := range rules {
		if b := s.add(c); b != nil && (broken == nil || len(b.lits) < len(broken.lits)) {
			broken = b
		}
	}
	return broken
}

// visit tells the rules that watch l that it failed.
func (s *sat) visit(l lit) *clause {
	watching := s.watches[l]
	kept := watching[:0]
	for i, c := range watching {
		s.steps++
		if s.moveWatch(c, l) {
			continue
		}
		kept = append(kept, c)
		switch s.holds(c.lits[0]) {
		case 0:
			s.assign(c.lits[0], c)
		case -1:
			s.watches[l] = append(kept, watching[i+1:]...)
			return c
		}
	}
	s.watches[l] = kept
	return nil
}

// moveWatch looks for another literal of c that has not failed. Without one,
// lits[0] is what c hangs on.
func (s *sat) moveWatch(c *clause, l lit) bool {
	if c.lits[0] == l {
		c.lits[0], c.lits[1] = c.lits[1], c.lits[0]
	}
	if s.holds(c.lits[0]) > 0 {
		return false
	}
	for i := 2; i < len(c.lits); i++ {
		if s.holds(c.lits[i]) >= 0 {
			c.lits[1], c.lits[i] = c.lits[i], c.lits[1]
			s.watch(c.lits[1], c)
			return true
		}
		s.steps++
	}
	return false
}

// backTo takes decisions back until level are left.
func (s *sat) backTo(level int) {
	if level >= len(s.levels) {
		return
	}
	for _, l := range s.trail[s.levels[level]:] {
		s.value[l.of()], s.reason[l.of()] = 0, nil
	}
	s.trail = s.trail[:s.levels[level]]
	s.levels = s.levels[:level]
	s.head = len(s.trail)
	s.undo(level)
}
