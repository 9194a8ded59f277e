package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"moss/store/stone"
)

// near is something that exists and resembles what was asked for.
type near struct {
	text  string
	score int // 0 the same name of another kind, then the distance
}

// nearest lists up to three capabilities that resemble one that nobody has:
// the same name of another kind, a slip of the keyboard, the same beginning.
func nearest(pool []*Package, what stone.Provider) []string {
	best := map[stone.Provider]near{}
	consider := func(p *Package, c stone.Provider) {
		if c.Kind != what.Kind && c.Name != what.Name {
			return
		}
		score, ok := resemblance(what, c)
		if !ok {
			return
		}
		text := c.String()
		if c != nameOf(p) {
			text = fmt.Sprintf("%v (%s)", c, p.Meta.Name)
		}
		if old, known := best[c]; !known || text < old.text {
			best[c] = near{text, score}
		}
	}
	for _, p := range pool {
		consider(p, nameOf(p))
		for _, c := range p.Meta.Provides {
			consider(p, c)
		}
	}
	return closest(best)
}

func closest(best map[stone.Provider]near) []string {
	var list []near
	for _, n := range best {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(len(a.text), len(b.text)), cmp.Compare(a.text, b.text))
	})
	var texts []string
	for _, n := range list[:min(3, len(list))] {
		texts = append(texts, n.text)
	}
	return texts
}

func resemblance(want, have stone.Provider) (score int, ok bool) {
	if want.Name == have.Name {
		return 0, want.Kind != have.Kind
	}
	slips := 1
	if len(want.Name) > 4 {
		slips = 2
	}
	if d := distance(want.Name, have.Name, slips); d <= slips {
		return d, true
	}
	long, short := want.Name, have.Name
	if len(long) < len(short) {
		long, short = short, long
	}
	return slips + 1, len(short) > 2 && strings.HasPrefix(long, short)
}

// distance counts the letters that were added, left out or changed between a
// and b (Levenshtein), and gives up above limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit || len(a) > 255 {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], cost
			least = min(least, cost)
		}
		if least > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}
