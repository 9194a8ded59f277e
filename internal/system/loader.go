package system

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"moss/bootloader/esp"
	"moss/bootloader/sdboot"
	"moss/store"
)

// LoaderRequest is what is asked of systemd-boot itself.
type LoaderRequest struct {
	// Source is a program to install, "" for the one that the live /usr brings.
	Source string
	// Force replaces newer ones, and removes it although other systems need it.
	Force bool
	// NoVariables leaves the firmware's boot entries alone; NoOrder makes an entry
	// that is not the first.
	NoVariables, NoOrder bool
	// Sign gives a signed copy of a program, or the same path for one that needs
	// none; nil signs nothing.
	Sign func(path string) (string, error)
}

// LoaderDone is what happened to systemd-boot; the JSON keys are stable.
type LoaderDone struct {
	ESP      string   `json:"esp"`
	Version  string   `json:"version"` // of the program that was offered, "" at a removal
	Steps    []string `json:"steps"`
	Notes    []string `json:"notes"`    // what stays as it is, and why
	Warnings []string `json:"warnings"` // what is not as it should be
}

// InstallLoader puts systemd-boot on the ESP and makes the firmware's entry. A
// second run writes nothing.
func InstallLoader(ctx context.Context, opt Options, req LoaderRequest) (LoaderDone, error) {
	if withoutFirmware(opt.Root) && !req.Force {
		return LoaderDone{}, &store.RefusedError{What: "install boot loader: this machine was not started by UEFI, which alone starts systemd-boot",
			Advice: "leave its loader as it is: moss-boot sync writes a menu for EXTLINUX, SYSLINUX and U-Boot; or write it anyway with --force, for a firmware that is switched to UEFI next"}
	}
	return changeLoader(ctx, opt, req, loaderVerb{sdboot.Install, true})
}

// UpdateLoader replaces older copies of systemd-boot, and changes nothing else.
func UpdateLoader(ctx context.Context, opt Options, req LoaderRequest) (LoaderDone, error) {
	return changeLoader(ctx, opt, req, loaderVerb{sdboot.Update, true})
}

// RemoveLoader takes systemd-boot off the ESP, and its entry from the firmware.
func RemoveLoader(ctx context.Context, opt Options, req LoaderRequest) (LoaderDone, error) {
	return changeLoader(ctx, opt, req, loaderVerb{sdboot.Remove, false})
}

type loaderVerb struct {
	plan    func(sdboot.Request, sdboot.Found) (sdboot.Plan, error)
	sources bool // it needs a program to install
}

func changeLoader(ctx context.Context, opt Options, req LoaderRequest, verb loaderVerb) (done LoaderDone, err error) {
	if err := ctx.Err(); err != nil {
		return done, err
	}
	release, err := lockRoot(ctx, opt)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, release()) }()
	boot, err := openBoot(opt, opt.DryRun)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, boot.Close()) }()
	request := loaderRequest(opt, req, boot)
	if verb.sources {
		var how loaderKeys
		if how, err = loaderSigner(opt, boot); err != nil {
			return done, err
		}
		defer func() { err = errors.Join(err, how.close()) }()
		if request.Sources, err = how.sources(opt, req); err != nil {
			return done, err
		}
		how.judge(&request)
	}
	found, err := scanLoader(opt, boot)
	if err != nil {
		return done, loaderRefusal(err)
	}
	p, err := verb.plan(request, found)
	if err != nil {
		return done, loaderRefusal(err)
	}
	done = describeLoader(p, request, boot)
	if opt.DryRun {
		return done, nil
	}
	for _, line := range done.Steps {
		opt.Log("loader: " + line)
	}
	warnings, err := sdboot.Apply(p, opt.vars())
	done.Warnings = append(done.Warnings, warnings...)
	return done, stopped(err)
}

// scanLoader reads the ESP. What was mounted read-only for a question is writable
// for the answer.
func scanLoader(opt Options, boot esp.Boot) (sdboot.Found, error) {
	found, err := sdboot.Scan(boot, opt.vars(), entryPrefix(opt.Root))
	if opt.DryRun && boot.ESPPart.Ours {
		found.Space.ReadOnly = false
	}
	return found, err
}

func describeLoader(p sdboot.Plan, request sdboot.Request, boot esp.Boot) LoaderDone {
	done := LoaderDone{ESP: p.Boot.ESP, Steps: []string{}, Notes: append([]string{}, p.Notes...), Warnings: append(boot.Warnings(), p.Warnings...)}
	for _, step := range p.Steps {
		done.Steps = append(done.Steps, step.Text)
	}
	for _, source := range request.Sources {
		if done.Version == "" || source.Arch == request.Native {
			done.Version = source.Version
		}
	}
	if done.Warnings == nil {
		done.Warnings = []string{}
	}
	return done
}

// loaderRefusal turns a plan's refusal into one of the store's, which has an exit code.
func loaderRefusal(err error) error {
	if refused, ok := errors.AsType[*sdboot.RefusedError](err); ok {
		return &store.RefusedError{What: refused.What, Advice: refused.Advice}
	}
	return err
}

func stopped(err error) error {
	if at, ok := errors.AsType[*sdboot.StoppedError](err); ok && at.Done > 0 {
		return &PartError{Did: "a loader that starts is in place", Next: "mend what failed and run the same command again", Err: err}
	}
	return err
}

// lockRoot keeps two writers apart where there is a store; a root that moss never
// wrote to can have a loader all the same.
func lockRoot(ctx context.Context, opt Options) (release func() error, err error) {
	none := func() error { return nil }
	if opt.DryRun {
		return none, nil
	}
	if _, err := os.Stat(filepath.Join(opt.Root, store.Home, "lock")); errors.Is(err, os.ErrNotExist) {
		return none, nil
	}
	s, err := openStore(ctx, opt)
	if err != nil {
		return nil, err
	}
	return s.Close, nil
}

func loaderRequest(opt Options, req LoaderRequest, boot esp.Boot) sdboot.Request {
	_, name := osRelease(filepath.Join(opt.Root, "usr"))
	return sdboot.Request{Force: req.Force, NoVariables: req.NoVariables, NoOrder: req.NoOrder, Name: name,
		Native: nativeMachine(opt.Root), Partition: partitionOf(boot.ESPPart), Config: []byte("timeout 5\n")}
}

// partitionOf is the partition as firmware names it; the zero value when it is
// none of a GPT, of which alone there is a GUID.
func partitionOf(p esp.Part) sdboot.Partition {
	if len(p.UUID) != 36 || p.Number <= 0 {
		return sdboot.Partition{}
	}
	return sdboot.Partition{PARTUUID: p.UUID, Number: uint32(p.Number), Start: p.First, Size: p.Sectors}
}

// entryPrefix is how our menu entries begin, "" for a root without a menu.
func entryPrefix(root string) string {
	token, err := readToken(root)
	if err != nil {
		return ""
	}
	return "moss-" + token + "-"
}

// nativeMachine is the machine that the firmware starts programs for. Of another
// root than the running system's it is that of this program.
func nativeMachine(root string) string {
	names := map[string]string{"amd64": "x64", "386": "ia32", "arm64": "aa64", "arm": "arm", "riscv64": "riscv64", "loong64": "loongarch64"}
	machine := names[runtime.GOARCH]
	if filepath.Clean(root) == "/" && machine == "x64" {
		// Some tablets have a 64-bit processor and 32-bit firmware.
		bits, err := os.ReadFile(filepath.Join(firmwareFolder, "fw_platform_size"))
		if err == nil && strings.TrimSpace(string(bits)) == "32" {
			return "ia32"
		}
	}
	return machine
}
