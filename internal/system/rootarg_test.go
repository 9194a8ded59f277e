package system

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moss/internal/testutil"
)

// fakeMachine is a machine in a folder. Devices are named as sysfs lays them out:
// "sda/sda2" is a partition of sda.
type fakeMachine struct {
	machine
	dir string
	t   *testing.T
}

func newFakeMachine(t *testing.T) *fakeMachine {
	dir := t.TempDir()
	f := &fakeMachine{machine{dir + "/proc", dir + "/sys", dir + "/dev", dir + "/udev"}, dir, t}
	f.add(testutil.Tree{"proc/1/root": "-> /", "proc/self/": "", "dev/": "", "udev/": "", "sys/class/block/": "", "sys/dev/block/": "", "sys/fs/btrfs/": ""})
	return f
}

func (f *fakeMachine) add(tree testutil.Tree) {
	f.t.Helper()
	tree.Create(f.t, f.dir)
}

// device adds a block device with its number, and attributes.
func (f *fakeMachine) device(path, number string, attributes testutil.Tree) {
	f.t.Helper()
	name := filepath.Base(path)
	all := testutil.Tree{"dev": number + "\n"}
	for file, text := range attributes {
		all[file] = text
	}
	if strings.Contains(path, "/") {
		all["partition"] = "2\n"
	}
	all.Create(f.t, filepath.Join(f.dir, "sys/devices/pci0", path))
	f.add(testutil.Tree{"sys/class/block/" + name: "-> ../../devices/pci0/" + path, "sys/dev/block/" + number: "-> ../../devices/pci0/" + path, "dev/" + name: "node"})
}

// mounted says what is mounted at the root of the test.
func (f *fakeMachine) mounted(root string, line string) {
	f.t.Helper()
	text := "1 0 0:2 / / rw - rootfs rootfs rw\n"
	if line != "" {
		text += strings.ReplaceAll(line, "ROOT", root) + "\n"
	}
	f.add(testutil.Tree{"proc/self/mountinfo": text})
}

const (
	partUUID  = "11111111-2222-3333-4444-555555555555"
	fsUUID    = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	luksHex   = "0123456789abcdef0123456789abcdef"
	luksUUID  = "01234567-89ab-cdef-0123-456789abcdef"
	ext4Mount = "30 1 8:2 / ROOT rw,relatime - ext4 /dev/sda2 rw"
)

func disk(f *fakeMachine) {
	f.device("sda", "8:0", nil)
	f.device("sda/sda2", "8:2", testutil.Tree{"uevent": "MAJOR=8\nPARTN=2\n"})
}

// udev tells of a device as its records do.
func (f *fakeMachine) tells(number, part, fs string) {
	text := "S:disk/by-something\nE:ID_FS_TYPE=ext4\n"
	if part != "" {
		text += "E:ID_PART_ENTRY_UUID=" + part + "\n"
	}
	if fs != "" {
		text += "E:ID_FS_UUID=" + fs + "\n"
	}
	f.add(testutil.Tree{"udev/b" + number: text})
}

func crypt(f *fakeMachine, name, uuid, on string) {
	f.device("dm-0", "254:0", testutil.Tree{"dm/name": name + "\n", "dm/uuid": uuid + "\n", "slaves/" + on: "-> ../../" + on})
	f.add(testutil.Tree{"dev/mapper/" + name: "-> ../dm-0"})
}

// mountCase is a line of the mount table, the devices there are, and the words that
// come of them, or why there are none.
type mountCase struct {
	name, mount string
	machine     func(*fakeMachine)
	want, why   string
}

const (
	onMapper   = "30 1 254:0 / ROOT rw - ext4 /dev/mapper/x rw"
	btrfsMount = "30 1 0:40 /@ ROOT rw - btrfs /dev/sda2 rw,subvolid=256,subvol=/@"
)

func plainMounts() []mountCase {
	return []mountCase{
		{"nothing mounted there", "", disk, "", "no file system is mounted there"},
		{"tmpfs", "30 1 0:33 / ROOT rw - tmpfs tmpfs rw", disk, "", "tmpfs of type tmpfs is not on a block device"},
		{"no device in sysfs", ext4Mount, func(*fakeMachine) {}, "", "not on a block device"},
		{"PARTUUID of the kernel", ext4Mount, func(f *fakeMachine) {
			f.device("sda/sda2", "8:2", testutil.Tree{"uevent": "PARTN=2\nPARTUUID=" + partUUID + "\n"})
			f.tells("8:2", "", fsUUID)
		}, "root=PARTUUID=" + partUUID + " rw", ""},
		{"PARTUUID of udev's record", ext4Mount, func(f *fakeMachine) { disk(f); f.tells("8:2", partUUID, fsUUID) }, "root=PARTUUID=" + partUUID + " rw", ""},
		{"PARTUUID of udev's link", ext4Mount, func(f *fakeMachine) {
			disk(f)
			f.add(testutil.Tree{"dev/disk/by-partuuid/other": "-> ../../sda1", "dev/disk/by-partuuid/abcd-02": "-> ../../sda2"})
		}, "root=PARTUUID=abcd-02 rw", ""},
		{"UUID", ext4Mount, func(f *fakeMachine) { disk(f); f.add(testutil.Tree{"dev/disk/by-uuid/" + fsUUID: "-> ../../sda2"}) }, "root=UUID=" + fsUUID + " rw", ""},
		{"a whole disk has no PARTUUID", "30 1 8:0 / ROOT rw - xfs /dev/sda rw", func(f *fakeMachine) { disk(f); f.tells("8:0", partUUID, fsUUID) }, "root=UUID=" + fsUUID + " rw", ""},
		{"nobody knows", ext4Mount, disk, "", "neither udev nor the kernel knows a UUID of sda2"},
		{"what is no UUID", ext4Mount, func(f *fakeMachine) { disk(f); f.tells("8:2", `a b" init=/x`, "") }, "", "neither udev"},
		{"the last of two mounts", "29 1 8:9 / ROOT rw - ext4 /dev/sda9 rw\n" + ext4Mount, func(f *fakeMachine) { disk(f); f.tells("8:2", partUUID, "") }, "root=PARTUUID=" + partUUID + " rw", ""},
		{"a bind mount", "30 1 8:2 /srv/x ROOT rw - ext4 /dev/sda2 rw", func(f *fakeMachine) { disk(f); f.tells("8:2", partUUID, "") }, "", "folder /srv/x of a file system"},
		{"btrfs subvolume", btrfsMount, func(f *fakeMachine) { disk(f); f.tells("8:2", partUUID, fsUUID) }, "root=PARTUUID=" + partUUID + " rootflags=subvol=/@ rw", ""},
		{"btrfs top", "30 1 0:40 / ROOT rw - btrfs /dev/sda2 rw,subvolid=5,subvol=/", func(f *fakeMachine) { disk(f); f.tells("8:2", partUUID, fsUUID) },
			"root=PARTUUID=" + partUUID + " rootflags=subvol=/ rw", ""},
		{"btrfs with a blank", `30 1 0:40 /my\040root ROOT rw - btrfs /dev/sda2 rw,subvol=/my\040root`, func(f *fakeMachine) { disk(f); f.tells("8:2", partUUID, fsUUID) },
			"root=PARTUUID=" + partUUID + ` "rootflags=subvol=/my root" rw`, ""},
		{"btrfs folder", "30 1 0:40 /@/srv ROOT rw - btrfs /dev/sda2 rw,subvol=/@", func(f *fakeMachine) { disk(f); f.tells("8:2", partUUID, fsUUID) }, "", "folder /@/srv of the subvolume /@"},
		{"btrfs with a comma", "30 1 0:40 /a,b ROOT rw - btrfs /dev/sda2 rw", func(f *fakeMachine) { disk(f); f.tells("8:2", partUUID, fsUUID) }, "", "cannot be written"},
		{"btrfs on two disks", btrfsMount, func(f *fakeMachine) {
			disk(f)
			f.tells("8:2", partUUID, fsUUID)
			f.add(testutil.Tree{"sys/fs/btrfs/features/x": "1", "sys/fs/btrfs/" + fsUUID + "/devices/sda2": "-> x", "sys/fs/btrfs/" + fsUUID + "/devices/sdb": "-> x"})
		}, "root=UUID=" + fsUUID + " rootflags=subvol=/@ rw", ""},
	}
}

func openedMounts() []mountCase {
	return []mountCase{
		{"LUKS", onMapper, func(f *fakeMachine) {
			disk(f)
			crypt(f, "root", "CRYPT-LUKS2-"+luksHex+"-root", "sda2")
			f.tells("254:0", "", fsUUID)
		}, "rd.luks.name=" + luksUUID + "=root root=UUID=" + fsUUID + " rw", ""},
		{"LUKS by its own name, no udev", onMapper, func(f *fakeMachine) {
			disk(f)
			crypt(f, "luks-"+luksUUID, "CRYPT-LUKS1-"+luksHex+"-luks-"+luksUUID, "sda2")
		},
			"rd.luks.uuid=" + luksUUID + " root=/dev/mapper/luks-" + luksUUID + " rw", ""},
		{"btrfs on LUKS", "30 1 0:40 /@ ROOT rw - btrfs /dev/mapper/root rw,subvol=/@", func(f *fakeMachine) {
			disk(f)
			crypt(f, "root", "CRYPT-LUKS2-"+luksHex+"-root", "sda2")
			f.add(testutil.Tree{"sys/fs/btrfs/" + fsUUID + "/devices/dm-0": "-> x"})
		}, "rd.luks.name=" + luksUUID + "=root root=UUID=" + fsUUID + " rootflags=subvol=/@ rw", ""},
		{"a mapper node that is no link", "30 1 0:40 /@ ROOT rw - btrfs /dev/mapper/root rw,subvol=/@", func(f *fakeMachine) {
			disk(f)
			crypt(f, "root", "CRYPT-LUKS2-"+luksHex+"-root", "sda2")
			if err := os.RemoveAll(f.dir + "/dev/mapper"); err != nil {
				f.t.Fatal(err)
			}
			f.add(testutil.Tree{"dev/mapper/root": "node"})
		}, "rd.luks.name=" + luksUUID + "=root root=/dev/mapper/root rootflags=subvol=/@ rw", ""},
		{"LVM on LUKS", "30 1 254:1 / ROOT rw - ext4 /dev/mapper/my--vg-root rw", func(f *fakeMachine) {
			disk(f)
			crypt(f, "lower", "CRYPT-LUKS2-"+luksHex+"-lower", "sda2")
			f.device("dm-1", "254:1", testutil.Tree{"dm/name": "my--vg-root", "dm/uuid": "LVM-abc", "slaves/dm-0": "-> ../../dm-0"})
		}, "rd.luks.name=" + luksUUID + "=lower rd.lvm.lv=my-vg/root root=/dev/mapper/my--vg-root rw", ""},
		{"plain encryption", onMapper, func(f *fakeMachine) { disk(f); crypt(f, "root", "CRYPT-PLAIN-root", "sda2") }, "", "encrypted as PLAIN"},
		{"a mapped name with a blank", onMapper, func(f *fakeMachine) { disk(f); crypt(f, "my root", "CRYPT-LUKS2-"+luksHex+"-x", "sda2") }, "", "cannot be written"},
	}
}

func TestRootFromTheMountTable(t *testing.T) {
	for _, c := range append(plainMounts(), openedMounts()...) {
		t.Run(c.name, func(t *testing.T) {
			f, root := newFakeMachine(t), t.TempDir()
			c.machine(f)
			f.mounted(root, c.mount)
			link := filepath.Join(t.TempDir(), "root")
			if err := os.Symlink(root, link); err != nil {
				t.Fatal(err)
			}
			for _, named := range []string{root, root + "/", link} {
				got, err := f.rootWords(named)
				if c.why != "" {
					if ExitCode(err) != exitRefused || !strings.Contains(err.Error(), c.why) || !strings.Contains(err.(*RootError).Hint(), "cmdline.d") {
						t.Errorf("got %q, %v, want it refused: %s", got, err, c.why)
					}
				} else if line := strings.Join(got, " "); err != nil || line != c.want {
					t.Errorf("got %q, %v, want %q", line, err, c.want)
				}
			}
		})
	}
}

// TestRunningSystemsRootIsKept: what has worked comes before what is computed, but
// not in the chroot of an installer, whose command line is the medium's.
func TestRunningSystemsRootIsKept(t *testing.T) {
	for _, c := range []struct {
		name, line, pid1 string
		want             string
	}{
		{name: "kept", line: `BOOT_IMAGE=x root=LABEL=a ro "root=LABEL=my root" rd.luks.uuid=1 quiet rw rootflags=subvol=/@ rd.luks.uuid=2 rootfstype=btrfs moss.fstx=4 -- rootwait`,
			want: `"root=LABEL=my root" rd.luks.uuid=1 rw rootflags=subvol=/@ rd.luks.uuid=2 rootfstype=btrfs`},
		{name: "without root=", line: "quiet rd.luks.uuid=1 ro", want: "root=PARTUUID=" + partUUID + " rw"},
		{name: "in a chroot", line: "root=live:CDLABEL=medium", pid1: "/tmp", want: "root=PARTUUID=" + partUUID + " rw"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeMachine(t)
			disk(f)
			f.tells("8:2", partUUID, "")
			f.mounted("/", ext4Mount)
			f.add(testutil.Tree{"proc/cmdline": c.line + "\n"})
			if c.pid1 != "" {
				if err := os.Remove(f.dir + "/proc/1/root"); err != nil {
					t.Fatal(err)
				}
				f.add(testutil.Tree{"proc/1/root": "-> " + c.pid1})
			}
			got, err := f.rootWords("/")
			if line := strings.Join(got, " "); err != nil || line != c.want {
				t.Errorf("got %q, %v, want %q", line, err, c.want)
			}
		})
	}
	f, other := newFakeMachine(t), t.TempDir()
	disk(f)
	f.add(testutil.Tree{"proc/cmdline": "root=UUID=1\n"})
	f.mounted(other, "")
	if got, err := f.rootWords(other); err == nil {
		t.Errorf("another root got %q, the running system's", got)
	}
}

// TestOpenedContainerIsNamed: a crypttab in the last initramfs need not be in the
// next one. Words that are there already stay the only ones.
func TestOpenedContainerIsNamed(t *testing.T) {
	const name = "rd.luks.name=" + luksUUID + "=root"
	for line, want := range map[string]string{
		"root=/dev/mapper/root rw":           name + " root=/dev/mapper/root rw",
		name + " root=/dev/mapper/root":      name + " root=/dev/mapper/root",
		"luks.uuid=1 root=/dev/mapper/x":     "luks.uuid=1 root=/dev/mapper/x",
		"root=UUID=1 cryptdevice=UUID=2:box": name + " root=UUID=1 cryptdevice=UUID=2:box",
		"luks=no root=UUID=1":                "luks=no root=UUID=1",
	} {
		f := newFakeMachine(t)
		disk(f)
		crypt(f, "root", "CRYPT-LUKS2-"+luksHex+"-root", "sda2")
		f.tells("254:0", "", fsUUID)
		f.mounted("/", strings.ReplaceAll(onMapper, "ROOT", "/"))
		f.add(testutil.Tree{"proc/cmdline": line + "\n"})
		got, err := f.rootWords("/")
		if got := strings.Join(got, " "); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", line, got, err, want)
		}
	}
}

func TestSnippetsRootWins(t *testing.T) {
	found := func() ([]string, error) { return []string{"root=UUID=1", "ro", "rd.luks.uuid=2"}, nil }
	for snippets, want := range map[string]string{
		"root=UUID=9 quiet":            "root=UUID=9 quiet",
		`"root=LABEL=a b"`:             `"root=LABEL=a b"`,
		"quiet":                        "root=UUID=1 ro rd.luks.uuid=2 quiet",
		"rw quiet":                     "root=UUID=1 rd.luks.uuid=2 rw quiet",
		"rd.luks.uuid=2 rd.luks.key=x": "root=UUID=1 ro rd.luks.uuid=2 rd.luks.key=x",
		"rootfstype=ext4 rootdelay=3":  "root=UUID=1 ro rd.luks.uuid=2 rootfstype=ext4 rootdelay=3",
		"noroot=1 not-root=2 root.x=3": "root=UUID=1 ro rd.luks.uuid=2 noroot=1 not-root=2 root.x=3",
		"":                             "root=UUID=1 ro rd.luks.uuid=2",
	} {
		got, err := withRoot(found, strings.Fields(snippets))
		if snippets == `"root=LABEL=a b"` {
			got, err = withRoot(found, []string{snippets})
		}
		if line := strings.Join(got, " "); err != nil || line != want {
			t.Errorf("%q: got %q, %v, want %q", snippets, line, err, want)
		}
	}
}

// TestKeptWordsSettle: what was booted with is read again at the next change, and
// must come out the same, or every boot would rewrite the menu and start its
// counters anew.
func TestKeptWordsSettle(t *testing.T) {
	word := rapid.SampledFrom([]string{"root=UUID=1", "root=UUID=2", "rw", "ro", "rootflags=subvol=/@", "rd.luks.uuid=1", "rd.luks.uuid=2", "rd.luks.options=x", "quiet", `"a=b c"`, "moss.fstx=3"})
	rapid.Check(testutil.Seeded(t), func(t *rapid.T) {
		running := "root=UUID=0 " + strings.Join(rapid.SliceOf(word).Draw(t, "running"), " ")
		snippets := rapid.SliceOf(word).Draw(t, "snippets")
		entry := func(running string) string {
			line, err := withRoot(func() ([]string, error) { return keptWords(running), nil }, snippets)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(line, " ")
		}
		first := entry(running)
		if second := entry(first + " moss.fstx=9"); second != first {
			t.Fatalf("booted with %q, the next entry has %q", first, second)
		}
	})
}
