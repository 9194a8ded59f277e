package sdboot

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader/bls"
)

// Request is what is asked for.
type Request struct {
	// Sources are the loaders to install; of two for one machine the first
	// counts. A removal needs none.
	Sources []Loader
	// Force replaces newer programs, and removes the loader although other
	// systems' entries need it. Foreign programs stay even so.
	Force bool
	// NoVariables leaves the firmware's entries alone, NoOrder does not make ours
	// the first one.
	NoVariables, NoOrder bool
	// Name is the system's, for the firmware's menu.
	Name string
	// Native is the machine that the firmware starts programs for, "" to take the
	// first source's.
	Native string
	// Partition is where the ESP is; the zero value makes no firmware entry.
	Partition Partition
	// Config is a first loader.conf.
	Config []byte
	// Trusted says whether firmware with Secure Boot starts a program, and Ours
	// whether our own key signed it. Signers are the keys that did, each by any
	// name of its own, and Digest is a program's hash without signatures, "" for
	// none. Nil is "cannot be told".
	Trusted, Ours func(data []byte) bool
	Signers       func(data []byte) []string
	Digest        func(data []byte) string
}

// Install plans to put the loader where it is not, to replace older ones, and to
// make the firmware's entry.
func Install(r Request, f Found) (Plan, error) {
	d := draft{request: r, found: f, make: true, Plan: Plan{Boot: f.Boot, Have: f.Space.Free}}
	if len(r.Sources) == 0 {
		return Plan{}, fmt.Errorf("plan boot loader: no program to install")
	}
	d.sweep()
	if err := d.programs(); err != nil {
		return Plan{}, err
	}
	if !d.blocked() {
		d.settings()
	}
	d.order()
	if err := d.firmware(); err != nil {
		return Plan{}, err
	}
	return d.Plan, d.check()
}

// Update plans to replace programs that are there and older, and nothing else.
func Update(r Request, f Found) (Plan, error) {
	if !slices.ContainsFunc(f.Copies, func(c Copy) bool { return c.Kind == Systemd || c.Kind == Broken }) {
		return Plan{}, &RefusedError{"update boot loader: there is no systemd-boot in " + f.Boot.ESP, "install it: moss-boot install"}
	}
	d := draft{request: r, found: f, Plan: Plan{Boot: f.Boot, Have: f.Space.Free}}
	d.sweep()
	if err := d.programs(); err != nil {
		return Plan{}, err
	}
	d.order()
	return d.Plan, d.check()
}

type draft struct {
	Plan
	request Request
	found   Found
	make    bool // write what is absent, too
}

func (d *draft) sweep() {
	for _, path := range d.found.Stale {
		d.add(OpSweep, path, "remove what an interrupted write left: "+filepath.Base(path))
	}
}

// programs decides for each place. The order comes later.
func (d *draft) programs() error {
	var seen []string
	for _, source := range d.request.Sources {
		if slices.Contains(seen, source.Arch) {
			continue
		}
		seen = append(seen, source.Arch)
		for _, c := range d.found.Copies {
			if c.Machine != source.Arch {
				continue
			}
			if err := d.program(source, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *draft) program(source Loader, c Copy) error {
	why, put := d.decide(source, c)
	if !put {
		if c.Kind != Absent {
			d.note(why)
		}
		return nil
	}
	if err := d.startable(source, c); err != nil && !d.request.Force {
		return err
	}
	op, text := OpProgram, fmt.Sprintf("write systemd-boot %s to %s: %s", source.Version, c.Path, why)
	if c.Fallback {
		op, text = OpFallback, fmt.Sprintf("write systemd-boot %s to %s, where firmware looks without an entry: %s", source.Version, c.Path, why)
	} else if kept := c.Path + previous; c.Kind == Systemd && !bytes.Equal(d.kept(kept), c.data) {
		d.write(OpKeep, kept, fmt.Sprintf("keep systemd-boot %s as %s", c.Version, filepath.Base(kept)), c.data, d.kept(kept), d.found.Space)
	}
	d.write(op, c.Path, text, source.Data, c.data, d.found.Space)
	return nil
}

func (d *draft) kept(path string) []byte {
	for name, data := range d.found.Kept {
		if strings.EqualFold(name, path) {
			return data
		}
	}
	return nil
}

// decide says whether a place is written, and why or why not.
func (d *draft) decide(source Loader, c Copy) (why string, put bool) {
	switch c.Kind {
	case Absent:
		return "it is not there", d.make
	case Broken:
		return "what is there is no whole program", true
	case Foreign:
		return fmt.Sprintf("%s is not systemd-boot and stays", c.Path), false
	}
	switch order := bls.CompareVersion(source.Version, c.Version); {
	case order > 0:
		return "there is " + c.Version, true
	case bytes.Equal(source.Data, c.data):
		return fmt.Sprintf("%s is systemd-boot %s already", c.Path, c.Version), false
	case d.request.Force:
		return fmt.Sprintf("there is %s, replaced as asked", c.Version), true
	case order < 0:
		return fmt.Sprintf("%s is systemd-boot %s, which is newer than %s, and stays", c.Path, c.Version, source.Version), false
	case source.Signed && !c.Signed:
		return "there is the same without a signature", true
	case !d.same(source.Data, c.data):
	case !d.mine(source.Data) || d.mine(c.data):
		return fmt.Sprintf("%s is systemd-boot %s already, with other signatures", c.Path, c.Version), false
	case d.startable(source, c) != nil:
		return fmt.Sprintf("%s is systemd-boot %s already; it does not get our signature, which the firmware does not trust yet", c.Path, c.Version), false
	default:
		return "there is the same without our signature", true
	}
	return fmt.Sprintf("%s is another build of systemd-boot %s and stays", c.Path, c.Version), false
}

// blocked: the loader is nowhere after this plan, because others have its place.
func (d *draft) blocked() bool {
	written := slices.ContainsFunc(d.Steps, func(s Step) bool { return s.Op == OpProgram || s.Op == OpFallback })
	return !written && !slices.ContainsFunc(d.found.Copies, func(c Copy) bool { return c.Kind == Systemd })
}

// settings plans folders and the two small files beside the program. A marker
// belongs to whoever makes the folder that it speaks of.
func (d *draft) settings() {
	for _, path := range d.found.Missing {
		step := d.add(OpFolder, path, "make folder "+path)
		step.Bytes = d.found.Space.Cluster
	}
	if !d.found.HasEntries {
		d.write(OpMarker, d.found.Marker, "write "+d.found.Marker, []byte("type1\n"), nil, d.found.Space)
	}
	if !d.found.HasConfig && len(d.request.Config) > 0 {
		d.write(OpConfig, d.found.Config, "write "+d.found.Config, d.request.Config, nil, d.found.Space)
	}
}

// order is the one in which every prefix leaves a loader that starts: the copies
// that firmware falls back to are the last that change, each file of the rest is
// replaced in one step, and what it needs is there before.
func (d *draft) order() {
	rank := []Op{OpSweep, OpFolder, OpMarker, OpConfig, OpKeep, OpProgram, OpFallback}
	slices.SortStableFunc(d.Steps, func(a, b Step) int { return slices.Index(rank, a.Op) - slices.Index(rank, b.Op) })
	d.Need = peak(d.Steps)
}

func (d *draft) check() error {
	switch {
	case d.make && d.blocked():
		return &RefusedError{fmt.Sprintf("install boot loader in %s: other programs have its place", d.Boot.ESP), "name another ESP with --esp DIR"}
	case len(d.Steps) == 0:
		return nil
	case d.found.Space.ReadOnly && d.files():
		return &RefusedError{fmt.Sprintf("change boot loader in %s: the file system is mounted read-only", d.Boot.ESP), "check it with fsck.fat, then mount it writable"}
	case d.Need > d.Have:
		return &RefusedError{fmt.Sprintf("change boot loader in %s: it takes %d kB and %d kB are free", d.Boot.ESP, d.Need/1000, d.Have/1000),
			"remove older states (moss state prune), or files that are not needed any more"}
	}
	return nil
}

func (d *draft) files() bool {
	return slices.ContainsFunc(d.Steps, func(s Step) bool { return s.Op != OpSet && s.Op != OpUnset })
}
