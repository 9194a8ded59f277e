package early

import (
	"encoding/binary"
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// keymapFile is the table of keys that the builder made, in loadkmap's format:
// a magic, a byte for each of 256 tables that says whether it follows, and then
// 128 little-endian words for each that does.
const (
	keymapFile  = "etc/moss.bkeymap"
	keymapMagic = "bkeymap"
	keymaps     = 256
	keysInMap   = 128
)

// kbentry is struct kbentry of linux/kd.h.
type kbentry struct {
	table, index uint8
	value        uint16
}

const kdskbent = 0x4b47

// loadKeymap gives the console the keys of the image, before anybody is asked for
// a passphrase. A machine without a virtual console has no keys to set, and one
// whose keys cannot be set still boots.
func (b *Boot) loadKeymap() {
	data, err := os.ReadFile(b.path(keymapFile))
	if err != nil {
		return
	}
	tty, err := os.OpenFile(b.path("dev/tty0"), os.O_RDWR|unix.O_NOCTTY, 0)
	if err == nil {
		err = eachKey(data, func(e kbentry) error {
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, tty.Fd(), kdskbent, uintptr(unsafe.Pointer(&e)))
			if errno == unix.EPERM || errno == unix.EINVAL {
				return nil // this key is not to be set on this console
			}
			if errno != 0 {
				return errno
			}
			return nil
		})
		tty.Close()
	}
	if err != nil {
		b.console.warnf("set the keys of the console: %v; the keymap is the kernel's own", err)
	}
}

func eachKey(data []byte, set func(kbentry) error) error {
	const head = len(keymapMagic) + keymaps
	if len(data) < head || string(data[:len(keymapMagic)]) != keymapMagic {
		return errors.New("/" + keymapFile + " is no table of keys")
	}
	flags, rest := data[len(keymapMagic):head], data[head:]
	for table, there := range flags {
		if there == 0 {
			continue
		}
		if len(rest) < 2*keysInMap {
			return errors.New("/" + keymapFile + " is cut short")
		}
		for key := range keysInMap {
			if err := set(kbentry{uint8(table), uint8(key), binary.LittleEndian.Uint16(rest[2*key:])}); err != nil {
				return err
			}
		}
		rest = rest[2*keysInMap:]
	}
	return nil
}
