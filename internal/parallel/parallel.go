// Package parallel runs independent pieces of work on as many workers as there
// are processors: the work here is the kernel's or a codec's, and more workers
// than processors gained nothing when measured on ext4 and xfs.
package parallel

import (
	"context"
	"runtime"
	"sync"
)

// Each runs work for 0 to n-1 and returns the first error. After an error, or
// when ctx ends, no further piece is begun; those under way are waited for.
func Each(ctx context.Context, n int, work func(int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := range next {
				if err := work(i); err != nil {
					stop(err)
				}
			}
		})
	}
	feed(ctx, next, n)
	all.Wait()
	return context.Cause(ctx)
}

func feed(ctx context.Context, next chan<- int, n int) {
	defer close(next)
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			return
		}
	}
}
