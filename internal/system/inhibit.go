package system

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/godbus/dbus/v5"
)

// askLogind is how long a shutdown inhibitor may take to get; without logind, or
// with one that hangs, the change is made all the same: it survives a cut.
const askLogind = 2 * time.Second

// newState is why a machine shall stay on during a transaction.
const newState = "a new system state is being made"

// inhibit asks logind not to shut down or suspend while /usr is being replaced
// (org.freedesktop.login1, Inhibit). It returns how to let go. A root that is not
// the running system's is nobody's business but the caller's.
func inhibit(ctx context.Context, opt Options, why string) (release func()) {
	if filepath.Clean(opt.Root) != "/" || opt.DryRun {
		return func() {}
	}
	lock, err := takeInhibitor(ctx, opt.Command, why)
	if err != nil {
		opt.Log("no shutdown inhibitor: " + err.Error())
		return func() {}
	}
	return func() { _ = lock.Close() }
}

func takeInhibitor(ctx context.Context, who, why string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, askLogind)
	defer cancel()
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer bus.Close()
	var fd dbus.UnixFD
	err = bus.Object("org.freedesktop.login1", "/org/freedesktop/login1").
		CallWithContext(ctx, "org.freedesktop.login1.Manager.Inhibit", 0, "shutdown:sleep", who, why, "block").Store(&fd)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "inhibitor"), nil
}
