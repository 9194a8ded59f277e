package early

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"moss/internal/cmdline"
)

// left is the rest of the time, negative for no end. rootwait waits for ever for
// what may come, and not for what no driver makes or what can be done without.
func (h *hunt) left() time.Duration {
	spec, _ := h.want.(rootSpec)
	if h.limit == 0 && (h.partial != nil && h.fewer || spec.assembler() != "" && !luksGives(h.boot.line, spec.value)) {
		h.limit = deviceTimeout * time.Second
	}
	if h.swap && spec.assembler() != "" && len(luksAll(h.boot.line, "name"))+len(luksAll(h.boot.line, "uuid")) == 0 {
		h.limit = min(h.limit, slow)
	}
	if h.missesOne() && (h.limit == 0 || h.limit > shutPatience) {
		h.limit = shutPatience
	}
	if h.limit == 0 {
		return -1
	}
	return max(h.limit-h.waited(), 0)
}

// shutPatience is how long to look elsewhere for what may well be in a container
// that stayed shut: whoever mistyped is told soon.
const shutPatience = 10 * time.Second

// missesOne: a container that was to be opened, without nofail, stayed shut.
func (h *hunt) missesOne() bool {
	for uuid := range h.boot.stuck {
		if w, _ := luksWords(h.boot.line, uuid); !w.nofail {
			return true
		}
	}
	return false
}

// why is what may keep the device from coming, "" when no reason is seen.
func (h *hunt) why() string {
	for _, d := range h.found {
		if err := h.boot.stuck[stuckKey(d)]; err != nil && d.Holds.Type == "crypto_LUKS" {
			return err.Error()
		}
	}
	return h.want.unserved(h.found)
}

// luksGives tells whether a container that the command line names becomes this
// device, below /dev. It may come as late as any other.
func luksGives(line cmdline.Line, node string) bool {
	name, ok := strings.CutPrefix(node, "mapper/")
	if uuid, plain := strings.CutPrefix(name, "luks-"); ok && plain && luksNamed(line, uuid) {
		return true
	}
	return ok && slices.ContainsFunc(luksAll(line, "name"), func(value string) bool { return strings.HasSuffix(value, "="+name) })
}

// giveUp says what did not come; a btrfs that may be mounted with fewer devices
// is.
func (h *hunt) giveUp() (*blockDevice, error) {
	if h.partial != nil && h.fewer {
		h.boot.console.warnf("%s: %s; going on with what is there because of rootflags=degraded", h.title, h.gap())
		return h.partial, nil
	}
	if h.partial != nil {
		return nil, fmt.Errorf("%s is not complete after %v: %s\nconnect what is missing, or boot with rootflags=degraded to go on without\n%s", h.title, h.limit, h.gap(), list(h.found))
	}
	text := fmt.Sprintf("%s did not appear within %v", h.title, h.limit)
	if why := h.why(); why != "" {
		text += "\n" + why
	}
	if h.swap {
		return nil, errors.New(text)
	}
	return nil, errors.New(text + "\n" + list(h.found))
}

// gap says how many devices of a btrfs are missing, and which are there.
func (h *hunt) gap() string {
	var there []string
	for _, d := range append([]blockDevice{*h.partial}, h.others...) {
		there = append(there, fmt.Sprintf("/dev/%s (number %d)", d.node(), d.Holds.Member))
	}
	return fmt.Sprintf("%d of the %d devices of btrfs %s are missing; there are %s", h.missing, h.partial.Holds.Members, h.partial.Holds.UUID, strings.Join(there, ", "))
}

// wait sleeps until the kernel reports something, and says so once when that
// takes long.
func (h *hunt) wait(left time.Duration) error {
	defer h.boot.asking()()
	if !h.told {
		first := max(slow-h.waited(), 0)
		if left >= 0 {
			first = min(first, left)
		}
		over, err := h.boot.events.wait(first)
		if err == nil && over && first != left {
			h.told = true
			h.boot.console.warnf("waiting for %s; %s", h.title, h.state())
		}
		return err
	}
	_, err := h.boot.events.wait(left)
	return err
}

// state is what a person can do something about.
func (h *hunt) state() string {
	text := list(h.found)
	if h.partial != nil {
		text = h.gap() + "\n" + text
	}
	if why := h.why(); why != "" {
		text = why + "\n" + text
	}
	return text
}
