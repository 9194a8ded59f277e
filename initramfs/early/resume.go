package early

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// resumeTimeout is how long to wait for the swap of resume=, in seconds, when
// the root is there already and moss.timeout= says nothing: a swap that was taken
// away must not cost every boot as much as a root may.
const resumeTimeout = 30

// resume is a step: it goes back to the system that sleeps in the swap that
// resume= names, if one does. This must come before anything touches the root,
// which that system has mounted. Whatever goes wrong, the boot goes on. It also
// ends the listening for devices.
func (b *Boot) resume() error { return b.resumeWithin(b.resumePatience()) }

func (b *Boot) resumeWithin(limit time.Duration) error {
	defer func() {
		if b.events != nil {
			_ = b.events.close()
			b.events = nil
		}
	}()
	text, ok := b.line.Last("resume")
	if !ok || text == "" || b.line.Has("noresume") || b.noHibernation() {
		return nil
	}
	if err := b.resumeFrom(text, limit); err != nil {
		b.console.warnf("%v; booting without it", err)
	}
	return nil
}

// noHibernation: the words of the command line that forbid it, or a kernel that
// cannot do it.
func (b *Boot) noHibernation() bool {
	word, _ := b.line.Last("hibernate")
	if word == "no" || word == "noresume" || b.line.Has("nohibernate") {
		return true
	}
	_, err := os.Stat(b.path("sys/power/resume"))
	return err != nil
}

func (b *Boot) resumeFrom(text string, limit time.Duration) error {
	spec, err := parseDevice(text)
	if err != nil {
		return fmt.Errorf("resume=%s %w", text, err)
	}
	offset, err := b.resumeOffset()
	if err != nil {
		return err
	}
	h := b.newHunt(spec, "resume="+spec.String(), limit)
	h.swap = true
	d, err := h.run()
	if err != nil {
		return err
	}
	kind, err := sleeper(d.Node, offset, os.Getpagesize())
	switch {
	case err != nil:
		return fmt.Errorf("look for a hibernated system on %s: %w", *d, err)
	case kind == "":
		b.console.debugf("no system hibernates on %s", *d)
		return nil
	case kind != kernelImage:
		return fmt.Errorf("%s holds a hibernated system of another program (%s), which only that program can wake", *d, kind)
	}
	return b.wake(*d, offset)
}

// resumeOffset is where in the device a swap file begins, in pages.
func (b *Boot) resumeOffset() (uint64, error) {
	text, ok := b.line.Last("resume_offset")
	if !ok || text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 63-16) // in bytes it must fit, too
	if err != nil {
		return 0, fmt.Errorf("resume_offset=%s is not a number of pages", text)
	}
	return n, nil
}

// resumePatience never has no end: a swap is not worth a machine that stands.
func (b *Boot) resumePatience() time.Duration {
	return time.Duration(seconds(b.line, "moss.timeout", 1, resumeTimeout)) * time.Second
}

// wake asks the kernel to go back; it returns only if that did not work. The
// kernel takes the offset first, and has made the image useless when it fails, so
// that no later boot goes back to what is out of date by then.
func (b *Boot) wake(d blockDevice, offset uint64) error {
	b.console.warnf("waking the system that hibernates on /dev/%s", d.node())
	defer b.asking()()
	if offset != 0 {
		err := os.WriteFile(b.path("sys/power/resume_offset"), []byte(strconv.FormatUint(offset, 10)), 0o644)
		if err != nil {
			return fmt.Errorf("tell the kernel resume_offset=%d: %w", offset, err)
		}
	}
	err := os.WriteFile(b.path("sys/power/resume"), []byte(d.Number), 0o644)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w (a locked-down kernel does not wake hibernated systems)", err)
	}
	if err == nil {
		err = errors.New("the kernel did not take the image; its log says why")
	}
	return fmt.Errorf("wake the system on %s: %w", d, err)
}

// kernelImage is the signature of an image that the kernel itself wrote
// (kernel/power/swap.c, HIBERNATE_SIG).
const kernelImage = "S1SUSPEND"

// image is the signature of a hibernated system in the last ten bytes of the
// first page of a swap, "" when none sleeps there.
func image(end []byte) string {
	for _, signature := range []string{kernelImage, "S2SUSPEND", "ULSUSPEND", "LINHIB0001"} {
		if strings.HasPrefix(string(end), signature) {
			return signature
		}
	}
	return ""
}

// sleeper is image for a device and a swap that begins a number of pages into it.
func sleeper(node string, offset uint64, page int) (string, error) {
	f, err := openNode(node)
	if err != nil {
		return "", err
	}
	defer f.Close()
	end := make([]byte, 10)
	_, err = f.ReadAt(end, int64(offset+1)*int64(page)-int64(len(end)))
	return image(end), err
}
