package early

import (
	"slices"
	"strings"
	"time"
)

// wanted is a description of one device among those that are there.
type wanted interface {
	// pick chooses it, nil when it is not there yet. An error goes on after the
	// words for what is looked for.
	pick(found []blockDevice) (*blockDevice, error)
	// unserved is why it may never come, "" when no reason is seen.
	unserved(found []blockDevice) string
}

// hunt is the search for one device.
type hunt struct {
	boot    *Boot
	want    wanted    // nil: nothing, until somebody says what
	title   string    // of what is wanted, for messages: root=UUID=…
	auto    *autoRoot // the search by partition table that led to it
	devices *devices
	limit   time.Duration // 0: no end
	fewer   bool          // a btrfs may have devices missing when the time is over
	swap    bool          // for resume=: no root, and no reason not to boot
	byHand  bool          // a person said what is wanted

	start, person int64 // when it began, and how long it waited for a person; ms
	blocks        int   // events about block devices
	told          bool
	found         []blockDevice // by the last look
	others        []blockDevice // the other devices of the btrfs that was found
	partial       *blockDevice  // a btrfs of which some devices are missing
	missing       int           // how many
	late          bool          // the time was over
}

func (b *Boot) newHunt(want wanted, title string, limit time.Duration) *hunt {
	options, _ := b.line.Last("rootflags")
	return &hunt{
		boot: b, want: want, title: title, limit: limit, start: uptime(),
		devices: newDevices(b.path("sys"), b.path("dev")), fewer: slices.Contains(strings.Split(options, ","), "degraded"),
	}
}

// findRoot waits for the root device, loading on the way what the devices that
// come up ask for. Without root= it is the partition that says that it is a
// root. Where an image has a shell, a person can name another one.
func (b *Boot) findRoot() error { return b.findWithin(patience(b.line)) }

func (b *Boot) findWithin(limit time.Duration) error {
	h := b.newHunt(nil, "", limit)
	err := h.aim()
	var root *blockDevice
	if err == nil {
		root, err = h.run()
	}
	if err != nil {
		root, err = h.ask(err)
	}
	if err != nil {
		return err
	}
	b.root, b.members = root, h.others
	if h.auto != nil && h.auto.readOnly {
		b.console.infof("%s is marked read-only in the partition table", *root)
		b.care.readOnly = true
	}
	return nil
}

// aim reads root= of the command line.
func (h *hunt) aim() error {
	text, ok := h.boot.line.Last("root")
	if !ok || text == "gpt-auto" {
		return h.aimByTable()
	}
	return h.aimAt(text)
}

func (h *hunt) aimAt(text string) error {
	spec, err := parseRoot(text)
	if err != nil {
		return err
	}
	h.want, h.title, h.auto = spec, "root="+spec.String(), nil
	if spec.by == "PARTLABEL" && !h.devices.tables {
		h.devices.tables = true
		h.devices.forgetAll()
	}
	return nil
}
