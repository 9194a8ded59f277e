// Command demo shows the whole chain on real input: packages become states, the
// newest of them cannot boot, the machine boots the one before it all the same,
// and an older one is picked from the menu. Whatever it says is checked; the
// first thing that is not so ends it with exit code 1.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := tell(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: FAILED: %v\n", err)
		os.Exit(1)
	}
}

func tell(ctx context.Context) error {
	s, err := begin()
	if err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{
		s.programs, s.packages, s.states, s.machine, s.bootNewest, s.bootOlder, s.summary,
	} {
		if err := chapter(ctx); err != nil {
			return s.end(err)
		}
	}
	return s.end(nil)
}
