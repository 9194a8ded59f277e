package early

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// run looks until the device is there or the time is over.
func (h *hunt) run() (*blockDevice, error) {
	for {
		root, err := h.look()
		if root != nil || err != nil {
			return root, err
		}
		left := h.left()
		if (h.told || left == 0) && h.mayBeOptical() {
			h.devices.readOptical()
			continue
		}
		if left == 0 {
			h.late = true
			return h.giveUp()
		}
		if err := h.wait(left); err != nil {
			return nil, err
		}
	}
}

// look takes one look at what is there now. Containers that are named, or that
// the root is in, are opened on the way.
func (h *hunt) look() (*blockDevice, error) {
	for {
		err := h.drain()
		if err == nil {
			h.found, err = h.devices.scan()
		}
		if err != nil {
			return nil, err
		}
		h.partial, h.missing, h.others = nil, 0, nil
		if h.openNamed() {
			continue
		}
		if h.want == nil {
			return nil, nil
		}
		if h.auto != nil && !h.auto.settled && h.auto.loader == "" {
			if again, err := h.settle(); err != nil {
				return nil, err
			} else if again {
				continue
			}
		}
		d, err := h.pick()
		if err != nil {
			return nil, fmt.Errorf("%s %w", h.title, err)
		}
		if d == nil {
			return nil, h.locked()
		}
		if d.unread {
			h.devices.readOptical()
			continue
		}
		if err := h.half(*d); err != nil {
			return nil, fmt.Errorf("%s cannot be used: %w", h.title, err)
		}
		if d.Holds.Type == "crypto_LUKS" {
			if err := h.open(*d); err != nil {
				return nil, err
			}
			continue
		}
		return h.whole(d)
	}
}

// whole passes a device on that can be mounted, with all that belongs to it.
func (h *hunt) whole(d *blockDevice) (*blockDevice, error) {
	if err := refusal(*d, h.swap); err != nil {
		return nil, fmt.Errorf("%s cannot be used: %w", h.title, err)
	}
	d = sound(d, h.found)
	if h.others, h.missing = siblings(*d, h.found); h.missing > 0 {
		h.partial = d
		return nil, nil
	}
	if a, b, ok := twins(h.others); ok {
		return nil, fmt.Errorf("%s cannot be used: %s and %s both say that they are number %d of it; one is a copy, disconnect it", h.title, a, b, a.Holds.Member)
	}
	return d, nil
}

// half refuses a partition on one half of a mirror of whole disks: whatever is
// written there, the other half lacks.
func (h *hunt) half(d blockDevice) error {
	if d.parent == "" {
		return nil
	}
	if disk, ok := h.devices.raid(d.parent); ok {
		what, _ := assembled(disk.Type)
		return fmt.Errorf("%s is on /dev/%s, which is %s, which moss-init does not put together; %s", d, nodeOf(d.parent), what, otherMode)
	}
	return nil
}

// open opens a LUKS container; the device that it gives is what is wanted then.
// Only a person's word has one tried again that stayed shut.
func (h *hunt) open(d blockDevice) error {
	_, isOpen := opened(h.boot.path("sys"), d.Holds.UUID)
	if err := h.boot.stuck[stuckKey(d)]; err != nil && !isOpen && !h.byHand {
		return err
	}
	defer h.pause()()
	name, err := h.boot.unlock(d)
	if err != nil {
		h.boot.keepShut(d, err)
		return err
	}
	h.want = rootSpec{"path", name}
	return nil
}

func (h *hunt) openNamed() (changed bool) {
	defer h.pause()()
	return h.boot.unlockNamed(h.found)
}

// locked is why a device that is named after its container will not come.
func (h *hunt) locked() error {
	spec, _ := h.want.(rootSpec)
	for uuid, err := range h.boot.stuck {
		if w, _ := luksWords(h.boot.line, uuid); !h.byHand && spec.by == "path" && spec.value == "mapper/"+w.name {
			return fmt.Errorf("%s cannot be used: %w", h.title, err)
		}
	}
	return nil
}

// pause takes what follows out of the time that the device has.
func (h *hunt) pause() (end func()) {
	start := uptime()
	return func() { h.person += uptime() - start }
}

func (h *hunt) waited() time.Duration {
	return time.Duration(uptime()-h.start-h.person) * time.Millisecond
}

// drain takes every event that is there: new devices get their drivers, block
// devices are looked at again. When some were lost, all is read from /sys anew.
func (h *hunt) drain() error {
	for {
		e, err := h.boot.events.next()
		switch {
		case errors.Is(err, errLost):
			h.devices.forgetAll()
			h.boot.loadPresent()
			h.blocks++
		case err != nil:
			return err
		case e == nil:
			return nil
		default:
			h.take(e)
		}
	}
}

func (h *hunt) take(e event) {
	if e["ACTION"] == "add" {
		h.boot.loadFor(e["MODALIAS"])
	}
	if e["SUBSYSTEM"] == "block" {
		h.devices.forget(sysName(e["DEVPATH"]))
		h.blocks++
	}
}

// sysName is the last name of a device's path, which is its name in /sys.
func sysName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
