package system

import (
	"context"
	"errors"

	"moss/store/state"
)

// GoodState is the last good state of a root.
var GoodState = goodState

// BlessAt is Bless on a machine that booted a state with a kernel.
func BlessAt(ctx context.Context, opt Options, good bool, id state.ID, kernel string) (Blessed, error) {
	s, err := openStore(ctx, opt)
	if err != nil {
		return Blessed{}, err
	}
	done, err := bless(s, opt, good, place{id, kernel})
	return done, errors.Join(err, s.Close())
}
