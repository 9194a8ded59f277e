package system_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/system"
)

// verbs are the commands that the sweep cuts, as a process of its own runs them.
// Each can be run again after it was cut, and ends the same.
func verbs() map[string]func(context.Context, system.Options) error {
	transact := func(c system.Change) func(context.Context, system.Options) error {
		return func(ctx context.Context, opt system.Options) error {
			_, err := system.Transact(ctx, opt, c)
			return err
		}
	}
	upgrade := transact(system.Change{Upgrade: true, Refresh: true})
	files := transact(system.Change{Stones: strings.Fields(os.Getenv("MOSS_TEST_STONES"))})
	return map[string]func(context.Context, system.Options) error{
		"install": files,
		"upgrade": upgrade,
		"remove":  transact(system.Change{Remove: []string{"app"}}),
		"upgrade --next-boot": func(ctx context.Context, opt system.Options) error {
			opt.NextBoot = true
			return upgrade(ctx, opt)
		},
		"activate": func(ctx context.Context, opt system.Options) error {
			_, err := system.Activate(ctx, opt, 1)
			return err
		},
		"activate --next-boot": func(ctx context.Context, opt system.Options) error {
			opt.NextBoot = true
			_, err := system.Activate(ctx, opt, 1)
			return err
		},
		"prune": func(ctx context.Context, opt system.Options) error {
			_, err := system.Prune(ctx, opt, system.Policy{States: 1})
			return err
		},
		"repair": func(ctx context.Context, opt system.Options) error {
			_, err := system.Repair(ctx, opt)
			return err
		},
		"adopt": func(ctx context.Context, opt system.Options) error {
			_, err := system.Adopt(ctx, opt)
			return err
		},
		"menu": func(ctx context.Context, opt system.Options) error {
			_, err := system.SyncMenu(ctx, opt)
			return err
		},
		"update": func(ctx context.Context, opt system.Options) error {
			_, err := system.UpdateRepositories(ctx, opt, nil)
			return err
		},
		// As on a running system: an install, and what the next boot does of it.
		"live": func(ctx context.Context, opt system.Options) error {
			if err := errors.Join(unix.Mount("proc", "/proc", "proc", 0, ""), files(ctx, opt)); err != nil {
				return err
			}
			_, err := system.RunTriggers(ctx, opt, true)
			return err
		},
	}
}

// runVerb is the process that is cut.
func runVerb(name string) int {
	verb, known := verbs()[name]
	if !known {
		fmt.Fprintln(os.Stderr, "no verb", name)
		return 99
	}
	opt := options(os.Getenv("MOSS_TEST_ROOT"))
	if opt.Root == "/" {
		opt.ESP = "/efi" // no file system is mounted there, so it would not be found
	}
	err := verb(context.Background(), opt)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return system.ExitCode(err)
}
