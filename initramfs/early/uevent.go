package early

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// event is one message of the kernel about a device.
type event map[string]string

// uevents is the kernel's broadcast of devices that come and change
// (NETLINK_KOBJECT_UEVENT). It is opened before the first look at /sys, so that
// no device can come between the two unseen.
type uevents struct{ fd int }

const (
	kernelGroup = 1
	// eventRoom is the queue in the kernel, in bytes: a server's cold start is
	// some thousands of events.
	eventRoom = 16 << 20
	// largestEvent is the kernel's own limit (UEVENT_BUFFER_SIZE) with its header.
	largestEvent = 8 << 10
)

// errLost tells that the kernel had no room for events: what they said must be
// read from /sys again.
var errLost = errors.New("events were lost")

func openEvents() (*uevents, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("open uevent socket: %w", err)
	}
	// Without the privilege the default room serves; a loss is noticed.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, eventRoom)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for uevents: %w", err), unix.Close(fd))
	}
	return &uevents{fd}, nil
}

// close is for the end: the socket must not stay open in init.
func (u *uevents) close() error { return unix.Close(u.fd) }

// wait blocks until an event is there or the time is over; done tells which. A
// negative limit has no end.
func (u *uevents) wait(limit time.Duration) (done bool, err error) {
	ms := -1
	if limit >= 0 {
		ms = int((limit + time.Millisecond - 1) / time.Millisecond)
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(u.fd), Events: unix.POLLIN}}, ms)
	if errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return err == nil && n == 0, err
}

// next takes one event that is there already, nil when there is none. errLost
// means that some did not fit.
func (u *uevents) next() (event, error) {
	buf := make([]byte, largestEvent)
	for {
		n, from, err := unix.Recvfrom(u.fd, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil, nil
		case errors.Is(err, unix.ENOBUFS):
			return nil, errLost
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, fmt.Errorf("receive uevent: %w", err)
		}
		// Only the kernel has port 0; another process may send here, too.
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue
		}
		if e := parseEvent(buf[:n]); e != nil {
			return e, nil
		}
	}
}

// parseEvent reads "ACTION@DEVPATH" and NUL-terminated KEY=VALUE strings; nil
// for anything else, such as what udev sends to its own listeners.
func parseEvent(data []byte) event {
	fields := strings.Split(string(data), "\x00")
	if !strings.Contains(fields[0], "@/") {
		return nil
	}
	e := event{}
	for _, field := range fields[1:] {
		if key, value, ok := strings.Cut(field, "="); ok {
			e[key] = value
		}
	}
	return e
}
