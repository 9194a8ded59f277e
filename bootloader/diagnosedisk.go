package bootloader

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"moss/bootloader/esp"
)

// lost says why there is no menu to look at.
func (d *diagnosis) lost() {
	text := strings.TrimPrefix(d.m.Lost.Error(), "find boot partition: ")
	if _, several := errors.AsType[*esp.AmbiguousError](d.m.Lost); several {
		d.warn("esp-ambiguous", "moss-boot status --esp DIR", "which boot partition is meant cannot be told: %s", text)
		return
	}
	do := "moss-boot status --esp DIR"
	if errors.Is(d.m.Lost, fs.ErrPermission) {
		do = "sudo moss-boot status"
	}
	d.warn("no-boot", do, "the boot partition cannot be read: %s", text)
}

// place is one of the two partitions.
type place struct {
	dir   string
	part  esp.Part
	space esp.Space
}

func (d *diagnosis) places() []place {
	all := []place{{d.f.Boot.ESP, d.f.Boot.ESPPart, d.f.ESPSpace}, {d.f.Boot.Dir, d.f.Boot.DirPart, d.f.Space}}
	if d.f.Boot.ESP == d.f.Boot.Dir {
		return all[:1]
	}
	return all
}

// name is how a person knows it: where it is mounted, or its device.
func (p place) name() string {
	if p.part.Ours {
		return p.part.Node
	}
	return p.dir
}

// disk: a FAT that was not unmounted cleanly, and one that cannot be written.
// What is mounted for this question alone is read-only because of it.
func (d *diagnosis) disk() {
	for _, p := range d.places() {
		check := "fsck.fat -p " + p.part.Node
		switch {
		case p.part.Dirty && p.part.Ours:
			d.warn("dirty", check, "%s was not unmounted cleanly and may be damaged", p.name())
		case p.part.Dirty:
			d.warn("dirty", fmt.Sprintf("umount %s && %s && mount %s", p.dir, check, p.dir), "%s was not unmounted cleanly and may be damaged", p.name())
		case p.space.ReadOnly && !p.part.Ours:
			d.warn("read-only", "mount -o remount,rw "+p.dir, "%s is read-only: nothing can be changed there, nor tries counted", p.name())
		}
	}
}

// layout: a folder of entries that says it is not of the kind that we write.
func (d *diagnosis) layout() {
	if d.f.Layout != "" && d.f.Layout != layout {
		d.warn("layout", "moss-boot sync --esp DIR", "%s says that the entries are of another kind, %q: the menu is not written there", d.f.Marker, d.f.Layout)
	}
}

// stray: the loader reads the one on the ESP.
func (d *diagnosis) stray() {
	if d.m.Stray == "" {
		return
	}
	p := d.place()
	d.warn("config-unread", p.do("rm", d.m.Stray), "no loader reads the loader.conf on %s: it belongs on the ESP", p.name())
}

// do is a command about a file of a place, which may have to be mounted for it.
func (p place) do(command, file string) string {
	if !p.part.Ours {
		return command + " " + file
	}
	return fmt.Sprintf("mount %s /mnt && %s %s; umount /mnt", p.part.Node, command, filepath.Join("/mnt", strings.TrimPrefix(file, p.dir)))
}

// space: what comes next has to fit, at its peak.
func (d *diagnosis) space() {
	if d.m.Want == nil {
		d.largest()
		return
	}
	if full, ok := errors.AsType[*SpaceError](d.m.PlanErr); ok {
		d.full(full, "the menu cannot be written")
		return
	}
	if len(d.m.Plan.Shrunk) > 0 {
		d.warn("esp-short", d.removal(d.m.Plan.Shrunk), "there is no room for the boot entries of state %s", numbers(d.m.Plan.Shrunk))
	}
	d.next()
}

// next plans an update that brings another kernel of the size of the newest one.
func (d *diagnosis) next() {
	w, bytes := d.m.Want.another()
	f := d.f.Trusting(w.Contents)
	f.Space.ReadOnly, f.ESPSpace.ReadOnly = false, false // that is another warning
	plan, err := MakePlan(w, f)
	if full, ok := errors.AsType[*SpaceError](err); ok {
		d.full(full, fmt.Sprintf("another kernel, %s with its initrds, does not fit: the next update of it is refused", size(bytes)))
		return
	}
	if err != nil || bytes == 0 {
		return // what is wrong is said elsewhere
	}
	first := slices.IndexFunc(plan.Steps, func(s Step) bool { return s.Op == OpCopy })
	var early []uint64
	for _, step := range plan.Steps[:max(first, 0)] {
		i := slices.IndexFunc(d.f.Ours, func(o Own) bool { return step.Op == OpDrop && o.File == filepath.Base(step.Path) })
		if i >= 0 && !slices.Contains(early, d.f.Ours[i].State) {
			early = append(early, d.f.Ours[i].State)
		}
	}
	for _, id := range plan.Shrunk {
		if !slices.Contains(early, id) && !slices.Contains(d.m.Plan.Shrunk, id) {
			early = append(early, id)
		}
	}
	if slices.Sort(early); len(early) > 0 {
		d.warn("esp-tight", d.removal(early), "another kernel, %s with its initrds, does not fit beside the others (%s free): the next update takes the entries of state %s away first",
			size(bytes), size(d.f.Space.Free), numbers(early))
	}
}

// largest judges by what is there, when nobody knows what is to come.
func (d *diagnosis) largest() {
	need := uint64(0)
	for _, own := range d.f.Ours {
		sum := uint64(0)
		for _, file := range own.Entry.Files() {
			content, _ := d.content(file)
			sum += content.Size
		}
		need = max(need, sum)
	}
	if need > d.f.Space.Free {
		d.warn("esp-tight", "du -ah "+d.place().name(), "another kernel, %s with its initrds, does not fit beside the others (%s free)", size(need), size(d.f.Space.Free))
	}
}

// place is $BOOT.
func (d *diagnosis) place() place { return place{d.f.Boot.Dir, d.f.Boot.DirPart, d.f.Space} }

func (d *diagnosis) full(e *SpaceError, what string) {
	do, short := "du -ah "+d.place().name(), e.Need-min(e.Need, e.Have)
	var all []uint64
	for _, freed := range slices.Backward(e.Frees) {
		if freed.Bytes >= short {
			all = []uint64{freed.State}
			break
		}
		all = append(all, freed.State)
	}
	if len(all) > 0 {
		do = d.removal(all)
	}
	d.warn("esp-full", do, "%s: %s needs %s, has %s", what, d.place().name(), size(e.Need), size(e.Have))
}

// removal is the command that lets states go, the pinned too; an entry of one that is gone goes
// with a sync.
func (d *diagnosis) removal(states []uint64) string {
	if states = choose(states, func(id uint64) bool { return slices.Contains(d.m.States, id) }); len(states) == 0 {
		return syncMenu
	}
	unpin := ""
	for _, id := range states {
		if d.m.Want != nil && slices.ContainsFunc(d.m.Want.States, func(s State) bool { return s.ID == id && s.Pinned }) {
			unpin += fmt.Sprintf("moss state unpin %d && ", id)
		}
	}
	return unpin + "moss state remove " + strings.ReplaceAll(numbers(states), ",", "")
}
