package early

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moss/internal/testutil"
)

// locked is a machine whose one disk is a LUKS container; the program that opens
// it stands in for a person who takes a tenth of a second, and inside is a file
// system.
func locked(t *testing.T, line string, inside []byte) *Boot {
	t.Helper()
	b := machine(t, line)
	plug(t, b.Top, "vda", put(map[int]string{0: "LUKS\xba\xbe\x00\x02", 168: keyUUID, 24: "box"}))
	testutil.Tree{
		"mapped/size": "2048\n", "mapped/uevent": "MAJOR=253\nMINOR=0\n", "mapped/dm/name": "luks-" + keyUUID + "\n", "mapped/slaves/vda": "",
		"mapped/dm/uuid": "CRYPT-LUKS2-" + strings.ReplaceAll(keyUUID, "-", "") + "-luks-" + keyUUID + "\n", "inside": string(inside), "dev/null": "",
		"usr/lib/moss/moss-unlock": "0755:#!/bin/sh\ncd " + b.Top + "\necho \"$@\" >>calls\nsleep 0.1\ntest -e inside || exit 1\ncp inside dev/dm-0\nln -s ../../../mapped sys/class/block/dm-0\n",
	}.Create(t, b.Top)
	return b
}

// The name of the container leads to what is in it, and so does the name of what
// is in it when the container is named besides. The time of the person is taken
// out.
func TestRootInContainer(t *testing.T) {
	for line, inside := range map[string][]byte{
		"root=UUID=" + keyUUID: ext4("inner"),
		"root=LABEL=box":       ext4("box"),
		"root=/dev/vda":        ext4("inner"),
		"root=LABEL=inner rd.luks.uuid=luks-" + keyUUID:                 ext4("inner"),
		"root=/dev/mapper/luks-" + keyUUID + " rd.luks.uuid=" + keyUUID: ext4("inner"),
		"root=LABEL=box rd.luks.uuid=" + keyUUID:                        ext4("box"),
	} {
		b := locked(t, line, inside)
		h := b.newHunt(nil, "", tick)
		err := h.aim()
		if err != nil {
			t.Fatal(err)
		}
		root, err := h.run()
		if err != nil || root.Name != "dm-0" || root.Holds.Type != "ext4" || !strings.HasPrefix(root.String(), "/dev/mapper/luks-"+keyUUID+" ext4") {
			t.Errorf("%q: got %v, %v", line, root, err)
		}
		if h.person < 100 || h.waited() >= slow {
			t.Errorf("%q: got %d ms of a person and %v waited", line, h.person, h.waited())
		}
		if got := testutil.Read(t, b.path("calls")); strings.Count(got, "\n") != 1 {
			t.Errorf("%q: asked more than once:\n%s", line, got)
		}
	}
}

// LVM in a container is named, and neither waited for nor mounted.
func TestVolumesInContainer(t *testing.T) {
	lvm := put(map[int]string{512: "LABELONE", 532: le(32, 4) + "LVM2 001"})
	for line, want := range map[string]string{
		"root=UUID=" + keyUUID:                             "root=UUID=" + keyUUID + " cannot be used: /dev/mapper/luks-" + keyUUID + " LVM2_member is an LVM physical volume",
		"root=/dev/mapper/vg-root rd.luks.uuid=" + keyUUID: "did not appear within 20ms\n/dev/mapper/luks-" + keyUUID + " is an LVM physical volume",
	} {
		err := locked(t, line, lvm).findWithin(tick)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), otherMode) {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
	}
}

// A container that stays shut ends the search, once: no event asks again.
func TestContainerStaysShut(t *testing.T) {
	b := locked(t, "root=UUID="+keyUUID, nil)
	if err := os.Remove(b.path("inside")); err != nil {
		t.Fatal(err)
	}
	p := atConsole(t, b)
	done := findIn(b)
	p.sees("was not unlocked")
	p.sees(prompt)
	plug(t, b.Top, "vdb", ext4("other"))
	trigger(t)
	p.types("LABEL=other")
	if err := <-done; err != nil || b.root.Name != "vdb" {
		t.Errorf("got %v, %v", b.root, err)
	}
	if got := testutil.Read(t, filepath.Join(b.Top, "calls")); strings.Count(got, "\n") != 1 {
		t.Errorf("asked more than once:\n%s", got)
	}
}

// The file system's own name does not lead into a container that nothing names,
// which is said.
func TestContainerThatNothingNames(t *testing.T) {
	for line, named := range map[string]bool{"root=LABEL=inner": true, "root=PARTLABEL=inner": false, "root=LABEL=elsewhere rd.luks.uuid=" + keyUUID: false} {
		err := locked(t, line, ext4("inner")).findWithin(tick)
		if err == nil || strings.Contains(err.Error(), "/dev/vda is a LUKS container that nothing names; if it is in there, add rd.luks.uuid="+keyUUID) != named {
			t.Errorf("%q: got %v", line, err)
		}
	}
}

// A container that is opened besides and stays shut costs a root that is elsewhere
// nothing, and resume= does not ask for it again.
func TestExtraContainerStaysShut(t *testing.T) {
	for _, root := range []string{"LABEL=other", "/dev/vdb"} {
		b := locked(t, "root="+root+" luks.uuid="+keyUUID, nil)
		if err := os.Remove(b.path("inside")); err != nil {
			t.Fatal(err)
		}
		plug(t, b.Top, "vdb", ext4("other"))
		if err := b.findWithin(tick); err != nil || b.root.Name != "vdb" {
			t.Errorf("%s: got %v, %v", root, b.root, err)
		}
		if err := b.resumeFrom("LABEL=swap", tick); err == nil || !strings.Contains(err.Error(), "resume=LABEL=swap did not appear") {
			t.Errorf("%s: got %v", root, err)
		}
		if got := testutil.Read(t, b.path("calls")); strings.Count(got, "\n") != 1 || !strings.Contains(screen(t, b), "was not unlocked (moss-unlock ended with 1 and said why above); going on without it") {
			t.Errorf("%s: calls %q, said %q", root, got, screen(t, b))
		}
	}
}

// One that the root needs ends the search with its reason: at once where the root
// has its name, soon where it may be elsewhere.
func TestNamedContainerOfTheRootStaysShut(t *testing.T) {
	for _, root := range []string{"/dev/mapper/luks-" + keyUUID, "UUID=" + keyUUID, "LABEL=inner"} {
		b := locked(t, "root="+root+" rd.luks.uuid="+keyUUID, nil)
		if err := os.Remove(b.path("inside")); err != nil {
			t.Fatal(err)
		}
		limit := time.Duration(0)
		if root == "LABEL=inner" {
			limit = tick
		}
		err := b.findWithin(limit)
		if err == nil || !strings.Contains(err.Error(), "was not unlocked") {
			t.Errorf("%s: got %v", root, err)
		}
		if got := testutil.Read(t, b.path("calls")); strings.Count(got, "\n") != 1 {
			t.Errorf("%s: asked more than once:\n%s", root, got)
		}
	}
	for options, want := range map[string]time.Duration{"": shutPatience, " rd.luks.options=nofail": time.Minute} {
		b := machine(t, "rd.luks.uuid="+keyUUID+options)
		b.keepShut(blockDevice{Holds: superblock{UUID: keyUUID}}, os.ErrInvalid)
		h := b.newHunt(rootSpec{"LABEL", "inner"}, "", time.Minute)
		if h.left(); h.limit != want {
			t.Errorf("%q: waits for %v, want %v", options, h.limit, want)
		}
	}
}

// The person who mistyped gets other tries for a root that may be in there.
func TestTypedRootAsksAgain(t *testing.T) {
	b := locked(t, "root=LABEL=wrong rd.luks.uuid="+keyUUID, ext4("inner"))
	if err := os.Rename(b.path("inside"), b.path("later")); err != nil {
		t.Fatal(err)
	}
	p := atConsole(t, b)
	done := findIn(b)
	p.sees("was not unlocked")
	p.sees(prompt)
	if err := os.Rename(b.path("later"), b.path("inside")); err != nil {
		t.Fatal(err)
	}
	p.types("LABEL=inner")
	if err := <-done; err != nil || b.root.Name != "dm-0" {
		t.Errorf("got %v, %v", b.root, err)
	}
}
