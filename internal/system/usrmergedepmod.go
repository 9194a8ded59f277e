package system

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// depmodLimit is far above what depmod takes for a distribution's kernel.
const depmodLimit = 5 * time.Minute

// depmod makes a kernel's module indexes with the root's own program, which knows
// their format; a root that has none keeps those it has.
func depmod(root string) func(version string) error {
	return func(version string) error {
		program := ""
		for _, name := range []string{"/usr/sbin/depmod", "/usr/bin/depmod", "/sbin/depmod", "/bin/depmod"} {
			if existsBelow(root, name) {
				program = name
				break
			}
		}
		if program == "" {
			return errors.New("run depmod: the system has none")
		}
		return runDepmod(root, program, version)
	}
}

func runDepmod(root, program, version string) error {
	ctx, cancel := context.WithTimeout(context.Background(), depmodLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, version)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	if !ownRoot(root) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("depmod %s: %w: %s", version, err, strings.TrimSpace(string(out)))
	}
	return nil
}
