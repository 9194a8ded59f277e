package bootloader

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"moss/bootloader/bls"
)

// thisBoot: what early boot passed over.
func (d *diagnosis) thisBoot() {
	switch {
	case d.m.FellBack == "":
	case d.m.Told == 0 || d.m.Told == d.m.Booted:
		d.warn("fell-back", "moss state list", "this boot runs state %d, not the one that was wanted: %s", d.m.Booted, d.m.FellBack)
	default:
		d.warn("fell-back", fmt.Sprintf("moss state verify %d", d.m.Told), "this boot fell back from state %d to state %d: %s", d.m.Told, d.m.Booted, d.m.FellBack)
	}
}

// setting is where somebody may have said what is to be started.
type setting struct {
	name, value, clear string
	// read: this loader looks there.
	read bool
}

func (d *diagnosis) all() []setting {
	v, prefers := d.f.Vars, d.f.Loader().Preferred
	return []setting{
		{string(bls.ByOneShot), v.OneShot, "moss-boot set-oneshot --clear", true},
		{string(bls.ByPreferred), v.Preferred, clearDefault, prefers},
		{string(bls.ByConfigPreferred), bls.ConfigPreferred(d.f.ConfigText), d.takeBack(bls.ByConfigPreferred), prefers},
		{string(bls.ByDefault), v.Default, clearDefault, true},
		{string(bls.ByConfig), bls.ConfigDefault(d.f.ConfigText), clearDefault, true},
	}
}

// settings that lead nowhere, or to one name that the next boot changes.
func (d *diagnosis) settings() {
	for _, s := range d.all() {
		byHand := s.name == string(bls.ByConfigPreferred)
		if s.value == "" || strings.HasPrefix(s.value, "@") || byHand && !s.read {
			continue
		}
		switch own, exact := d.exact(s.value); {
		case d.f.stale(s.value):
			do := syncMenu
			if byHand {
				do = s.clear
			}
			d.warn("setting-stale", do, "%s names an entry of ours that is gone: %s", s.name, s.value)
		case d.nothing(s.value):
			d.warn("setting-stale", s.clear, "%s names nothing that is there: %s", s.name, s.value)
		case exact && s.name != string(bls.ByOneShot) && s.read:
			d.warn("setting-exact", syncMenu, "%s names one file, %s, and the loader renames it when it counts a boot of state %d", s.name, s.value, own.State)
		}
	}
}

// takeBack is the command that undoes a setting. Nothing of ours writes
// "preferred" into loader.conf, nor takes it out.
func (d *diagnosis) takeBack(why bls.Why) string {
	if why == bls.ByConfigPreferred {
		return d.places()[0].do("sed -i '/^preferred/d'", d.f.Config)
	}
	return clearDefault
}

// exact finds the counted entry of ours that a setting without a wildcard names.
func (d *diagnosis) exact(value string) (Own, bool) {
	name, ok := bls.ParseName(strings.ToLower(value))
	if !ok || strings.ContainsAny(value, `*?[\`) {
		return Own{}, false
	}
	i := slices.IndexFunc(d.f.Ours, func(o Own) bool { return o.Name.Stem == name.Stem && (o.Name.Counted || name.Counted) })
	if i < 0 {
		return Own{}, false
	}
	return d.f.Ours[i], true
}

// nothing: no entry, and nothing else that the loader knows or may know.
func (d *diagnosis) nothing(value string) bool {
	loader := d.f.Loader()
	for _, e := range d.f.entries() {
		if bls.Match(value, loader.ID(e)) || bls.Match(value, e.ID()) {
			return false
		}
	}
	if len(d.f.Vars.Entries) == 0 && strings.HasSuffix(strings.ToLower(value), unified) {
		return false
	}
	return !slices.ContainsFunc(d.f.others(), func(id string) bool { return bls.Match(value, id) })
}

// usual judges what the loader starts by itself.
func (d *diagnosis) usual() {
	usual := d.f.Usual()
	good := slices.ContainsFunc(d.f.Ours, func(o Own) bool { return d.whole(o) && !o.Name.Bad() })
	foreign := usual.State == 0 && (usual.File != "" || usual.Why != "") && !d.rescue(usual.File)
	switch live := d.m.Live; {
	case usual.Bad && good:
		d.warn("default-bad", d.takeBack(usual.Why), "the loader starts %s", usual.Text)
	case foreign && len(d.f.Ours) > 0:
		d.warn("default-foreign", d.takeBack(usual.Why), "the loader does not start ours by itself: %s", usual.Text)
	case usual.Bad:
		d.warn("all-bad", d.anotherChance(usual.State), "every entry has used up its tries: the loader starts %s", usual.Text)
	case d.m.Failed[usual.State] != "":
		d.warn("failed-first", d.away(), "the loader starts state %d, which failed: %s", usual.State, d.m.Failed[usual.State])
	case live != 0 && usual.State != 0 && usual.State != live && !d.used(live):
		d.warn("default-not-live", fmt.Sprintf("moss-boot set-default %d", live), "state %d is live, but the loader starts %s", live, usual.Text)
	}
}

// used: the state is in the menu, and none of its entries has tries left.
func (d *diagnosis) used(id uint64) bool {
	some := choose(d.f.Ours, func(o Own) bool { return o.State == id })
	return len(some) > 0 && !slices.ContainsFunc(some, func(o Own) bool { return !o.Name.Bad() })
}

func (d *diagnosis) rescue(file string) bool {
	return slices.ContainsFunc(d.f.Ours, func(o Own) bool { return o.Rescue && o.File == file })
}

// anotherChance: what runs has proved itself.
func (d *diagnosis) anotherChance(id uint64) string {
	if d.m.Booted != 0 {
		return fmt.Sprintf("moss-boot bless good %d", d.m.Booted)
	}
	return fmt.Sprintf("moss-boot set-default %d --force", id)
}

// away is the choice of a state that works.
func (d *diagnosis) away() string {
	for _, id := range []uint64{d.m.Booted, d.m.Good, d.m.Live} {
		if id != 0 && d.m.Failed[id] == "" {
			return fmt.Sprintf("moss-boot set-default %d", id)
		}
	}
	return "moss-boot list"
}

// exhausted are states that used up their tries, beside the one that the loader
// starts.
func (d *diagnosis) exhausted() {
	usual := d.f.Usual()
	if d.said("all-bad") {
		return
	}
	seen := []uint64{0}
	for _, own := range d.f.Ours {
		id := own.State
		if slices.Contains(seen, id) || !d.used(id) || usual.Bad && usual.State == id {
			continue
		}
		seen = append(seen, id)
		why := d.m.Failed[id]
		if why == "" {
			why = fmt.Sprintf("%d boots, none was blessed", own.Name.Done)
		}
		d.warn("entry-bad", d.letGo(id), "the loader no longer starts state %d by itself: %s", id, why)
	}
}

// letGo is what to do about a state that failed: what runs has proved itself,
// what nobody has written down yet is to be, and what is known can go.
func (d *diagnosis) letGo(id uint64) string {
	switch {
	case id == d.m.Booted:
		return fmt.Sprintf("moss-boot bless good %d", id)
	case d.m.Failed[id] == "":
		return fmt.Sprintf("moss-boot bless bad %d", id)
	case id == d.m.Live:
		return d.away()
	}
	return d.removal([]uint64{id})
}

// blessing: what is counted and never blessed goes bad.
func (d *diagnosis) blessing() {
	for _, own := range d.f.Ours {
		if own.State == d.m.Live && own.State != 0 && own.Name.Counted && !own.Name.Bad() && d.m.Unblessed {
			d.warn("not-blessed", fmt.Sprintf("moss-boot bless good %d", own.State), "boots of state %d are counted and nothing in it says that one was good: after %s more it counts as bad",
				own.State, counted(int(own.Name.Left), "boot"))
			return
		}
	}
}

// variables: what the machine has of them, and whether they tell of this boot.
func (d *diagnosis) variables() {
	v := d.f.Vars
	said := stateNamed(d.f.Token, v.Selected)
	switch {
	case d.m.UEFI && !v.Present:
		d.warn("no-variables", "mount -t efivarfs efivarfs /sys/firmware/efi/efivars", "no EFI variables: the default and counting work, for the menu's order says it; set-oneshot, firmware entries and what the loader reports do not")
	case d.m.BIOS && !v.Present:
		d.warn("no-variables", "moss-boot set-default STATE", "started without UEFI: no EFI variables, so set-oneshot and boot counting do not work; set-default does")
	case v.Selected != "" && d.m.Told != 0 && said != d.m.Told && (d.m.FellBack == "" || said != d.m.Booted):
		d.warn("variables-disagree", fmt.Sprintf("moss-boot bless good %d", d.m.Told), "the loader says that it started %s, and the kernel was told state %d: after kexec or a soft reboot the loader's word is old", v.Selected, d.m.Told)
	}
}

// stateNamed is the state of ours that an id of the loader means, or 0.
func stateNamed(token, id string) uint64 {
	name, _ := bls.ParseName(strings.ToLower(path.Base(strings.ReplaceAll(id, `\`, "/"))))
	state, _ := stateOf(token, name.Stem, "_")
	return state
}
