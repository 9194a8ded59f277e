package parallel_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"moss/internal/parallel"
)

func TestEachDoesEverythingOnce(t *testing.T) {
	var done [1000]atomic.Int32
	err := parallel.Each(t.Context(), len(done), func(i int) error { done[i].Add(1); return nil })
	if err != nil {
		t.Fatal(err)
	}
	for i := range done {
		if got := done[i].Load(); got != 1 {
			t.Errorf("piece %d ran %d times, want once", i, got)
		}
	}
}

func TestEachStopsAtTheFirstError(t *testing.T) {
	var ran atomic.Int32
	broken := errors.New("broken")
	err := parallel.Each(t.Context(), 1_000_000, func(int) error { ran.Add(1); return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the work's error", err)
	}
	if ran.Load() == 1_000_000 {
		t.Error("all pieces ran in spite of the error")
	}
}

func TestEachHearsTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := parallel.Each(ctx, 5, func(int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
