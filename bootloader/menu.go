package bootloader

import (
	"fmt"
	"slices"
	"strings"

	"moss/bootloader/bls"
)

// maxCommandLine is what a kernel keeps of its arguments on most machines
// (COMMAND_LINE_SIZE of x86 and arm64 less the NUL). The rest is cut off
// silently, and moss.fstx might be in it.
const maxCommandLine = 2047

// item is one entry of the menu that is wanted.
type item struct {
	name  bls.Name // for a new entry
	state uint64   // 0 for the rescue entry
	bad   bool     // of whatever name it is, it is to have no tries
	what  string
	entry bls.Entry
	data  []byte
	files []file
}

// file is a file that an entry needs: its name in our folder and where it comes
// from.
type file struct {
	name, source, what string
	content            Content
}

// menu makes the wanted entries, newest first, the rescue entry last. Without a
// state there is none at all.
func (w Want) menu(f Found) ([]item, error) {
	states := w.kept()
	var items []item
	for _, s := range states {
		for _, k := range s.Kernels {
			it := item{
				state: s.ID, what: fmt.Sprintf("of state %d", s.ID),
				name: s.name(stem(w.Token, s.ID, k.Version)), bad: s.Bad,
				entry: bls.Entry{Title: title(s, k), Version: version(s, k), MachineID: w.MachineID, SortKey: w.sortKey(s, states[0], f)},
			}
			if err := w.fill(&it, k); err != nil {
				return nil, fmt.Errorf("make entry of state %d, kernel %s: %w", s.ID, k.Version, err)
			}
			items = append(items, it)
		}
	}
	if w.Rescue == nil || len(items) == 0 {
		return items, nil
	}
	k := rescue(*w.Rescue)
	it := item{
		what: "for rescue", name: bls.Name{Stem: rescueStem(w.Token, k.Version)},
		entry: bls.Entry{Title: rescueTitle(states[0], k), Version: kernelVersion(k), MachineID: w.MachineID, SortKey: lastKey + osKey(states[0])},
	}
	if err := w.fill(&it, k); err != nil {
		return nil, fmt.Errorf("make rescue entry, kernel %s: %w", k.Version, err)
	}
	return append(items, it), nil
}

// name is that of a new entry.
func (s State) name(stem string) bls.Name {
	if s.Bad {
		return bls.Name{Stem: stem, Counted: true}
	}
	return bls.Name{Stem: stem, Counted: s.Tries > 0, Left: s.Tries}
}

// rescue asks for a shell, whatever else the arguments say. A unified image, which
// comes without initrds and arguments, has its own inside.
func rescue(k Kernel) Kernel {
	if len(k.Initrds) == 0 && len(k.Cmdline) == 0 {
		return k
	}
	k.Cmdline = append(without(k.Cmdline, func(arg string) bool {
		return strings.HasPrefix(arg, "moss.fstx=") || arg == shellArgument
	}), shellArgument)
	return k
}

const shellArgument = "moss.shell"

// fill puts a kernel's files and arguments into an entry.
func (w Want) fill(it *item, k Kernel) error {
	image, err := w.file(k.Image, linuxSuffix, "kernel "+k.Version)
	if err != nil {
		return err
	}
	it.files = append(it.files, image)
	it.entry.Linux = "/" + folderName(w.Token) + "/" + image.name
	for _, path := range k.Initrds {
		initrd, err := w.file(path, initrdSuffix, "initrd for "+k.Version)
		if err != nil {
			return err
		}
		it.files = append(it.files, initrd)
		it.entry.Initrd = append(it.entry.Initrd, "/"+folderName(w.Token)+"/"+initrd.name)
	}
	if line := strings.Join(k.Cmdline, " "); line != "" {
		it.entry.Options = []string{line}
	}
	if n := len(it.entry.CommandLine()); n > maxCommandLine {
		return fmt.Errorf("command line has %d characters, the kernel keeps %d", n, maxCommandLine)
	}
	if err := bls.CheckName(it.name); err != nil {
		return err
	}
	it.entry.File = it.name.File()
	it.data, err = it.entry.Format()
	return err
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
func version(s State, k Kernel) string { return fmt.Sprintf("%d-%s", s.ID, kernelVersion(k)) }

func kernelVersion(k Kernel) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, k.Version)
}

// What a sort key begins with. Between the two are letters, for osKey begins
// with one.
const (
	firstKey = "0-" // of the state that goes before newer ones
	lastKey  = "~"  // of the rescue entry
)

// sortKey is one for the whole menu, of the newest state: the loader compares it
// before the version, so a system that changed its name would not be first.
//
// The default goes before all others. It is the order that says so and not
// "default" of loader.conf, which would start it also when it has no tries left.
// A state that once went before newer ones keeps that when they are gone.
func (w Want) sortKey(s, newest State, f Found) string {
	if s.ID != w.Default {
		return osKey(newest)
	}
	first := slices.ContainsFunc(f.Ours, func(o Own) bool { return o.State == s.ID && o.leads() })
	if s.ID == newest.ID && !first && !w.TakeDefault {
		return osKey(newest)
	}
	return firstKey + osKey(newest)
}

func (o Own) leads() bool { return o.Err == nil && strings.HasPrefix(o.Entry.SortKey, firstKey) }

// osKey begins with a letter, or it might sort before firstKey.
func osKey(s State) string {
	key := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return -1
	}, strings.ToLower(s.OSID))
	if key = strings.TrimLeft(key, "0123456789._-"); key == "" {
		return "linux"
	}
	return key
}
