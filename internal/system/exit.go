package system

import (
	"errors"

	"moss/bootloader"
	"moss/store"
	"moss/store/pack"
	"moss/store/state"
	"moss/store/tree"

	"moss/internal/ui"
)

// Exit codes of moss and moss-boot. A script may rely on them.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
	ExitLate    = 4 // the new state is in place, a later step failed
	exitLocked  = 5
	exitDamage  = 6
)

// ExitCodes is the part of the help that explains them.
const ExitCodes = `Exit codes: 0 done; 1 failed, nothing changed; 2 usage; 3 refused (would not
boot, conflict, no space; nothing changed); 4 the new state is in place but a
later step failed; 5 locked by another process; 6 verification found damage.`

// ExitCode is the one place where errors become exit codes.
func ExitCode(err error) int {
	var (
		usage    *ui.UsageError
		late     *LateError
		locked   *store.LockedError
		conflict *tree.ConflictError
		full     *bootloader.SpaceError
		damage   *pack.DamageError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &late):
		return ExitLate
	case errors.As(err, &locked):
		return exitLocked
	case errors.As(err, &damage):
		return exitDamage
	case errors.Is(err, store.ErrRefused), errors.Is(err, tree.ErrPath), errors.As(err, &conflict), errors.As(err, &full), errors.Is(err, state.ErrNotFound):
		return exitRefused
	}
	return exitFailed
}
