package early

import (
	"errors"
	"fmt"
	"time"
)

// slow is when the boot says what it is waiting for.
const slow = 2 * time.Second

// findRoot waits for the device of root=, loading on the way what the devices
// that come up ask for.
func (b *Boot) findRoot() error {
	text, ok := b.line.Last("root")
	if !ok {
		return errNoRoot
	}
	spec, err := parseRoot(text)
	if err != nil {
		return err
	}
	hunt := &hunt{boot: b, spec: spec, devices: newDevices(b.path("sys"), b.path("dev")), limit: patience(b.line)}
	b.root, b.members, err = hunt.run()
	return errors.Join(err, b.events.close())
}

// hunt is the search for one device.
type hunt struct {
	boot    *Boot
	spec    rootSpec
	devices *devices
	limit   time.Duration // 0: no end
	told    bool
}

func (h *hunt) run() (*blockDevice, []blockDevice, error) {
	start := uptime()
	for {
		if err := h.drain(); err != nil {
			return nil, nil, err
		}
		found, err := h.devices.scan()
		if err != nil {
			return nil, nil, err
		}
		root, others, err := h.spec.pick(found)
		if root != nil || err != nil {
			return root, others, err
		}
		waited := time.Duration(uptime()-start) * time.Millisecond
		if h.limit > 0 && waited >= h.limit {
			return nil, nil, fmt.Errorf("root=%s did not appear within %v\n%s", h.spec, h.limit, list(found))
		}
		if err := h.wait(waited, found); err != nil {
			return nil, nil, err
		}
	}
}

// wait sleeps until the kernel reports something, and says so once when that
// takes long.
func (h *hunt) wait(waited time.Duration, found []blockDevice) error {
	left := time.Duration(-1)
	if h.limit > 0 {
		left = h.limit - waited
	}
	if !h.told {
		first := max(slow-waited, 0)
		if left >= 0 {
			first = min(first, left)
		}
		over, err := h.boot.events.wait(first)
		if err == nil && over && first != left {
			h.told = true
			h.boot.console.warnf("waiting for root=%s; %s", h.spec, list(found))
		}
		return err
	}
	_, err := h.boot.events.wait(left)
	return err
}

// drain takes every event that is there: new devices get their drivers, block
// devices are looked at again. When some were lost, all is read from /sys anew.
func (h *hunt) drain() error {
	for {
		e, err := h.boot.events.next()
		switch {
		case errors.Is(err, errLost):
			h.devices = newDevices(h.devices.sys, h.devices.dev)
			h.boot.loadPresent()
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
	}
}

// sysName is the last name of a device's path, which is its name in /sys.
func sysName(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}
