package system

import (
	"context"
	"errors"

	"moss/store"
	"moss/store/state"
)

// triggers runs the transaction's triggers on the staged tree. A failing one ends
// the transaction: nothing has changed.
func (t *transaction) triggers(ctx context.Context) error {
	if t.opt.NoTriggers || t.opt.DryRun {
		return nil
	}
	done, err := t.stage.RunTriggers(ctx, store.TriggerOptions{Root: t.opt.Root, Previous: t.previous, Log: t.opt.Log})
	t.result.Triggers = &done
	return err
}

// system runs the triggers of the live system and tidies the menu. Whatever fails
// here is reported and never hides the new state; triggers that could not run
// stay pending.
func (t *transaction) system(ctx context.Context) error {
	return aftermath(ctx, t.store, t.opt, t.result.Previous)
}

// aftermath is what follows when another state has become live.
func aftermath(ctx context.Context, s *store.Store, opt Options, previous state.ID) error {
	if opt.NextBoot {
		return nil
	}
	var failed error
	if !opt.NoTriggers {
		failed = runPending(ctx, opt)
	}
	return errors.Join(failed, tidyMenu(s, opt, previous))
}

// tidyMenu takes the state that was live until now out of the menu if it was
// there for that reason alone. Only then is $BOOT read again: the menu was
// written before the exchange, when that state still had to stay.
func tidyMenu(s *store.Store, opt Options, previous state.ID) error {
	rows, err := s.States()
	if err != nil || opt.NoBoot || previous == 0 {
		return err
	}
	config, err := ReadConfig(opt.Root)
	if err != nil {
		return err
	}
	newer := 0
	for _, row := range rows {
		if row.ID > previous {
			newer++
		}
	}
	if newer < config.Menu {
		return nil
	}
	opt.keepDefault = true
	_, err = syncMenu(s, opt)
	return err
}
