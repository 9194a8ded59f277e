package bootloader

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"moss/bootloader/bls"
	"moss/bootloader/esp"
)

// Own is an entry that was made here, by its name. Raw.Err is set when it is
// damaged.
type Own struct {
	bls.Raw
	Name bls.Name
	// State is 0 for the rescue entry.
	State  uint64
	Rescue bool
}

// Found is what Scan saw on $BOOT. All paths are paths of the running system, in
// the spelling that they have on disk.
type Found struct {
	Boot  esp.Boot
	Token string
	// Entries and Folder are the folders of entries and of our files; Config is
	// loader.conf, Marker is loader/entries.srel.
	Entries, Folder, Config, Marker string
	// Absent lists folders that are not there yet, parents first.
	Absent []string
	// Ours are our entries, Foreign all others that the loader reads, with those
	// it makes nothing of, and those on an ESP beside $BOOT.
	Ours    []Own
	Foreign []bls.Raw
	// Files are the content-named files of our folder, by path; Stale are
	// temporary files that an interrupted writer of ours left.
	Files Contents
	Stale Contents
	// ConfigText is nil without a loader.conf.
	ConfigText []byte
	// Layout is the text of Marker without blanks, "" without one.
	Layout string
	// Space is that of $BOOT, ESPSpace that of the partition with loader.conf.
	// Without a separate $BOOT they are the same.
	Space, ESPSpace esp.Space
	// Vars are the machine's variables; whoever scans fills them in.
	Vars Variables

	// hashed: Files has the hashes of what it lists, not the sizes alone.
	hashed bool
}

// Scan reads $BOOT for the owner of token. It hashes every file of ours, and
// changes nothing.
func Scan(boot esp.Boot, token string) (Found, error) {
	return scan(Found{Boot: boot, Token: token, hashed: true})
}

// Look is Scan without the hashes: enough for List, and quick however large the
// kernels are. MakePlan refuses it.
func Look(boot esp.Boot, token string) (Found, error) {
	return scan(Found{Boot: boot, Token: token})
}

func scan(f Found) (Found, error) {
	f.Files, f.Stale = Contents{}, Contents{}
	f.places()
	for _, read := range []func() error{f.readEntries, f.readFolder, f.readTemps, f.readConfig, f.measure} {
		if err := read(); err != nil {
			return Found{}, fmt.Errorf("scan %s: %w", f.Boot.Dir, err)
		}
	}
	return f, nil
}

func (f *Found) places() {
	for _, place := range []struct{ dir, rel string }{
		{f.Boot.Dir, "loader"}, {f.Boot.Dir, "loader/entries"}, {f.Boot.Dir, folderName(f.Token)}, {f.Boot.ESP, "loader"},
	} {
		path, ok := esp.Fold(place.dir, place.rel)
		if !ok && (len(f.Absent) == 0 || f.Absent[0] != path) {
			f.Absent = append(f.Absent, path)
		}
	}
	f.Entries, _ = esp.Fold(f.Boot.Dir, "loader/entries")
	f.Folder, _ = esp.Fold(f.Boot.Dir, folderName(f.Token))
	f.Config, _ = esp.Fold(f.Boot.ESP, "loader/loader.conf")
	f.Marker, _ = esp.Fold(f.Boot.Dir, "loader/entries.srel")
}

func (f *Found) readEntries() error {
	raws, err := bls.Load(on(f.Boot.Dir))
	if err != nil {
		return err
	}
	for _, raw := range raws {
		if own, ok := f.own(raw); ok {
			f.Ours = append(f.Ours, own)
		} else {
			f.Foreign = append(f.Foreign, raw)
		}
	}
	if f.Boot.ESP == f.Boot.Dir {
		return nil
	}
	others, err := bls.Load(on(f.Boot.ESP))
	f.Foreign = append(f.Foreign, others...)
	return err
}

// own is false for an entry of somebody else.
func (f Found) own(raw bls.Raw) (Own, bool) {
	name, _ := bls.ParseName(raw.File)
	name.Stem = strings.ToLower(name.Stem)
	own := Own{Raw: raw, Name: name}
	var ok bool
	if own.State, ok = stateOf(f.Token, name.Stem, "_"); !ok {
		own.Rescue = isRescue(f.Token, name.Stem)
	}
	return own, ok || own.Rescue
}

func on(dir string) bls.Lookup {
	return func(path string) (string, bool) { return esp.Fold(dir, path) }
}

// readFolder passes over anything that is not named by content: whoever put it
// there wants it.
func (f *Found) readFolder() error {
	return eachFile(f.Folder, func(path, name string, size uint64) error {
		if !contentForm.MatchString(name) {
			return nil
		}
		if !f.hashed {
			f.Files[path] = Content{Size: size}
			return nil
		}
		content, err := digestFile(path)
		f.Files[path] = content
		return err
	})
}

func (f *Found) readTemps() error {
	for _, place := range []struct {
		dir  string
		mine func(name string) bool
	}{
		{f.Folder, contentForm.MatchString},
		{f.Entries, func(name string) bool { return strings.HasPrefix(name, folderName(f.Token)+"-") }},
		{filepath.Dir(f.Marker), func(name string) bool { return name == "entries.srel" }},
		{filepath.Dir(f.Config), func(name string) bool { return name == "loader.conf" }},
	} {
		err := eachFile(place.dir, func(path, name string, size uint64) error {
			if temp := tempForm.FindStringSubmatch(name); temp != nil && place.mine(temp[1]) {
				f.Stale[path] = Content{Size: size}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachFile calls do for the regular files of dir, with the name in lower case. A
// folder that is not there has none.
func eachFile(dir string, do func(path, name string, size uint64) error) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if err := do(filepath.Join(dir, entry.Name()), strings.ToLower(entry.Name()), uint64(info.Size())); err != nil {
			return err
		}
	}
	return err
}

func (f *Found) readConfig() error {
	text, err := os.ReadFile(f.Config)
	if err == nil {
		f.ConfigText = append([]byte{}, text...)
	}
	marker, markerErr := os.ReadFile(f.Marker)
	f.Layout = strings.TrimSpace(string(marker))
	for _, err := range []error{err, markerErr} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *Found) measure() (err error) {
	if f.Space, err = esp.Measure(f.Boot.Dir); err != nil {
		return err
	}
	f.ESPSpace, err = esp.Measure(f.Boot.ESP)
	return err
}

// DefaultState is the state that was put before the newer ones, 0 when none was:
// then the newest is first. After a power cut there may be two; the loader takes
// the newer.
func (f Found) DefaultState() uint64 {
	state := uint64(0)
	for _, own := range f.Ours {
		if own.leads() {
			state = max(state, own.State)
		}
	}
	return state
}
