package luks

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"

	anatol "github.com/anatol/luks.go"
)

// Container is an open LUKS device.
type Container struct {
	Header *Header
	// Node is the device's path.
	Node string

	device anatol.Device
	header *os.File // a mended copy in memory, nil when the one on the device serves
}

// Open reads the header of the container on a device, or in a file. The caller
// closes it.
func Open(node string) (*Container, error) {
	f, err := os.Open(node)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("open LUKS container %s: %w", node, err)
	}
	c := &Container{Header: h, Node: node}
	if err := c.open(f); err != nil {
		return nil, fmt.Errorf("open LUKS container %s: %w", node, errors.Join(err, c.Close()))
	}
	return c, nil
}

func (c *Container) open(f *os.File) (err error) {
	defer guard(&err)
	if c.Header.copy == 0 {
		c.device, err = anatol.Open(c.Node)
		return err
	}
	if c.header, err = mend(f, c.Header); err != nil {
		return err
	}
	c.device, err = anatol.OpenWithHeader(c.Node, fmt.Sprintf("/proc/self/fd/%d", c.header.Fd()))
	return err
}

// guard turns a crash of the library over a header that only seemed whole into
// an error.
func guard(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("the LUKS header is damaged: %v", cause)
	}
}

// Close gives the device back. A mapping stays.
func (c *Container) Close() error {
	var errs []error
	if c.device != nil {
		errs = append(errs, c.device.Close())
	}
	if c.header != nil {
		errs = append(errs, c.header.Close())
	}
	return errors.Join(errs...)
}

// Mended tells that the first copy of the header is damaged or old and the
// second one was taken.
func (c *Container) Mended() bool { return c.header != nil }

// ErrWrong tells that no slot opens with the key that was tried.
var ErrWrong = errors.New("wrong passphrase")

// Unseal tries a passphrase, or the content of a key file, on the slots in
// their order, or only on those given. ErrWrong: it is none of theirs.
// A slot that cannot be tried does not stop the others; if none opens, its error
// is the answer, for the passphrase may be right.
func (c *Container) Unseal(key []byte, only ...int) (*Volume, error) {
	var errs []error
	for _, s := range c.Header.Slots {
		if len(only) > 0 && !slices.Contains(only, s.Number) {
			continue
		}
		volume, err := c.try(s, key)
		switch {
		case err == nil:
			return volume, nil
		case !errors.Is(err, anatol.ErrPassphraseDoesNotMatch):
			errs = append(errs, fmt.Errorf("try key slot %d: %w", s.Number, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if len(c.Header.Slots) == 0 {
		return nil, errors.New("no key slot is in use: what is in this container cannot be read any more")
	}
	return nil, ErrWrong
}

func (c *Container) try(s Slot, key []byte) (_ *Volume, err error) {
	defer guard(&err)
	if err := enough(s.Memory, "/proc/meminfo"); err != nil {
		return nil, err
	}
	// Argon2 takes up to gigabytes; the collector alone would let two slots have
	// theirs at once.
	defer debug.FreeOSMemory()
	volume, err := c.device.UnsealVolume(s.Number, key)
	if err != nil {
		return nil, err
	}
	return &Volume{volume, c}, nil
}
