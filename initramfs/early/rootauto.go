package early

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// Flags of a partition, of the Discoverable Partitions Specification.
const (
	partReadOnly = 1 << 60
	partNoAuto   = 1 << 63
)

// rootType is the type of a partition that is the root of machines of this kind
// (Discoverable Partitions Specification), "" where there is none.
func rootType(arch string) string {
	return map[string]string{
		"amd64":   "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
		"arm64":   "b921b045-1df0-41c3-af44-4c6f280d3fae",
		"riscv64": "72ec70a6-cf74-40e6-bd49-4bda08e8f224",
	}[arch]
}

// autoRoot finds the root by the partition table: the one partition of the type
// on the disk that the loader came from, or, where no loader says that, the one
// there is.
type autoRoot struct {
	kind   string // the partition type
	loader string // UUID of the loader's partition, "" when it is not known

	readOnly bool // what was picked is to be read-only
	settled  bool // no further disk is expected
}

// aimByTable serves a command line without root=.
func (h *hunt) aimByTable() error {
	kind := rootType(runtime.GOARCH)
	off, _ := h.boot.line.Last("systemd.gpt_auto")
	if early, ok := h.boot.line.Last("rd.systemd.gpt_auto"); ok {
		off = early
	}
	if kind == "" || off == "0" || off == "no" || off == "false" || off == "off" {
		return errors.New("the kernel command line has no root=, and no partition is searched for instead (systemd.gpt_auto=0); put root=UUID=… into the entry")
	}
	h.auto = &autoRoot{kind: kind, loader: h.boot.loaderPartition()}
	h.want, h.title = h.auto, "the root partition (no root= is given)"
	h.devices.tables = true
	return nil
}

// Disks come one after the other, and the root of another system's may be the
// first. Without a loader that says which disk is meant, all must be there: none
// has come for the time of quiet. A device that changes without end is no reason to
// wait for ever.
const (
	quiet   = time.Second
	longest = 10 * time.Second
)

// settle waits until no block device comes any more, once one is there that may be
// the root; again: then all is to be looked at once more.
func (h *hunt) settle() (again bool, err error) {
	if d, err := h.auto.pick(h.found); d == nil && err == nil {
		return false, nil
	}
	end := uptime() + longest.Milliseconds()
	for rest := quiet; rest > 0 && uptime() < end; {
		start, before := uptime(), h.blocks
		if _, err := h.boot.events.wait(rest); err != nil {
			return false, err
		}
		if err := h.drain(); err != nil {
			return false, err
		}
		if rest -= time.Duration(uptime()-start) * time.Millisecond; h.blocks != before {
			rest = quiet
		}
	}
	h.auto.settled = true
	return true, nil
}

func (a *autoRoot) pick(found []blockDevice) (*blockDevice, error) {
	disk, ok := a.disk(found)
	if !ok {
		return nil, nil
	}
	var meant []blockDevice
	for _, d := range found {
		if d.Part.Type == a.kind && d.Part.Attributes&partNoAuto == 0 && (disk == "" || d.parent == disk) {
			meant = append(meant, d)
		}
	}
	switch len(meant) {
	case 0:
		return nil, nil
	case 1:
		a.readOnly = meant[0].Part.Attributes&partReadOnly != 0
		return &meant[0], nil
	}
	var text strings.Builder
	for _, d := range meant {
		fmt.Fprintf(&text, "\n  %s", d)
	}
	return nil, fmt.Errorf("could be any of these:%s\nname one in the entry: root=PARTUUID=%s, or mark the others no-auto", &text, meant[0].Part.UUID)
}

// disk is where to look, "" for everywhere; false while the loader's own
// partition is not there.
func (a *autoRoot) disk(found []blockDevice) (name string, ok bool) {
	if a.loader == "" {
		return "", true
	}
	return loaderDisk(found, a.loader)
}

// loaderDisk is the disk with a partition of this UUID; false where none has it,
// or two: one is a copy.
func loaderDisk(found []blockDevice, uuid string) (name string, ok bool) {
	for _, d := range found {
		if d.parent == "" || !strings.EqualFold(d.Part.UUID, uuid) {
			continue
		}
		if ok {
			return "", false
		}
		name, ok = d.parent, true
	}
	return name, ok
}

func (a *autoRoot) unserved(found []blockDevice) string {
	disk, ok := a.disk(found)
	switch {
	case !ok:
		return fmt.Sprintf("the loader came from the partition with PARTUUID=%s, which is not there, or twice: then one disk is a copy", a.loader)
	case disk != "":
		return fmt.Sprintf("no partition of the type %s is on the loader's disk /dev/%s; put root=UUID=… into the entry", a.kind, nodeOf(disk))
	}
	return fmt.Sprintf("no disk has a partition of the type %s; put root=UUID=… into the entry", a.kind)
}

// loaderPartition is the UUID of the partition that the loader was read from
// (Boot Loader Interface, LoaderDevicePartUUID), "" when nobody says.
func (b *Boot) loaderPartition() string {
	dir, err := b.efiVars()
	if err != nil {
		b.console.debugf("the loader's partition is not known: %v", err)
		return ""
	}
	raw, err := readVar(dir, "LoaderDevicePartUUID"+loaderVendor)
	if err != nil {
		b.console.debugf("the loader does not say its partition: %v", err)
		return ""
	}
	return strings.ToLower(utf16Text(raw))
}
