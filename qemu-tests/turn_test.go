package qemutests

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// turns hands out the machine's processors: as many tests run as -parallel says,
// those which take longest first, so that none of them is left to run alone at the
// end. The testing package has no order for parallel tests.
type turns struct {
	sync.Mutex
	free    int
	waiting []waiter
}

type waiter struct {
	cost  cost
	ready chan struct{}
}

// cost is about how many minutes a test takes under software emulation.
type cost int

// short is what most tests take.
const short cost = 1

// inTurn is t.Parallel with that order. A test whose subtests take turns takes none
// itself.
func inTurn(t *testing.T, c cost) {
	t.Helper()
	t.Parallel()
	begun := shared.turns.take(c)
	t.Cleanup(func() {
		t.Logf("took %.1f s of its own", time.Since(begun).Seconds())
		shared.turns.release()
	})
}

// alongside is for a test whose subtests take turns.
func alongside(t *testing.T) {
	t.Helper()
	t.Parallel()
}

// open lets all tests start at once, for it is inTurn that holds them back now. Where
// one has t.Parallel instead, the testing package goes on to do it, without order:
// nothing else would keep that test from running beside all others.
func (q *turns) open() (err error) {
	flag.Parse()
	limit := flag.Lookup("test.parallel").Value
	if q.free, err = strconv.Atoi(limit.String()); err != nil {
		return err
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if file != "turn_test.go" && strings.Contains(string(text), "\tt.Parallel()\n") {
			fmt.Fprintf(os.Stderr, "(%s has t.Parallel, not inTurn: tests run without order)\n", file)
			return nil
		}
	}
	return limit.Set("1000")
}

func (q *turns) take(c cost) (begun time.Time) {
	q.Lock()
	if q.free > 0 {
		q.free--
		q.Unlock()
		return time.Now()
	}
	me := waiter{c, make(chan struct{})}
	q.waiting = append(q.waiting, me)
	q.Unlock()
	<-me.ready
	return time.Now()
}

func (q *turns) release() {
	q.Lock()
	defer q.Unlock()
	if len(q.waiting) == 0 {
		q.free++
		return
	}
	longest := 0
	for i, w := range q.waiting {
		if w.cost > q.waiting[longest].cost {
			longest = i
		}
	}
	close(q.waiting[longest].ready)
	q.waiting = slices.Delete(q.waiting, longest, longest+1)
}

func TestLongestGoesFirst(t *testing.T) {
	q := turns{free: 1}
	q.take(short)
	order := make(chan cost)
	for n, c := range []cost{2, 5, 3} {
		go func() {
			q.take(c)
			order <- c
			q.release()
		}()
		for waiting := 0; waiting <= n; { // until it waits
			q.Lock()
			waiting = len(q.waiting)
			q.Unlock()
		}
	}
	q.release()
	if got := []cost{<-order, <-order, <-order}; !slices.Equal(got, []cost{5, 3, 2}) {
		t.Errorf("got the order %v, want 5, 3, 2", got)
	}
}
