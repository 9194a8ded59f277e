package bootloader_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moss/bootloader"
	"moss/bootloader/esp"
)

// patient is a machine on which nothing is wrong, until a test makes it so.
type patient struct {
	rig
	want  bootloader.Want
	facts bootloader.Facts
	vars  bootloader.Variables
	space esp.Space
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{rig: newRig(t, nil), space: esp.Space{Free: 1 << 20, Total: 2 << 20, Cluster: 512}}
	p.want = want(p.state(1, "6.1=kernel one+initrd"), p.state(2, "6.1=kernel two+initrd"), p.state(3, "6.12=kernel three+initrd"))
	p.want.Active, p.want.Booted = 3, 3
	p.sync(p.want)
	p.vars = bootloader.Variables{Present: true, Info: "systemd-boot 252.39", Features: 0x7ff, Selected: "moss-" + token + "-3-6.12_.conf",
		Entries: []string{"moss-" + token + "-3-6.12_.conf", "moss-" + token + "-2-6.1_.conf", "moss-" + token + "-1-6.1_.conf", "auto-windows"}}
	p.facts = bootloader.Facts{UEFI: true, States: []uint64{1, 2, 3}, Failed: map[uint64]string{}, Live: 3, Booted: 3, Told: 3, Good: 3,
		Loader: bootloader.LoaderFacts{Known: true, Available: "252.39", Entries: []string{"Boot0001"}, Copies: []bootloader.LoaderCopy{
			{Path: "/EFI/systemd/systemd-bootx64.efi", Version: "252.39"}, {Path: "/EFI/BOOT/BOOTX64.EFI", Fallback: true, Version: "252.39"}}}}
	return p
}

// found is $BOOT as status looks at it: nothing is hashed.
func (p *patient) found() bootloader.Found {
	p.t.Helper()
	found, err := bootloader.Look(p.boot, token)
	if err != nil {
		p.t.Fatal(err)
	}
	found.Vars, found.Space, found.ESPSpace = p.vars, p.space, p.space
	return found
}

func (p *patient) diagnose() []bootloader.Warning {
	p.t.Helper()
	contents, err := bootloader.Digest(p.want)
	if err != nil {
		p.t.Fatal(err)
	}
	found, m := p.found(), p.facts
	p.want.Contents, m.Want = contents, &p.want
	m.Plan, m.PlanErr = bootloader.MakePlan(p.want, found.Trusting(contents))
	return bootloader.Diagnose(found, m)
}

// says wants exactly one warning with a code, and gives it.
func says(t *testing.T, all []bootloader.Warning, code, text, do string) {
	t.Helper()
	some := slices.DeleteFunc(slices.Clone(all), func(w bootloader.Warning) bool { return w.Code != code })
	if len(some) != 1 || !strings.Contains(some[0].Text, text) || some[0].Do != do {
		t.Errorf("got %+v\nwant one %s with %q and the command %q", all, code, text, do)
	}
	for _, w := range all {
		if w.Text == "" || w.Do == "" || strings.ContainsAny(w.Text+w.Do, "\n") {
			t.Errorf("got %+v, want one line and a command", w)
		}
	}
}

// silent wants no warning with one of the codes; without any, no warning at all.
func silent(t *testing.T, all []bootloader.Warning, codes ...string) {
	t.Helper()
	for _, w := range all {
		if len(codes) == 0 || slices.Contains(codes, w.Code) {
			t.Errorf("got %+v, want no such warning", w)
		}
	}
}

func TestStatusOfAHealthyMachine(t *testing.T) {
	p := newPatient(t)
	silent(t, p.diagnose())
	setTries(p.want, 3)
	p.sync(p.want)
	silent(t, p.diagnose())
	p.write("loader/entries/linux.conf", "title Other\nlinux /vmlinuz\n")
	p.write("vmlinuz", "x")
	silent(t, p.diagnose())
}

// crowded is a $BOOT of large kernels with this much room.
func crowded(t *testing.T, free uint64) *patient {
	p := newPatient(t)
	large := func(c string) string { return "6.1=" + strings.Repeat(c, 40000) + "+" + strings.Repeat(c, 9000) }
	p.want = want(p.state(1, large("a")), p.state(2, large("b")), p.state(3, large("c")))
	p.want.Active, p.want.Booted = 3, 3
	p.sync(p.want)
	p.vars = bootloader.Variables{Present: true}
	p.space = esp.Space{Free: free, Total: 300000, Cluster: 512}
	return p
}

func TestStatusPain01TheNextKernelDoesNotFit(t *testing.T) {
	p := crowded(t, 80000)
	silent(t, p.diagnose())
	p = crowded(t, 10000)
	p.want.States[0].Pinned, p.want.Good = true, 2
	says(t, p.diagnose(), "esp-full", "another kernel, 49 kB with its initrds, does not fit: the next update of it is refused", "moss state unpin 1 && moss state remove 1")
	p.want.States[0].Pinned, p.want.Good = false, 0
	silent(t, p.diagnose(), "esp-full")
	// Where the states cannot be read, by what is there.
	found := p.found()
	says(t, bootloader.Diagnose(found, bootloader.Facts{}), "esp-tight", "49 kB with its initrds, does not fit beside the others (10 kB free)", "du -ah "+p.boot.Dir)
	found.Space.Free = 80000
	silent(t, bootloader.Diagnose(found, bootloader.Facts{}), "esp-tight")
}

func TestStatusPain02TheNextUpdateDropsOlderEntriesFirst(t *testing.T) {
	p := crowded(t, 80000)
	silent(t, p.diagnose(), "esp-tight")
	p = crowded(t, 10000)
	all := p.diagnose()
	says(t, all, "esp-tight", "(10 kB free): the next update takes the entries of state 1 away first", "moss state remove 1")
	silent(t, all, "esp-full", "esp-short", "menu-differs")
	p.space.ReadOnly = true
	says(t, p.diagnose(), "esp-tight", "state 1", "moss state remove 1")
	p.space.ReadOnly = false
	// What has no room now is said now.
	p.want.States = append(p.want.States, p.state(4, "6.1="+strings.Repeat("d", 52000)))
	p.facts.States = append(p.facts.States, 4)
	p.facts.Live, p.want.Active, p.want.Booted = 4, 4, 4
	says(t, p.diagnose(), "esp-short", "no room for the boot entries of state 1", "moss state remove 1")
}

func TestStatusPain03AFileIsMissingOrDamaged(t *testing.T) {
	p := newPatient(t)
	silent(t, p.diagnose(), "file-missing", "file-size")
	kernel, initrd := p.path(name("kernel two", ".linux")), p.path(name("initrd", ".initrd"))
	if err := os.Remove(kernel); err != nil {
		t.Fatal(err)
	}
	says(t, p.diagnose(), "file-missing", filepath.Base(kernel)+" of state 2 is missing", "moss-boot sync")
	p.sync(p.want)
	if err := os.Truncate(initrd, 3); err != nil {
		t.Fatal(err)
	}
	all := p.diagnose()
	says(t, all, "file-size", filepath.Base(initrd)+" of state 1, 2, 3 is damaged: it has 3 bytes", "moss-boot sync")
	says(t, all, "no-entry", "no boot entry of ours is complete", "moss-boot sync")
	if err := os.Truncate(initrd, 0); err != nil {
		t.Fatal(err)
	}
	// An empty file is damaged, whoever knows what should be in it.
	says(t, bootloader.Diagnose(p.found(), bootloader.Facts{}), "file-size", "it has 0 bytes", "moss-boot sync")
}

func TestStatusPain04NoCompleteEntry(t *testing.T) {
	p := newPatient(t)
	silent(t, p.diagnose(), "no-entry", "entry-empty")
	p.write(ourEntry("3-6.12_"), "")
	all := p.diagnose()
	says(t, all, "entry-empty", "moss-"+token+"-3-6.12_.conf is empty", "moss-boot sync")
	silent(t, all, "no-entry")
	p.write(ourEntry("2-6.1_"), "title x\n")
	says(t, p.diagnose(), "entry-damaged", "neither a linux nor an efi line", "moss-boot sync")
	if err := os.RemoveAll(p.path("loader/entries")); err != nil {
		t.Fatal(err)
	}
	says(t, p.diagnose(), "no-entry", "there is no boot entry of ours", "moss-boot sync")
	// A system without a kernel needs none.
	p.want.States, p.facts.States = nil, []uint64{}
	silent(t, p.diagnose(), "no-entry")
}

func TestStatusPain05TheDefaultIsBad(t *testing.T) {
	p := newPatient(t)
	p.rename("3-6.12_.conf", "3-6.12_+0-3.conf")
	all := p.diagnose()
	silent(t, all, "default-bad")
	says(t, all, "entry-bad", "no longer starts state 3 by itself: 3 boots, none was blessed", "moss-boot bless good 3") // it runs all the same
	p.facts.Booted = 2
	says(t, p.diagnose(), "entry-bad", "3 boots, none was blessed", "moss-boot bless bad 3")
	p.facts.Booted = 3
	p.vars.Default = bootloader.Pattern(token, 3)
	all = p.diagnose()
	says(t, all, "default-bad", "LoaderEntryDefault", "moss-boot set-default --clear")
	silent(t, all, "entry-bad", "all-bad")
	p.vars.Default = ""
	p.rename("2-6.1_.conf", "2-6.1_+0-3.conf")
	p.rename("1-6.1_.conf", "1-6.1_+0-3.conf")
	all = p.diagnose()
	says(t, all, "all-bad", "every entry has used up its tries: the loader starts state 3", "moss-boot bless good 3")
	silent(t, all, "default-bad", "entry-bad")
}

func TestStatusPain06ASettingNamesOneCountedFile(t *testing.T) {
	p := newPatient(t)
	p.rename("3-6.12_.conf", "3-6.12_+2-1.conf")
	p.vars.Default, p.vars.OneShot = bootloader.Pattern(token, 3), bootloader.Pattern(token, 3)
	silent(t, p.diagnose(), "setting-exact")
	p.vars.OneShot = "moss-" + token + "-3-6.12_+2-1.conf" // is read once, before the name changes
	silent(t, p.diagnose(), "setting-exact")
	p.vars.Default = "moss-" + token + "-3-6.12_+2-1.conf"
	says(t, p.diagnose(), "setting-exact", "LoaderEntryDefault names one file", "moss-boot sync")
	p.vars.Default = ""
	p.write("loader/loader.conf", "default moss-"+token+"-3-6.12_.conf\n")
	says(t, p.diagnose(), "setting-exact", "loader.conf names one file", "moss-boot sync")
	p.rename("3-6.12_+2-1.conf", "3-6.12_.conf")
	silent(t, p.diagnose(), "setting-exact")
}

func TestStatusPain07AStaleOrForeignSetting(t *testing.T) {
	p := newPatient(t)
	p.write("loader/entries/linux.conf", "title Other\nlinux /vmlinuz\n")
	p.write("vmlinuz", "x")
	silent(t, p.diagnose(), "setting-stale", "default-foreign")
	p.vars.Default = bootloader.Pattern(token, 9)
	says(t, p.diagnose(), "setting-stale", "LoaderEntryDefault names an entry of ours that is gone", "moss-boot sync")
	p.vars.Default, p.vars.OneShot = "", "moss-"+token+"-9-6.1_.conf"
	says(t, p.diagnose(), "setting-stale", "LoaderEntryOneShot names an entry of ours that is gone", "moss-boot sync")
	p.vars.OneShot = "kexec reboot"
	says(t, p.diagnose(), "setting-stale", "LoaderEntryOneShot names nothing that is there: kexec reboot", "moss-boot set-oneshot --clear")
	p.vars.OneShot = "auto-windows"
	silent(t, p.diagnose(), "setting-stale", "default-foreign")
	for _, value := range []string{"linux.conf", "auto-windows"} {
		p.vars = bootloader.Variables{Present: true, Entries: p.vars.Entries, Default: value}
		says(t, p.diagnose(), "default-foreign", value, "moss-boot set-default --clear")
	}
	// From 260 on there is one more place; what an older loader finds there it
	// does not read.
	p.vars = bootloader.Variables{Present: true, Preferred: "linux.conf"}
	silent(t, p.diagnose(), "default-foreign", "setting-stale")
	p.vars.Features = 1 << 19
	says(t, p.diagnose(), "default-foreign", "LoaderEntryPreferred", "moss-boot set-default --clear")
	p.vars.Preferred = ""
	p.write("loader/loader.conf", "preferred linux.conf\ndefault moss-"+token+"-[0-9]*\n")
	says(t, p.diagnose(), "default-foreign", "preferred of loader.conf", "sed -i '/^preferred/d' "+p.path("loader/loader.conf"))
}

func TestStatusPain08EntriesOfGoneStates(t *testing.T) {
	p := newPatient(t)
	silent(t, p.diagnose(), "entry-orphan", "default-not-live")
	p.write(ourEntry("9-6.1_"), strings.ReplaceAll(p.read(ourEntry("1-6.1_")), "1-6.1", "0-6.1"))
	says(t, p.diagnose(), "entry-orphan", "the menu offers state 9, which is gone", "moss-boot sync")
	// That of what runs stays until the next boot.
	p.facts.Booted = 9
	silent(t, p.diagnose(), "entry-orphan")
	p = newPatient(t)
	p.facts.Live = 2
	says(t, p.diagnose(), "default-not-live", "state 2 is live, but the loader starts state 3", "moss-boot set-default 2")
}

func TestStatusPain09UnusedFiles(t *testing.T) {
	p := newPatient(t)
	silent(t, p.diagnose(), "unused-files")
	p.write(name("old", ".linux"), strings.Repeat("x", 5000))
	says(t, p.diagnose(), "unused-files", "1 file of ours that nothing needs: 6 kB", "moss-boot sync")
	p.write("loader/entries/.moss-"+token+"-3-6.12_.conf.tmp-17", "x")
	says(t, p.diagnose(), "unused-files", "2 files of ours that nothing needs: 6 kB", "moss-boot sync")
	p.write("loader/entries/other.conf", "linux /"+name("old", ".linux")+"\n")
	says(t, p.diagnose(), "unused-files", "1 file of ours", "moss-boot sync")
}

func TestStatusPain10UnreadableForeignEntries(t *testing.T) {
	p := newPatient(t)
	p.write("loader/entries/linux.conf", "title Other\nlinux /vmlinuz\n")
	p.write("vmlinuz", "x")
	silent(t, p.diagnose(), "foreign-unreadable")
	p.write("loader/entries/broken.conf", "\x00\xff")
	p.write("loader/entries/gone.conf", "linux /gone\n")
	all := p.diagnose()
	says(t, all, "foreign-unreadable", "does no harm: broken.conf, gone.conf", "moss-boot list")
	if len(all) != 1 {
		t.Errorf("got %+v, want nothing else", all)
	}
}

func TestStatusPain11Twins(t *testing.T) {
	p := newPatient(t)
	p.write(ourEntry("4-6.1_"), p.read(ourEntry("3-6.12_")))
	silent(t, p.diagnose(), "twin")
	p.write(ourEntry("3-6.12_+2-1"), p.read(ourEntry("3-6.12_")))
	p.write(ourEntry("3-6.12_+3"), p.read(ourEntry("3-6.12_")))
	says(t, p.diagnose(), "twin", "the entry moss-"+token+"-3-6.12_ is there with and without a counter", "moss-boot sync")
}

func TestStatusPain12TheFallbackSticks(t *testing.T) {
	p := newPatient(t)
	p.facts.Failed[1] = "verify: harm"
	silent(t, p.diagnose(), "fell-back", "failed-first")
	p.facts.Live, p.facts.Booted, p.facts.Good, p.facts.FellBack = 2, 2, 2, "no init"
	p.facts.Failed[3] = "no init"
	all := p.diagnose()
	says(t, all, "fell-back", "this boot fell back from state 3 to state 2: no init", "moss state verify 3")
	says(t, all, "failed-first", "the loader starts state 3, which failed: no init", "moss-boot set-default 2")
	silent(t, all, "default-not-live")
	// Counted down it is not first, and the reason is still shown.
	p.rename("3-6.12_.conf", "3-6.12_+0-3.conf")
	all = p.diagnose()
	silent(t, all, "failed-first")
	says(t, all, "entry-bad", "no longer starts state 3 by itself: no init", "moss state remove 3")
	p.want.States[2].Pinned = true
	says(t, p.diagnose(), "entry-bad", "no init", "moss state unpin 3 && moss state remove 3")
	p.facts.Live = 3
	says(t, p.diagnose(), "entry-bad", "no init", "moss-boot set-default 2")
}

func TestStatusPain13SeveralPartitions(t *testing.T) {
	p := newPatient(t)
	silent(t, p.diagnose(), "esp-ambiguous", "firmware-duplicate", "esp-other")
	p.facts.Loader.Entries, p.facts.Loader.Twins = []string{"Boot0001", "Boot0003"}, []string{"Boot0003"}
	p.facts.Notes = []string{"the loader was started from another partition"}
	all := p.diagnose()
	says(t, all, "firmware-duplicate", "2 times: Boot0003", "moss-boot install")
	says(t, all, "esp-other", "another partition", "lsblk -o NAME,PARTTYPENAME,PARTUUID,MOUNTPOINTS")
	p.facts.Lost = &esp.AmbiguousError{Candidates: []string{"/efi", "/dev/sdb1"}, What: "are EFI system partitions"}
	all = bootloader.Diagnose(bootloader.Found{Vars: p.vars}, p.facts)
	says(t, all, "esp-ambiguous", "both /efi and /dev/sdb1 are EFI system partitions", "moss-boot status --esp DIR")
	silent(t, all, "no-entry", "no-boot", "esp-full")
	p.facts.Lost = &os.PathError{Op: "mount", Path: "/dev/vda1", Err: os.ErrPermission}
	says(t, bootloader.Diagnose(bootloader.Found{Vars: p.vars}, p.facts), "no-boot", "cannot be read: mount /dev/vda1", "sudo moss-boot status")
}

func TestStatusPain14TheLoaderItself(t *testing.T) {
	p := newPatient(t)
	codes := []string{"loader-old", "loader-foreign", "loader-broken", "loader-missing", "loader-unreached"}
	silent(t, p.diagnose(), codes...)
	p.write("loader/random-seed", "seed") // is fine
	p.facts.Loader.Available = "252.38"   // is older
	silent(t, p.diagnose(), codes...)
	p.facts.Loader.Available = "257.1"
	p.facts.Loader.Copies[1].Version = "257.1"
	says(t, p.diagnose(), "loader-old", "/EFI/systemd/systemd-bootx64.efi is systemd-boot 252.39, /usr has 257.1", "moss-boot update")
	p.facts.Loader.Copies[1].Version = ""
	says(t, p.diagnose(), "loader-foreign", "stays: the firmware starts it when it loses Boot0001", "moss-boot install --dry-run")
	p.facts.Loader.Entries = nil
	all := p.diagnose()
	says(t, all, "loader-foreign", "without an entry for ours the firmware starts that", "moss-boot install")
	says(t, all, "loader-unreached", "no entry", "moss-boot install")
	p.facts.Loader.Copies[1].Broken = true
	says(t, p.diagnose(), "loader-broken", "/EFI/BOOT/BOOTX64.EFI is no whole program", "moss-boot install")
	p.facts.Loader.Copies = nil
	says(t, p.diagnose(), "loader-missing", "no systemd-boot on the ESP", "moss-boot install")
}

func TestStatusPain15VariablesThatDisagreeOrAreNotThere(t *testing.T) {
	p := newPatient(t)
	silent(t, p.diagnose(), "variables-disagree", "no-variables")
	p.vars.Selected = "moss-" + token + "-3-6.12_+3.conf" // the id before the boot was counted
	silent(t, p.diagnose(), "variables-disagree")
	p.facts.Live, p.facts.Booted, p.facts.FellBack = 2, 2, "no init" // a fallback is no kexec
	silent(t, p.diagnose(), "variables-disagree")
	p = newPatient(t)
	p.facts.Live, p.facts.Booted, p.facts.Told = 2, 2, 2
	says(t, p.diagnose(), "variables-disagree", "the kernel was told state 2: after kexec", "moss-boot bless good 2")
	p.vars = bootloader.Variables{}
	says(t, p.diagnose(), "no-variables", "set-oneshot", "mount -t efivarfs efivarfs /sys/firmware/efi/efivars")
	p.facts.UEFI, p.facts.BIOS = false, true
	says(t, p.diagnose(), "no-variables", "without UEFI", "moss-boot set-default STATE")
	p.facts.BIOS = false // another machine's root
	silent(t, p.diagnose(), "no-variables")
}

func TestStatusOfThePartition(t *testing.T) {
	p := newPatient(t)
	p.boot.ESPPart.Node, p.boot.DirPart.Node = "/dev/vda1", "/dev/vda1"
	p.boot.ESPPart.Dirty = true
	says(t, p.diagnose(), "dirty", "was not unmounted cleanly", "umount "+p.boot.Dir+" && fsck.fat -p /dev/vda1 && mount "+p.boot.Dir)
	p.boot.ESPPart.Ours = true
	says(t, p.diagnose(), "dirty", "/dev/vda1 was", "fsck.fat -p /dev/vda1")
	p.boot.ESPPart = esp.Part{}
	p.space.ReadOnly = true
	all := p.diagnose()
	says(t, all, "read-only", "nothing can be changed there", "mount -o remount,rw "+p.boot.Dir)
	if len(all) != 1 {
		t.Errorf("got %+v, want nothing else", all)
	}
	p.boot.ESPPart.Ours = true // for the question alone
	silent(t, p.diagnose(), "read-only")
	p = newPatient(t)
	p.write("loader/entries.srel", "type7\n")
	says(t, p.diagnose(), "layout", `another kind, "type7"`, "moss-boot sync --esp DIR")
	p.write("loader/entries.srel", "type1\n")
	p.facts.Stray = p.path("loader/loader.conf")
	says(t, p.diagnose(), "config-unread", "belongs on the ESP", "rm "+p.facts.Stray)
	p.boot.DirPart = esp.Part{Node: "/dev/vda2", Ours: true}
	says(t, p.diagnose(), "config-unread", "on /dev/vda2", "mount /dev/vda2 /mnt && rm /mnt/loader/loader.conf; umount /mnt")
}

func TestStatusOfWhatNobodyBlesses(t *testing.T) {
	p := newPatient(t)
	p.facts.Unblessed = true
	silent(t, p.diagnose())
	p.rename("3-6.12_.conf", "3-6.12_+2-1.conf")
	says(t, p.diagnose(), "not-blessed", "after 2 boots more it counts as bad", "moss-boot bless good 3")
	p.facts.Unblessed = false
	silent(t, p.diagnose())
}

func TestStatusOfSignatures(t *testing.T) {
	p := newPatient(t)
	p.facts.Loader.Unsigned = []string{"/vmlinuz"}
	silent(t, p.diagnose())
	p.facts.Loader.Enforced = true
	says(t, p.diagnose(), "key-missing", "no key of ours", "moss-boot keys status")
	p.facts.Loader.Unsigned = nil
	silent(t, p.diagnose()) // others sign here
	p.facts.Loader.Unsigned = []string{"/vmlinuz"}
	p.facts.Loader.Keyed = true
	says(t, p.diagnose(), "key-unknown", "does not know our key", "moss-boot keys enroll")
	p.facts.Loader.Enrolled = true
	says(t, p.diagnose(), "unsigned", "did not sign /vmlinuz", "moss-boot sync && moss-boot update")
	p.facts.Loader.Unsigned = nil
	silent(t, p.diagnose())
}

// TestStatusOfAMenuThatIsBehind: when nothing else leads to a sync.
func TestStatusOfAMenuThatIsBehind(t *testing.T) {
	p := newPatient(t)
	p.want.States = append(p.want.States, p.state(4, "6.12=kernel three+initrd"))
	p.facts.States, p.facts.Live = append(p.facts.States, 4), 0
	says(t, p.diagnose(), "menu-differs", "a sync would make 1 change", "moss-boot sync")
	p.write(name("old", ".linux"), "x")
	silent(t, p.diagnose(), "menu-differs")
}

// TestTrustingIsAsGoodAsHashing: a plan over sizes finds what one over contents
// finds, but for a file that was changed and kept its size.
func TestTrustingIsAsGoodAsHashing(t *testing.T) {
	p := newPatient(t)
	p.write(name("old", ".linux"), "old")
	p.write(name("gone", ".initrd"), "")
	if err := os.Truncate(p.path(name("initrd", ".initrd")), 2); err != nil {
		t.Fatal(err)
	}
	p.want.States = append(p.want.States, p.state(4, "6.1=kernel four"))
	contents, err := bootloader.Digest(p.want)
	if err != nil {
		t.Fatal(err)
	}
	p.want.Contents = contents
	hashed, err := bootloader.MakePlan(p.want, p.scan())
	if err != nil {
		t.Fatal(err)
	}
	found, err := bootloader.Look(p.boot, token)
	if err != nil {
		t.Fatal(err)
	}
	trusting, err := bootloader.MakePlan(p.want, found.Trusting(contents))
	if err != nil || ops(trusting) != ops(hashed) || ops(hashed) == "" {
		t.Errorf("got %s, %v, want %s", ops(trusting), err, ops(hashed))
	}
	for path, content := range found.Files {
		if content.Hash != "" {
			t.Errorf("%s: the list that was looked at has changed", path)
		}
	}
}
