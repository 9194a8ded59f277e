package world

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"moss/qemu-tests/vm"
)

// Waiting is a machine whose early boot waits for a root device that is not there
// yet. It was started once; every Start goes on from that moment.
type Waiting struct{ config vm.Config }

// waits is what early boot says when nothing is left to do but wait.
const waits = "moss-init: waiting for root="

// NewWaiting boots a machine up to there and keeps it in the file LogDir/Name.state.
// Early boot is told to wait for ever; the rest of the command line and the number of
// slots, one for each disk that a case will plug in, are the caller's.
func NewWaiting(ctx context.Context, config vm.Config, limit time.Duration) (*Waiting, error) {
	config.Append += " rootwait"
	return NewWaitingAt(ctx, config, waits, limit)
}

// NewWaitingAt is NewWaiting for somebody else's early boot, which says text when it
// waits.
func NewWaitingAt(ctx context.Context, config vm.Config, text string, limit time.Duration) (*Waiting, error) {
	m, err := vm.Start(ctx, config)
	if err != nil {
		return nil, err
	}
	state := filepath.Join(config.LogDir, config.Name+".state")
	err = m.Expect(text, limit)
	if err == nil {
		err = m.Freeze(state, limit)
	}
	if err := errors.Join(err, m.Close()); err != nil {
		return nil, fmt.Errorf("make a machine that waits for its root: %w", err)
	}
	config.Thaw = state
	return &Waiting{config}, nil
}

// Start goes on from there with disks that were plugged in just now. When the
// machine restarts, it boots from its beginning with the disks in it.
func (w *Waiting) Start(ctx context.Context, name string, disks ...vm.Disk) (*vm.Machine, error) {
	config := w.config
	config.Name = name
	m, err := vm.Start(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := m.Plug(disks...); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}
