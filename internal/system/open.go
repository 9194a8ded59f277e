package system

import (
	"context"
	"errors"

	"moss/store"
)

// openStore opens the store of a root for writing, tells what was put right,
// and with Wait set waits for whoever writes at the moment.
func openStore(ctx context.Context, opt Options) (*store.Store, error) {
	access := store.Access{Command: opt.Command}
	if opt.Wait {
		access.Waiting = func(holder string) { opt.Log("waiting: the root is locked by " + holder) }
	}
	s, repairs, err := store.Open(ctx, opt.Root, access)
	if err != nil {
		return nil, err
	}
	for _, line := range repairs {
		opt.Log("recovered: " + line)
	}
	live, _ := s.Active() // without one nothing is disproved
	if err := disproved(opt, live, bootedState(opt.Root, live)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}
