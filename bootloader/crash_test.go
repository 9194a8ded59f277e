package bootloader_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"moss/bootloader"
)

// TestNoCutLosesTheMenu cuts a sync after every call.
func TestNoCutLosesTheMenu(t *testing.T) {
	prove(t, func(_ *rapid.T, p *proof) error { return p.sync() })
}

// TestNoCutLosesABlessedEntry does so while an entry gets its new name.
func TestNoCutLosesABlessedEntry(t *testing.T) {
	prove(t, func(rt *rapid.T, p *proof) error {
		p.apply(newRecorder(t, p.boot.Dir))
		p.prepare()
		found := p.scan()
		file := found.Ours[rapid.IntRange(0, len(found.Ours)-1).Draw(rt, "entry")].File
		good, tries := rapid.Bool().Draw(rt, "good"), rapid.IntRange(-2, 3).Draw(rt, "tries")
		return p.run(func(rec *recorder) error {
			_, err := bootloader.BlessOn(found, file, good, rec)
			if tries >= 0 {
				_, err = bootloader.RecountOn(found, file, uint(tries), rec)
			}
			return err
		})
	})
}

// TestNoCutLosesAFailedEntry does so while a sync takes the tries of states that
// failed.
func TestNoCutLosesAFailedEntry(t *testing.T) {
	prove(t, func(rt *rapid.T, p *proof) error {
		p.apply(newRecorder(t, p.boot.Dir))
		p.want.States = slices.Clone(p.want.States)
		for i := range p.want.States {
			p.want.States[i].Bad = rapid.IntRange(0, 2).Draw(rt, "bad") > 0
		}
		return p.sync()
	})
}

// TestNoErrorLosesTheMenu lets one call fail, or all from there on, and cuts
// after every call that is made all the same.
func TestNoErrorLosesTheMenu(t *testing.T) {
	prove(t, func(rt *rapid.T, p *proof) error {
		plan := p.prepare()
		if len(plan.Steps) == 0 {
			return nil
		}
		at, what := rapid.IntRange(1, 60).Draw(rt, "call"), rapid.SampledFrom([]error{unix.EIO, unix.ENOSPC, unix.EROFS}).Draw(rt, "error")
		return p.run(func(rec *recorder) error {
			failed := false
			rec.fail = func(n int, _ string) error {
				if n == at || what == unix.EROFS && n > at {
					failed = true
					return what
				}
				return nil
			}
			_, err := bootloader.ApplyOn(plan, nil, rec)
			switch {
			case !failed:
				return err
			case !errors.Is(err, what):
				return fmt.Errorf("call %d fails with %w: got %v", at, what, err)
			case !slices.ContainsFunc(plan.Steps, func(s bootloader.Step) bool { return strings.HasPrefix(err.Error(), s.Text+": ") }):
				return fmt.Errorf("got %w, want it to begin with the step", err)
			case strings.Contains(err.Error(), "\n"):
				return fmt.Errorf("got more than one line: %w", err)
			}
			return nil
		})
	})
}
