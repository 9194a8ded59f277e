package system

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"moss/bootloader"
	"moss/bootloader/esp"
	"moss/bootloader/sdboot"
	"moss/bootloader/sign"
)

// featureNames are the bits of LoaderFeatures (Boot Loader Interface) by name.
func featureNames(features uint64) []string {
	names := []string{}
	for bit, name := range []string{
		"config-timeout", "timeout-oneshot", "default", "oneshot", "counting", "xbootldr", "random-seed", "drivers", "sort-key", "saved", "devicetree",
		"enroll-keys", "retain-shim", "menu-disabled", "multi-profile", "url", "uki", "uki-url", "tpm-banks", "preferred",
	} {
		if features&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// below is a path from the root of its partition.
func below(dir, path string) string {
	return "/" + strings.TrimPrefix(strings.TrimPrefix(path, dir), "/")
}

// loaders looks at the programs on the ESP and at the firmware's entries for them.
func (r *statusReader) loaders() (err error) {
	if r.boot == nil {
		return nil
	}
	if r.loader, err = sdboot.Scan(*r.opt.held, r.opt.vars(), entryPrefix(r.opt.Root)); err != nil {
		return err
	}
	l := &r.facts.Loader
	l.Known = true
	for _, c := range r.loader.Copies {
		if c.Kind == sdboot.Absent {
			continue
		}
		path := below(r.boot.ESP, c.Path)
		r.st.Loader.Installed = append(r.st.Loader.Installed, InstalledLoader{Path: path, Fallback: c.Fallback, Kind: string(c.Kind), Machine: c.Machine, Version: c.Version})
		if c.Machine == nativeMachine(r.opt.Root) {
			l.Copies = append(l.Copies, bootloader.LoaderCopy{Path: path, Fallback: c.Fallback, Version: c.Version, Broken: c.Kind == sdboot.Broken})
		}
	}
	r.st.Loader.Entries = r.loader.Firmware.Entries(partitionOf(r.boot.ESPPart))
	for _, e := range r.st.Loader.Entries {
		if l.Entries = append(l.Entries, e.Name); e.Twin {
			l.Twins = append(l.Twins, e.Name)
		}
	}
	return nil
}

// available is the loader that the live /usr brings for this machine.
func (r *statusReader) available() error {
	paths, err := sdboot.Sources(filepath.Join(r.opt.Root, "usr"))
	if _, none := errors.AsType[*sdboot.NoSourceError](err); none {
		return nil
	}
	for _, path := range paths {
		program, err := sdboot.Read(path)
		if err != nil {
			return err
		}
		if program.Arch == nativeMachine(r.opt.Root) {
			r.st.Loader.Available, r.facts.Loader.Available = program.Version, program.Version
		}
	}
	return err
}

// secure looks at the firmware's keys and at ours, and whether ours signed what
// starts next.
func (r *statusReader) secure() error {
	firmware, s, l := sign.State(r.opt.vars()), &r.st.SecureBoot, &r.facts.Loader
	s.State, s.SetupMode = firmware.SecureBoot, firmware.SetupMode
	l.Enforced = s.State == "on"
	k, err := r.keys()
	if err != nil {
		return err
	}
	if k == nil {
		return r.strangers(firmware)
	}
	s.Key, s.Enrolled = sign.Fingerprint(k.DB.Cert), sign.Has(firmware.DB, k.DB.Cert)
	l.Keyed, l.Enrolled = true, s.Enrolled
	for _, file := range r.starts() {
		err := sign.Verify(file.at, k.ByDB())
		if err != nil && !errors.Is(err, sign.ErrUnsigned) && !errors.Is(err, sign.ErrFormat) {
			return err
		}
		s.Files = append(s.Files, SignedFile{Path: file.name, Signed: err == nil})
		if err != nil {
			l.Unsigned = append(l.Unsigned, file.name)
		}
	}
	switch {
	case len(l.Unsigned) > 0:
		s.Signed = "no"
	case len(s.Files) > 0:
		s.Signed = "yes"
	}
	return nil
}

// strangers: without a key of ours only the firmware's own can have signed what
// starts next.
func (r *statusReader) strangers(firmware sign.Firmware) error {
	if firmware.SecureBoot != "on" {
		return nil
	}
	for _, file := range r.starts() {
		err := firmware.Starts(file.at)
		switch {
		case errors.Is(err, sign.ErrUnsigned) || errors.Is(err, sign.ErrFormat):
			r.facts.Loader.Unsigned = append(r.facts.Loader.Unsigned, file.name)
		case err != nil:
			return err
		}
	}
	return nil
}

// keys are our certificates, nil without any.
func (r *statusReader) keys() (*sign.Keys, error) {
	dir, err := sign.Find(r.opt.Root)
	if errors.Is(err, sign.ErrNoKeys) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return sign.LoadCerts(dir)
}

// program is a file that the firmware checks, and its name for a person.
type program struct{ at, name string }

// starts are the loaders of this machine and the kernel that they start next.
func (r *statusReader) starts() (all []program) {
	if !r.seen {
		return nil
	}
	for _, c := range r.loader.Copies {
		if c.Kind == sdboot.Systemd && c.Machine == nativeMachine(r.opt.Root) {
			all = append(all, program{c.Path, below(r.boot.ESP, c.Path)})
		}
	}
	for _, own := range r.found.Ours {
		if r.st.Next == nil || own.File != r.st.Next.File || own.Err != nil {
			continue
		}
		if at, there := esp.Fold(r.boot.Dir, own.Entry.Files()[0]); there {
			all = append(all, program{at, below(r.boot.Dir, at)})
		}
	}
	return all
}

// unreadableKeys: whether files are signed as they should be cannot be told, so
// neither can what a sync would write.
func (r *statusReader) unreadableKeys() error {
	config, err := ReadConfig(r.opt.Root)
	if err != nil || config.Sign == SignNo {
		return err
	}
	if _, err := r.keys(); errors.Is(err, fs.ErrPermission) {
		return errors.New("only root may read the Secure Boot certificates, and so tell which files are signed as they should be")
	}
	return nil
}
