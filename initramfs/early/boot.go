package early

import (
	"fmt"
	"path/filepath"

	"moss/initramfs/kmod"
	"moss/internal/cmdline"
	"moss/internal/fault"
	"moss/store/activate"
)

// Boot is one early boot. The zero value with Top and Sysroot set is ready.
type Boot struct {
	// Args and Env are the kernel's, for init. Args[0] is the own name.
	Args, Env []string
	// Top is the folder below which proc, sys, dev, run and the modules are:
	// "/" except in tests.
	Top string
	// Sysroot is where the root is, or will be, mounted.
	Sysroot string

	console Console
	line    cmdline.Line
	kernel  string
	loader  *kmod.Loader // nil: this image has no modules for this kernel
	events  *uevents
	aliases map[string]bool // modaliases seen
	root    *blockDevice
	members []blockDevice    // the other devices of a btrfs
	stuck   map[string]error // why LUKS containers were not opened, by UUID
	care    care
	mounted *rootMount
	report  Report
	bare    bool // the state has no modules for the running kernel

	platform  platform // nil: the hardware
	restarted int      // restarts before this boot, once it no longer counts them
	raised    int      // 1 once this boot has counted a restart
	undo      []func() // gives kernel settings back before init runs
	busy      busy
	watchdog  watchdogDevice // nil: the machine's
	dog       *watchdog      // the one that was armed
}

// Step is a part of the boot. Its name is its fault point (early/NAME), its
// line in the debugging output and its entry in boot.json.
type Step struct {
	Name string
	Run  func(*Boot) error
}

// Steps is the boot of PID 1; the last one returns only with an error.
func Steps() []Step {
	return []Step{
		{"mounts", (*Boot).mountPseudo},
		{"console", (*Boot).takeConsole},
		{"command-line", (*Boot).takeCommandLine},
		{"modules", (*Boot).coldplug},
		{"shell", (*Boot).rescueShell},
		{"root-device", (*Boot).findRoot},
		{"resume", (*Boot).resume},
		{"fsck", (*Boot).checkRoot},
		{"sysroot", (*Boot).mountRoot},
		{"separate-usr", (*Boot).refuseSeparateUsr},
		{"recover", (*Boot).recoverNames},
		{"usr-merge", (*Boot).mergeUsr},
		{"activate", (*Boot).activate},
		{"root-links", (*Boot).makeLinks},
		{"settle", (*Boot).settle},
		{"usr-read-only", (*Boot).protectUsr},
		{"read-only", (*Boot).restoreReadOnly},
		{"watchdog", (*Boot).armWatchdog},
		{"report", (*Boot).writeReport},
		{"switch-root", (*Boot).switchRoot},
	}
}

// ActivateSteps is what is left to do inside somebody else's initramfs, which
// has found and mounted the root and will switch to it.
func ActivateSteps() []Step {
	return []Step{
		{"console", (*Boot).shareConsole},
		{"command-line", (*Boot).takeCommandLine},
		{"mounted", (*Boot).adoptRoot},
		{"separate-usr", (*Boot).refuseSeparateUsr},
		{"recover", (*Boot).recoverNames},
		{"usr-merge", (*Boot).mergeUsr},
		{"activate", (*Boot).activate},
		{"root-links", (*Boot).makeLinks},
		{"settle", (*Boot).settle},
		{"usr-read-only", (*Boot).protectUsr},
		{"read-only", (*Boot).restoreReadOnly},
		{"report", (*Boot).leaveReport},
	}
}

// Run takes the steps in order and stops at the first error, which it wraps
// with the step's name.
func (b *Boot) Run(steps []Step) error {
	b.report.Start = uptime()
	for _, step := range steps {
		if err := b.take(step); err != nil {
			return fmt.Errorf("%s: %w", step.Name, err)
		}
	}
	return nil
}

func (b *Boot) take(step Step) error {
	start := uptime()
	err := fault.Point("early/" + step.Name)
	if err == nil {
		err = b.watched(step)
	}
	took := uptime() - start
	b.report.Steps = append(b.report.Steps, Timing{step.Name, took})
	if err == nil {
		b.console.debugf("%s: %d ms", step.Name, took)
	}
	return err
}

// watched runs a step and says so when that takes long.
func (b *Boot) watched(step Step) error {
	defer b.watch(step.Name)()
	return step.Run(b)
}

// path is a path of the running early system.
func (b *Boot) path(name string) string { return filepath.Join(b.Top, name) }

func (b *Boot) states() *activate.Root {
	root := activate.Open(b.Sysroot)
	root.Warn = func(line string) { b.console.warnf("%s", line) }
	return root
}
