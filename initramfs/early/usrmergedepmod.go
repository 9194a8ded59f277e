package early

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// depmodLimit is far above what a slow disk needs: the indexes are of use without
// it, too, and a boot that waits for ever is not.
const depmodLimit = 2 * time.Minute

// depmod has the root's own depmod(8) make the indexes of a kernel's modules anew.
// It runs after the exchange, when the root is whole, with the root as its "/".
func (b *Boot) depmod(version string) error {
	null, err := os.OpenFile(b.path("dev/null"), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("run depmod: %w", err)
	}
	defer null.Close()
	for _, name := range []string{"/usr/sbin/depmod", "/usr/bin/depmod", "/sbin/depmod"} {
		process, e := os.StartProcess(name, []string{name, version}, &os.ProcAttr{
			Dir: "/", Env: []string{programPath}, Files: []*os.File{null, null, null},
			Sys: &syscall.SysProcAttr{Chroot: b.Sysroot, Setsid: true},
		})
		if errors.Is(e, fs.ErrNotExist) {
			err = e
			continue
		}
		if e != nil {
			return fmt.Errorf("run %s: %w", name, e)
		}
		return waitFor(process, name)
	}
	return fmt.Errorf("run depmod: %w", err)
}

func waitFor(process *os.Process, name string) error {
	defer time.AfterFunc(depmodLimit, func() { _ = process.Signal(unix.SIGKILL) }).Stop()
	state, err := process.Wait()
	reap()
	if err == nil && !state.Success() {
		err = errors.New(state.String())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
