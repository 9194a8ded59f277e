package qemutests

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moss/bootloader"
	"moss/bootloader/bls"
	"moss/bootloader/efivar"
	"moss/bootloader/esp"
	"moss/qemu-tests/probe"
)

// menuToken is the owner of the menus that are made here.
const menuToken = "abcd1234"

// home is a $BOOT in a folder, the host that it belongs to, and its variables.
type home struct {
	t         *testing.T
	dir, host string
	vars      efivar.Memory
}

// menu is a $BOOT after a life of syncs, boots and blessings, with what others put
// beside our entries.
func (d dice) menu(t *testing.T) probe.Question {
	t.Helper()
	h := &home{t: t, dir: t.TempDir(), host: t.TempDir()}
	if d.oneIn(3) {
		h.write("loader/loader.conf", d.one("timeout 0\n", "default linux*\n", "default @saved\n", "timeout 0\ndefault moss-"+menuToken+"-2-*\n"))
	}
	if d.oneIn(3) {
		h.write("linux", string(probe.Image(nil)))
		h.write("m/initrd", "initrd")
		h.write("loader/entries/"+d.fileName(d.one("linux", "zz", "arch")), d.entry())
	}
	var want bootloader.Want
	for newest := range 1 + d.IntN(4) {
		want = d.want(h, uint64(newest)*uint64(1+d.IntN(4))+2)
		h.sync(want)
		h.life(d)
	}
	q := h.question()
	q.Vars["LoaderConfigTimeout"] = probe.Text("0") // whatever loader.conf says
	if len(shownEntries(t, q)) == 0 {
		t.Fatalf("a menu of ours without an entry: %s", show(q))
	}
	return q
}

// want is a menu of up to six states, the newest with the given number.
func (d dice) want(h *home, newest uint64) bootloader.Want {
	w := bootloader.Want{Token: menuToken, MachineID: strings.Repeat("0a", 16), TakeDefault: d.oneIn(2)}
	if d.oneIn(6) {
		w.MachineID = ""
	}
	for id := max(newest, 6) - 5; id <= newest; id++ {
		s := bootloader.State{ID: id, Created: time.Unix(1e9, 0), Summary: "some change", OSID: d.one("debian", "debian", "arch", ""), Tries: uint(d.IntN(4))}
		for _, version := range []string{"6.9.1", "6.12.0-rc1", "6.12.0_x"} {
			if len(s.Kernels) == 0 || d.oneIn(4) {
				image := h.file("kernel "+version, string(probe.Image([]byte(version))))
				s.Kernels = append(s.Kernels, bootloader.Kernel{Version: version, Image: image, Initrds: []string{h.file("initrd", "initrd")}, Cmdline: []string{fmt.Sprintf("moss.fstx=%d", id)}})
			}
		}
		w.States = append(w.States, s)
	}
	if d.oneIn(2) {
		w.Default = w.States[d.IntN(len(w.States))].ID
	}
	w.Booted = w.States[d.IntN(len(w.States))].ID
	return w
}

// life is what happens to a menu between two syncs.
func (h *home) life(d dice) {
	found := h.look()
	for _, own := range found.Ours {
		switch d.IntN(6) {
		case 0:
			if _, err := bootloader.Bless(found, own.File, d.oneIn(2)); err != nil {
				h.t.Fatal(err)
			}
		case 1: // booted and not blessed
			name := own.Name
			if name.Counted {
				name.Left, name.Done = max(name.Left, 1)-1, name.Done+1
				h.must(os.Rename(filepath.Join(found.Entries, own.File), filepath.Join(found.Entries, name.File())))
			}
		}
	}
	for _, name := range []string{"LoaderEntryOneShot", "LoaderEntryDefault", "LoaderEntryLastBooted"} {
		if d.oneIn(5) {
			h.must(efivar.SetText(&h.vars, name, d.pattern(h.shown(), name == "LoaderEntryDefault")))
		}
	}
}

func (h *home) sync(w bootloader.Want) {
	var err error
	w.Contents, err = bootloader.Digest(w)
	h.must(err)
	found, err := bootloader.Scan(h.boot(), menuToken)
	h.must(err)
	found.Vars = bootloader.ReadVariables(&h.vars)
	plan, err := bootloader.MakePlan(w, found)
	h.must(err)
	_, err = bootloader.Apply(plan, &h.vars)
	h.must(err)
}

func (h *home) boot() esp.Boot { return esp.Boot{ESP: h.dir, Dir: h.dir} }

func (h *home) look() bootloader.Found {
	found, err := bootloader.Look(h.boot(), menuToken)
	h.must(err)
	found.Vars = bootloader.ReadVariables(&h.vars)
	return found
}

func (h *home) shown() (entries []bls.Entry) { return shownEntries(h.t, h.question()) }

// question is what the loader would find here.
func (h *home) question() probe.Question {
	q := probe.Question{Files: map[string][]byte{}, Vars: probe.Variables{}}
	h.must(filepath.WalkDir(h.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(h.dir, path)
		if err == nil {
			q.Files[name], err = os.ReadFile(path)
		}
		return err
	}))
	keys, err := h.vars.List()
	h.must(err)
	for _, key := range keys {
		q.Vars[key.Name], _, err = h.vars.Read(key)
		h.must(err)
	}
	return q
}

func (h *home) write(name, text string) {
	path := filepath.Join(h.dir, name)
	h.must(os.MkdirAll(filepath.Dir(path), 0o755))
	h.must(os.WriteFile(path, []byte(text), 0o644))
}

// file is one of the host's.
func (h *home) file(name, text string) string {
	path := filepath.Join(h.host, name)
	h.must(os.WriteFile(path, []byte(text), 0o644))
	return path
}

func (h *home) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}
