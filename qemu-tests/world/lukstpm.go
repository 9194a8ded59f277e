package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Chip is a TPM 2.0 of swtpm's. What it knows is in its folder.
type Chip struct{ Dir string }

// run starts the chip with more arguments. Its control socket is there once this
// returns.
func (c Chip) run(ctx context.Context, args ...string) error {
	args = append([]string{"socket", "--tpm2", "--tpmstate", "dir=" + c.Dir, "--daemon", "--pid", "file=" + c.pid(), "--ctrl", "type=unixio,path=" + c.Socket()}, args...)
	_, err := tool(ctx, "", "swtpm", args...)
	return err
}

func (c Chip) pid() string { return filepath.Join(c.Dir, "pid") }

// Socket is where a machine finds the chip.
func (c Chip) Socket() string { return filepath.Join(c.Dir, "tpm.ctrl") }

// Start is for one machine, with which the chip's process ends.
func (c Chip) Start(ctx context.Context) error { return c.run(ctx, "--terminate") }

// Stop ends the process, if it is there.
func (c Chip) Stop() error {
	text, err := os.ReadFile(c.pid())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	pid, e := strconv.Atoi(strings.TrimSpace(string(text)))
	if err = errors.Join(err, e); err != nil {
		return fmt.Errorf("stop swtpm: %w", err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop swtpm: %w", err)
	}
	return nil
}

// Enroll has systemd-cryptenroll seal a key of the box in the chip, for machines on
// which nothing was measured into PCR 14, as nothing is here.
func (c Chip) Enroll(ctx context.Context, b *Box) error {
	server := filepath.Join(c.Dir, "tpm")
	if err := c.run(ctx, "--server", "type=unixio,path="+server, "--flags", "not-need-init,startup-clear"); err != nil {
		return err
	}
	enroll := exec.CommandContext(ctx, "systemd-cryptenroll", "--tpm2-device=swtpm:path="+server, "--tpm2-pcrs=14", b.Path)
	enroll.Env = append(os.Environ(), "PASSWORD="+b.Passphrase)
	out, err := enroll.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("systemd-cryptenroll: %w: %s", err, out)
	}
	return errors.Join(err, c.Stop())
}
