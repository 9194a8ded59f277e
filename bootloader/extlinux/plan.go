package extlinux

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"moss/bootloader/bls"
	"moss/bootloader/esp"
	"moss/internal/atomicfile"
	"moss/internal/fault"
)

// Found is what there is of such a loader.
type Found struct {
	// Folder is where its configuration belongs, a path of the running system,
	// and Exists whether it is there.
	Folder string
	Exists bool
	// File is our file of entries and Text its content, nil without one.
	File string
	Text []byte
	// Config is the loader's own configuration, "" without one, and Includes
	// whether it reads File.
	Config   string
	Includes bool
	// Others: GRUB has a folder here. Those of UEFI's loaders do not count: they
	// start no machine that has no UEFI.
	Others bool
}

// Look finds the folder of EXTLINUX or SYSLINUX on $BOOT. The owner's token tells
// the files of two installations apart.
func Look(dir, token string) (Found, error) {
	f := Found{}
	for _, name := range []string{"extlinux", "syslinux"} {
		if path, ok := esp.Fold(dir, name); ok && !f.Exists {
			f.Folder, f.Exists = path, true
		}
	}
	if !f.Exists {
		f.Folder, _ = esp.Fold(dir, "extlinux")
	}
	for _, rel := range []string{"grub", "grub2"} {
		_, there := esp.Fold(dir, rel)
		f.Others = f.Others || there
	}
	var err error
	f.File, _ = esp.Fold(f.Folder, "moss-"+token+".conf")
	if f.Text, err = os.ReadFile(f.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	// SYSLINUX 4 and later look for both names, in this order.
	for _, name := range []string{"extlinux.conf", "syslinux.cfg"} {
		path, ok := esp.Fold(f.Folder, name)
		if !ok || f.Config != "" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return f, err
		}
		f.Config, f.Includes = path, includes(text, filepath.Base(f.File))
	}
	return f, nil
}

func includes(config []byte, name string) bool {
	for line := range strings.Lines(string(config)) {
		words := strings.Fields(line)
		if len(words) > 0 && strings.EqualFold(words[0], "menu") {
			words = words[1:]
		}
		if len(words) > 1 && strings.EqualFold(words[0], "include") && strings.EqualFold(filepath.Base(words[1]), name) {
			return true
		}
	}
	return false
}

// Op is the kind of a step. "extlinux/<op>" is the fault point before it.
type Op string

// The kinds, in the order in which a plan has them.
const (
	OpFolder  Op = "folder"
	OpEntries Op = "entries" // our file
	OpConfig  Op = "config"  // a first configuration that includes it
)

// Step is one change.
type Step struct {
	Op   Op
	Path string
	Data []byte
	Text string // says it to a person
}

// Plan is what has to be done. Without steps there is nothing to do.
type Plan struct {
	Steps []Step
	// Notes say what a person has to do, or which entry was left out.
	Notes []string
}

// Want is what the file should say.
type Want struct {
	// Entries are ours, as they are on $BOOT, and Prefix what Prefix gave.
	Entries []bls.Entry
	Prefix  string
	// Alone: nothing else could start this machine, so the folder is made where
	// there is none, unless another loader has one.
	Alone bool
}

// MakePlan plans the file of entries, and a configuration where there is none.
func MakePlan(w Want, f Found) Plan {
	var p Plan
	if !f.Exists && (!w.Alone || f.Others || len(w.Entries) == 0) {
		return p
	}
	text, leftOut := Text(w.Entries, w.Prefix)
	for _, line := range leftOut {
		p.Notes = append(p.Notes, "not in "+f.File+": "+line)
	}
	if len(w.Entries) == 0 && f.Text == nil {
		return p
	}
	if !f.Exists {
		p.add(OpFolder, f.Folder, "make folder "+f.Folder, nil)
	}
	if !bytes.Equal(text, f.Text) {
		p.add(OpEntries, f.File, "write "+f.File, text)
	}
	line := "INCLUDE " + at(w.Prefix, filepath.Base(f.Folder)+"/"+filepath.Base(f.File))
	switch {
	case f.Config == "":
		config := filepath.Join(f.Folder, "extlinux.conf")
		p.add(OpConfig, config, "write "+config, []byte(firstConfig+line+"\n"))
	case !f.Includes:
		p.Notes = append(p.Notes, f.Config+" does not read the menu: add the line "+line)
	}
	return p
}

func (p *Plan) add(op Op, path, text string, data []byte) {
	p.Steps = append(p.Steps, Step{op, path, data, text})
}

// firstConfig asks for five seconds at a prompt: a menu would need a module that
// may not be installed.
const firstConfig = `# Made by moss-boot, which does not change it again.
PROMPT 1
TIMEOUT 50
`

// Apply carries the steps out. Each file is the old one or the new one at every
// moment.
func Apply(p Plan) error {
	for _, step := range p.Steps {
		if err := fault.Point("extlinux/" + string(step.Op)); err != nil {
			return err
		}
		if step.Op != OpFolder {
			if err := atomicfile.Write(step.Path, step.Data, 0o644); err != nil {
				return err
			}
			continue
		}
		if err := os.Mkdir(step.Path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := atomicfile.SyncDir(filepath.Dir(step.Path)); err != nil {
			return err
		}
	}
	return nil
}
