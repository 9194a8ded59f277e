package system

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader"
	"moss/store/state"
)

// content describes states as the boot loader needs them. What holds for all of
// them is found out once, and a warning is given once.
type content struct {
	root    string
	config  Config
	machine machine
	log     func(string)

	built builder

	said    map[string]bool
	found   bool // the words about the root were looked for
	words   []string
	rootErr error
}

func newContent(opt Options) (*content, error) {
	config, err := ReadConfig(opt.Root)
	if err != nil {
		return nil, err
	}
	c := &content{root: opt.Root, config: config, machine: thisMachine(), log: opt.Log, said: map[string]bool{}}
	c.built = newBuilder(opt, c.warn)
	for _, line := range config.Warnings {
		c.warn(line)
	}
	return c, nil
}

func (c *content) warn(line string) {
	if c.log != nil && !c.said[line] {
		c.log("warning: " + line)
	}
	c.said[line] = true
}

// warnOnce is a log that gives each warning once: a change of the system describes
// its states several times.
func warnOnce(log func(string)) func(string) {
	said := map[string]bool{}
	return func(line string) {
		if strings.HasPrefix(line, "warning: ") {
			if said[line] {
				return
			}
			said[line] = true
		}
		log(line)
	}
}

// state is a state as the boot loader needs it. A tree without a kernel yields one
// without kernels, which gets no entry.
func (c *content) state(row state.State, usr string) (bootloader.State, error) {
	one := bootloader.State{ID: uint64(row.ID), Created: row.Created, Summary: row.Summary, Pinned: row.Pinned}
	one.OSID, one.OSName = osRelease(usr)
	if row.Comment != "" {
		one.Summary = row.Comment
	}
	versions, err := kernelVersions(usr)
	if err != nil {
		return one, fmt.Errorf("describe state %d: %w", row.ID, err)
	}
	for _, version := range versions {
		k, err := c.kernel(usr, version, row.ID)
		if err != nil {
			return one, fmt.Errorf("describe kernel %s of state %d: %w", version, row.ID, err)
		}
		one.Kernels = append(one.Kernels, k)
	}
	if len(one.Kernels) > 0 {
		one.Tries = triesOf(c.config, usr, c.warn)
	}
	return one, nil
}

// kernel is one kernel with the files and the command line of its entry, as they
// go to $BOOT. What else is done to them belongs at its end.
func (c *content) kernel(usr, version string, id state.ID) (bootloader.Kernel, error) {
	v := view{c.root, usr}
	k := bootloader.Kernel{Version: version}
	var err error
	if k.Image, err = v.real(filepath.Join(kernelFolder(version), "vmlinuz")); err != nil {
		return k, err
	}
	if k.Initrds, err = v.initrds(version); err != nil {
		return k, err
	}
	if err = c.early(&k, usr, id); err != nil {
		return k, err
	}
	line, err := c.line(v, version)
	if err != nil {
		return k, err
	}
	if len(k.Initrds) == 0 && !c.built.absent[version] {
		c.warn(fmt.Sprintf("kernel %s has no initrd: %s", version, bare(line.parsed())))
	}
	k.Cmdline = line.with(stateWord + "=" + id.String())
	return k, nil
}

// early gives a kernel that comes without an early-boot image one that is built
// here. Microcode alone is none; what is built goes behind it.
func (c *content) early(k *bootloader.Kernel, usr string, id state.ID) error {
	if !onlyMicrocodeIn(k.Initrds) {
		return nil
	}
	built, err := c.built.imageFor(usr, k.Version, id, len(k.Initrds) > 0)
	if built != "" {
		k.Initrds = append(k.Initrds, built)
	}
	return err
}

// ofTree: what went wrong is in a tree itself, and touches no other state. One
// sick state must not keep the others from the menu, nor itself from being removed.
func ofTree(err error, usr string) bool {
	where, ok := errors.AsType[*fs.PathError](err)
	return ok && strings.HasPrefix(where.Path, usr+"/")
}

// stateWord is the parameter by which early boot knows what to start.
const stateWord = "moss.fstx"

// line is a kernel's command line but for the state: where the root is, and the
// snippets. Which state a kernel starts is the entry's to say; two that disagreed
// would start the wrong one.
func (c *content) line(v view, version string) (words, error) {
	line, err := v.snippets(version, c.warn)
	if err != nil {
		return line, err
	}
	line.params = slices.DeleteFunc(line.params, func(word string) bool {
		named := keyOf(word) == stateWord
		if named {
			c.warn(fmt.Sprintf("kernel command line: a snippet says %s: it is left out, each entry names its own state", word))
		}
		return named
	})
	line.params, err = withRoot(c.rootWords, line.params)
	return line, err
}

func (c *content) rootWords() ([]string, error) {
	if !c.found {
		c.words, c.rootErr = c.machine.rootWords(c.root)
		c.found = true
	}
	return c.words, c.rootErr
}

// initOf is the init= that the tree's entries will carry, or "".
func initOf(root, usr string) string {
	line, err := view{root, usr}.snippets("", func(string) {})
	if err != nil {
		return ""
	}
	value, _ := line.parsed().Last("init")
	return strings.TrimSpace(value)
}
