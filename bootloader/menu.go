package bootloader

import (
	"cmp"
	"fmt"
	"strings"

	"moss/bootloader/bls"
)

// maxCommandLine is what a kernel keeps of its arguments on most machines
// (COMMAND_LINE_SIZE of x86 and arm64 less the NUL). The rest is cut off
// silently, and moss.fstx might be in it.
const maxCommandLine = 2047

// item is one entry of the menu that is wanted.
type item struct {
	stem  string
	state uint64
	data  []byte
	files []file
}

// file is a file that an entry needs: its name in our folder and where it comes
// from.
type file struct {
	name, source, what string
	content            Content
}

// menu makes the wanted entries, newest first.
func (w Want) menu() ([]item, error) {
	states := w.kept()
	var items []item
	for _, s := range states {
		for _, k := range s.Kernels {
			it, err := w.item(s, k, sortKey(states[0]))
			if err != nil {
				return nil, fmt.Errorf("make entry of state %d, kernel %s: %w", s.ID, k.Version, err)
			}
			items = append(items, it)
		}
	}
	return items, nil
}

func (w Want) item(s State, k Kernel, key string) (item, error) {
	it := item{stem: stem(w.Token, s.ID, k.Version), state: s.ID}
	e := bls.Entry{
		Title: title(s, k), Version: version(s, k), MachineID: w.MachineID, SortKey: key,
	}
	image, err := w.file(k.Image, linuxSuffix, "kernel "+k.Version)
	if err != nil {
		return item{}, err
	}
	it.files = append(it.files, image)
	e.Linux = "/" + folderName(w.Token) + "/" + image.name
	for _, path := range k.Initrds {
		initrd, err := w.file(path, initrdSuffix, "initrd for "+k.Version)
		if err != nil {
			return item{}, err
		}
		it.files = append(it.files, initrd)
		e.Initrd = append(e.Initrd, "/"+folderName(w.Token)+"/"+initrd.name)
	}
	if line := strings.Join(k.Cmdline, " "); line != "" {
		e.Options = []string{line}
	}
	if n := len(e.CommandLine()); n > maxCommandLine {
		return item{}, fmt.Errorf("command line has %d characters, the kernel keeps %d", n, maxCommandLine)
	}
	name := bls.Name{Stem: it.stem, Counted: w.Tries > 0, Left: w.Tries}
	if err := bls.CheckName(name); err != nil {
		return item{}, err
	}
	e.File = name.File()
	it.data, err = e.Format()
	return it, err
}

func (w Want) file(path, suffix, what string) (file, error) {
	content, ok := w.Contents[path]
	if !ok || len(content.Hash) != 64 {
		return file{}, fmt.Errorf("%s was not hashed", path)
	}
	return file{name: contentName(content, suffix), source: path, what: what, content: content}, nil
}

// version is what the loader sorts by: the number of the state, then the kernel.
// A bare number first makes 10 newer than 9, and a state with an older kernel
// newer than the one before it.
func version(s State, k Kernel) string {
	kernel := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, k.Version)
	return fmt.Sprintf("%d-%s", s.ID, kernel)
}

// sortKey is one for the whole menu, of the newest state: the loader compares it
// before the version, so a system that changed its name would not be first.
func sortKey(s State) string {
	key := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return -1
	}, strings.ToLower(s.OSID))
	return cmp.Or(key, "linux")
}
