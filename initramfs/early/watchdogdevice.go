package early

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watchdogDevice is one that is open, which means that it runs
// (Documentation/watchdog/watchdog-api.rst). Tests put a recorder in its place.
type watchdogDevice interface {
	io.WriteCloser
	// options are the WDIOF_ bits of what the driver can do.
	options() (uint32, error)
	// set asks for a time in seconds; seconds is the one that the driver took.
	set(seconds int) error
	seconds() (int, error)
}

// watchdog is a device with what early boot does to it.
type watchdog struct {
	device watchdogDevice
	left   bool // closed, and running on
}

func (b *Boot) openWatchdog() (*watchdog, error) {
	if b.watchdog != nil {
		return &watchdog{device: b.watchdog}, nil
	}
	f, err := os.OpenFile(b.watchdogNode(), os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	return &watchdog{device: watchdogFile{f}}, nil
}

// prepare gives it want seconds, or what it has where that cannot be changed.
func (w *watchdog) prepare(want int) (took int, err error) {
	can, err := w.device.options()
	if err != nil {
		return 0, fmt.Errorf("ask what it can do: %w", err)
	}
	if can&unix.WDIOF_MAGICCLOSE == 0 {
		return 0, errors.New("its driver stops it when it is closed")
	}
	refused := w.device.set(want)
	if took, err = w.device.seconds(); err != nil {
		return 0, errors.Join(refused, fmt.Errorf("ask for its time: %w", err))
	}
	if took < shortestWatchdog {
		return 0, errors.Join(refused, fmt.Errorf("%d s is too short to reach systemd", took))
	}
	_, err = w.device.Write([]byte{0}) // a sign of life: the time begins now
	return took, err
}

// stop ends it: a close after the letter V.
func (w *watchdog) stop() {
	_, _ = w.device.Write([]byte("V"))
	_ = w.device.Close()
}

// feed gives signs of life for ever.
func (w *watchdog) feed() {
	for {
		_, _ = w.device.Write([]byte{0})
		time.Sleep(shortestWatchdog / 4 * time.Second)
	}
}

// leave lets go of it and has it run on: a close without the letter.
func (w *watchdog) leave() { _ = w.device.Close() }

type watchdogFile struct{ *os.File }

func (f watchdogFile) options() (uint32, error) {
	info, err := unix.IoctlGetWatchdogInfo(int(f.Fd()))
	if err != nil {
		return 0, err
	}
	return info.Options, nil
}

func (f watchdogFile) set(seconds int) error {
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.WDIOC_SETTIMEOUT, seconds)
}

func (f watchdogFile) seconds() (int, error) {
	n, err := unix.IoctlGetUint32(int(f.Fd()), unix.WDIOC_GETTIMEOUT)
	return int(n), err
}
