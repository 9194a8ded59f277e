package system

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"moss/bootloader"
	"moss/bootloader/esp"
	"moss/bootloader/sdboot"
	"moss/store"
	"moss/store/activate"
	"moss/store/state"
)

// statusReader gathers a BootStatus. What one step could not read keeps no other
// from reading on.
type statusReader struct {
	opt   Options
	store *store.Store // nil without one
	rows  []state.State
	token string

	boot   *esp.Boot // nil without one
	seen   bool      // found is $BOOT
	found  bootloader.Found
	loader sdboot.Found

	st    BootStatus
	facts bootloader.Facts
	notes []string // warnings of who describes the menu
}

// ReadBootStatus looks at everything that decides how the machine starts next. It
// takes no lock, changes nothing, and works as far as the caller may read. It
// fails only when there is no such root.
func ReadBootStatus(ctx context.Context, opt Options) (BootStatus, error) {
	if err := ctx.Err(); err != nil {
		return BootStatus{}, err
	}
	if info, err := os.Stat(opt.Root); err != nil {
		return BootStatus{}, fmt.Errorf("look at the root: %w", err)
	} else if !info.IsDir() {
		return BootStatus{}, fmt.Errorf("look at the root: %s is not a folder", opt.Root)
	}
	r := &statusReader{opt: opt, st: emptyBootStatus()}
	r.opt.DryRun = true
	r.opt.Log = func(line string) {
		if note, ok := strings.CutPrefix(line, "warning: "); ok {
			r.notes = append(r.notes, note)
		}
	}
	r.all()
	return r.st, nil
}

func emptyBootStatus() BootStatus {
	return BootStatus{
		SecureBoot: SecureStatus{State: "unknown", SetupMode: "unknown", Signed: "unknown", Files: []SignedFile{}},
		Loader:     LoaderStatus{Features: []string{}, Installed: []InstalledLoader{}, Entries: []sdboot.OurEntry{}},
		Boot:       ThisBoot{Failed: []Bad{}},
		Entries:    []bootloader.Item{}, Pinned: []uint64{}, Failed: []FailedState{},
		Menu:     MenuStatus{Steps: []string{}, Shrunk: []uint64{}},
		Warnings: []bootloader.Warning{}, Unread: []string{},
	}
}

func (r *statusReader) all() {
	for _, step := range []struct {
		what string
		read func() error
	}{
		{"the firmware", r.firmware}, {"the states", r.states}, {"this boot", r.thisBoot}, {"the records of failed states", r.failed},
		{"the boot partition", r.place}, {"the menu", r.menu}, {"the loader", r.loaders}, {"the loader of /usr", r.available},
		{"the Secure Boot keys and signatures", r.secure}, {"what the menu should be", r.plan},
	} {
		if err := step.read(); err != nil {
			r.st.Unread = append(r.st.Unread, fmt.Sprintf("%s: %s", step.what, oneLine(err.Error())))
		}
	}
	r.diagnose()
	if err := r.close(); err != nil {
		r.st.Unread = append(r.st.Unread, oneLine(err.Error()))
	}
}

func (r *statusReader) close() error {
	var errs []error
	if r.boot != nil {
		errs = append(errs, r.boot.Close())
	}
	if r.store != nil {
		errs = append(errs, r.store.Close())
	}
	return errors.Join(errs...)
}

// firmware of another root than the running system's is not known.
func (r *statusReader) firmware() error {
	vars := r.opt.vars()
	r.st.Firmware = FirmwareStatus{Type: "unknown", Variables: vars != nil}
	r.found.Vars = bootloader.ReadVariables(vars)
	r.st.Loader.Running, r.st.Loader.Partition = r.found.Vars.Info, r.found.Vars.DevicePart
	r.st.Loader.Features = featureNames(r.found.Vars.Features)
	if filepath.Clean(r.opt.Root) != "/" {
		return nil
	}
	_, err := os.Stat(firmwareFolder)
	switch {
	case err == nil:
		r.st.Firmware.Type, r.facts.UEFI = "uefi", true
	case errors.Is(err, fs.ErrNotExist):
		r.st.Firmware.Type, r.facts.BIOS = "bios", true
	default:
		return err
	}
	return nil
}

func (r *statusReader) states() (err error) {
	if r.store, err = store.View(r.opt.Root); err != nil {
		r.store = nil
		return err
	}
	if r.rows, err = r.store.States(); err != nil {
		return err
	}
	r.facts.States = []uint64{}
	for _, row := range r.rows {
		r.facts.States = append(r.facts.States, uint64(row.ID))
		if row.Pinned {
			r.st.Pinned = append(r.st.Pinned, uint64(row.ID))
		}
	}
	live, err := r.store.Active()
	if errors.Is(err, activate.ErrUnsealed) {
		err = nil
	}
	r.st.Active, r.st.Good = uint64(live), uint64(lastGood(r.opt.Root, r.rows))
	r.st.Booted = uint64(bootedState(r.opt.Root, live))
	r.facts.Live, r.facts.Booted, r.facts.Good = r.st.Active, r.st.Booted, r.st.Good
	r.facts.Unblessed = live != 0 && !blesses(filepath.Join(r.opt.Root, "usr"))
	return err
}

// blesses: something of the tree says that a boot was good.
func blesses(usr string) bool {
	for _, unit := range []string{blessUnit, "lib/systemd/system/systemd-bless-boot.service"} {
		if _, err := os.Lstat(filepath.Join(usr, unit)); err == nil {
			return true
		}
	}
	return false
}

// place opens the boot partition. Why there is none is for the diagnosis to say.
func (r *statusReader) place() error {
	boot, err := openBoot(r.opt, true)
	if err != nil {
		r.facts.Lost = err
		return nil
	}
	r.boot = &boot
	held := boot
	held.Hold = nil
	r.opt.held = &held
	for _, note := range boot.Warnings() {
		// Of an unclean file system the partition itself tells.
		if !strings.Contains(note, "not unmounted cleanly") {
			r.facts.Notes = append(r.facts.Notes, note)
		}
	}
	return nil
}

func (r *statusReader) menu() error {
	if r.boot == nil {
		return nil
	}
	token, err := tokenOf(r.opt)
	if err != nil {
		return err
	}
	found, err := bootloader.Look(*r.opt.held, token)
	if err != nil {
		r.facts.Lost = err
		return nil
	}
	vars := r.found.Vars
	r.token, r.seen, r.found = token, true, found
	r.found.Vars = vars
	if path, there := esp.Fold(r.boot.Dir, "loader/loader.conf"); there && r.boot.Dir != r.boot.ESP {
		r.facts.Stray = path
	}
	r.places()
	return r.entries()
}

func (r *statusReader) places() {
	describe := func(dir string, part esp.Part, space esp.Space) *PlaceStatus {
		p := &PlaceStatus{Dir: dir, Device: part.Node, PARTUUID: part.UUID, Total: space.Total, Free: space.Free, ReadOnly: space.ReadOnly, Dirty: part.Dirty}
		if part.Ours {
			p.Dir, p.ReadOnly = "", false
		}
		return p
	}
	r.st.ESP = describe(r.boot.ESP, r.boot.ESPPart, r.found.ESPSpace)
	if r.boot.Dir != r.boot.ESP {
		r.st.XBOOTLDR = describe(r.boot.Dir, r.boot.DirPart, r.found.Space)
	}
}

func (r *statusReader) entries() error {
	marks := bootloader.Marks{Booted: r.st.Booted, Kernel: r.st.Boot.Kernel, Pinned: r.st.Pinned}
	r.st.Entries = bootloader.List(r.found, marks)
	for i := range r.st.Entries {
		item := &r.st.Entries[i]
		if item.Booted {
			r.st.Boot.Entry = item.File
		}
		if item.Default {
			r.st.Default = item.State
		}
		if item.OneShot {
			r.st.OneShot = &item.State
		}
	}
	next, err := r.next()
	if err != nil {
		return err
	}
	r.st.Next = &next
	return nil
}
