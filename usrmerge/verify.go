package usrmerge

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// sync writes out every file system that was touched, each once.
func (a *applier) sync() error {
	seen := map[uint64]bool{}
	names := []string{"", "usr"}
	if at, err := a.root.canonical(a.o.Orphans, false); err == nil {
		names = append(names, at)
	}
	for _, name := range names {
		fd, err := a.root.folder(name)
		if err != nil {
			return err
		}
		f, err := stat(fd, "")
		if err == nil && !seen[f.dev] {
			seen[f.dev] = true
			err = unix.Syncfs(fd)
		}
		_ = unix.Close(fd)
		if err != nil {
			return fmt.Errorf("sync %s: %w", shown(name), err)
		}
	}
	return nil
}

// verify looks at both sides again. What it finds to do has changed meanwhile,
// or the kernel would not do it the first way.
func (a *applier) verify() error {
	if a.stageDev != 0 {
		if err := a.closeStage(); err != nil {
			return err
		}
	}
	found, err := a.job.pass()
	if err != nil {
		return err
	}
	a.found = found
	a.settled = found.idle()
	return nil
}
