package system

import (
	"errors"

	"moss/bootloader"
	"moss/internal/ui"
	"moss/store"
	"moss/store/adopt"
	"moss/store/fetch"
	"moss/store/pack"
	"moss/store/repo"
	"moss/store/resolve"
	"moss/store/state"
	"moss/store/tree"
	"moss/store/verify"
	"moss/usrmerge"
)

// Exit codes of moss and moss-boot. A script may rely on them.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
	ExitLate    = 4 // the new state is in place, a later step failed
	exitLocked  = 5
	ExitDamage  = 6 // findings were printed
)

// ExitCodes is the part of the help that explains them.
const ExitCodes = ui.ExitCodes

// ExitCode is the one place where errors become exit codes.
func ExitCode(err error) int {
	var (
		usage *ui.UsageError
		late  *LateError
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &late):
		return ExitLate
	case locked(err):
		return exitLocked
	case damaged(err):
		return ExitDamage
	case refused(err):
		return exitRefused
	}
	return exitFailed
}

// locked: another process is at work on the same thing.
func locked(err error) bool {
	return is[*store.LockedError](err) || is[*adopt.LockedError](err) || is[*fetch.BusyError](err) || is[*usrmerge.UnderWayError](err)
}

func damaged(err error) bool { return is[*pack.DamageError](err) || is[*verify.DamageError](err) }

// refused: it could be done, and should not be.
func refused(err error) bool {
	for _, sentinel := range []error{store.ErrRefused, tree.ErrPath, state.ErrNotFound} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return is[*tree.ConflictError](err) || is[*resolve.Unsolvable](err) || is[*bootloader.SpaceError](err) || is[*fetch.SpaceError](err) ||
		is[*adopt.RefusedError](err) || is[*repo.NotUsedError](err) || untrusted(err)
}

// untrusted: what came from a repository is not what its key or index vouches for.
func untrusted(err error) bool {
	return is[*repo.UntrustedError](err) || is[*fetch.HashError](err) || is[*fetch.SizeError](err) || is[*fetch.SchemeError](err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
