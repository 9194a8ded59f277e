package vm

import (
	"errors"
	"sync"
	"time"
)

// errLimit is what a wait returns when its time is over; callers add what was
// waited for.
var errLimit = errors.New("time limit reached")

// watch is a lock whose holder can wait for the next change with a time limit,
// which sync.Cond cannot.
type watch struct {
	sync.Mutex
	changed chan struct{}
}

func newWatch() *watch { return &watch{changed: make(chan struct{})} }

// broadcast wakes every waiter. Call it with the lock held.
func (w *watch) broadcast() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// wait returns when check says that it is done or wrong; check runs with the
// lock held, once at the start and again after every change.
func (w *watch) wait(limit time.Duration, check func() (done bool, err error)) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		w.Lock()
		done, err := check()
		changed := w.changed
		w.Unlock()
		if done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-timer.C:
			return errLimit
		}
	}
}
