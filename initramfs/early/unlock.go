package early

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"moss/initramfs/kmod"
	"moss/store/activate"
)

// unlocker opens LUKS containers: a program of its own, for its cryptography
// would double the size of PID 1, and what it knows dies with it.
const unlocker = "/usr/lib/moss/moss-unlock"

// unlock opens the LUKS container on a device, by key file, TPM or passphrase,
// however long a person takes, and gives the kernel's name of the device with
// what is in it, such as dm-0. One that is open already is left as it is. An
// error is the end of it: the person has had the tries there are.
func (b *Boot) unlock(d blockDevice) (name string, err error) {
	if m, ok := opened(b.path("sys"), d.Holds.UUID); ok {
		return m.kernel, nil
	}
	if off := luksOff(b.line); off != "" {
		return "", fmt.Errorf("%s is a LUKS container, and %s on the command line forbids to open it", d, off)
	}
	if _, err := os.Stat(b.path(unlocker)); err != nil {
		return "", fmt.Errorf("%s is a LUKS container and this image has no moss-unlock: rebuild it with `luks: yes` in /etc/moss/initramfs.yaml", d)
	}
	w, err := luksWords(b.line, d.Holds.UUID)
	if err != nil {
		return "", fmt.Errorf("unlock %s: %w", d, err)
	}
	for _, word := range w.odd {
		b.console.warnf("unlock %s: rd.luks.options: %s is not known here and left out", d, activate.Show(word))
	}
	if w.away != "" {
		b.console.warnf("unlock %s: rd.luks.key=: a key file on another device (%s) is not read here, so the passphrase is asked for; a file of the image serves (files: in /etc/moss/initramfs.yaml)", d, activate.Show(w.away))
	}
	b.loadCrypto(d.Node)
	status, err := b.runProgram(w.argv(d.Node), true)
	if err != nil {
		return "", fmt.Errorf("unlock %s: %w", d, err)
	}
	m, ok := opened(b.path("sys"), d.Holds.UUID)
	switch {
	case status != 0:
		return "", fmt.Errorf("%s was not unlocked (moss-unlock ended with %d and said why above)", d, status)
	case !ok:
		return "", fmt.Errorf("%s was unlocked, and the kernel does not show the device mapper/%s", d, w.name)
	}
	b.console.infof("unlocked %s as mapper/%s", d, m.name)
	return m.kernel, nil
}

// unlockNamed opens the containers that rd.luks.uuid= and rd.luks.name= name,
// those of them that are there and not open yet. changed: there are new devices.
// One that stays shut is told and not tried again: the root may be elsewhere.
func (b *Boot) unlockNamed(found []blockDevice) (changed bool) {
	if luksOff(b.line) != "" {
		return false
	}
	for _, d := range found {
		if d.Holds.Type != "crypto_LUKS" || !luksNamed(b.line, d.Holds.UUID) || b.stuck[stuckKey(d)] != nil {
			continue
		}
		if _, ok := opened(b.path("sys"), d.Holds.UUID); ok {
			continue
		}
		err := luksTwice(d, found)
		if err == nil {
			_, err = b.unlock(d)
		}
		if err != nil {
			b.console.warnf("%v; going on without it", err)
			b.keepShut(d, err)
			continue
		}
		changed = true
	}
	return changed
}

// stuckKey is a container's name in Boot.stuck.
func stuckKey(d blockDevice) string { return strings.ToLower(d.Holds.UUID) }

// keepShut remembers why a container was not opened, for who may need it.
func (b *Boot) keepShut(d blockDevice, err error) {
	if b.stuck == nil {
		b.stuck = map[string]error{}
	}
	b.stuck[stuckKey(d)] = err
}

// luksTwice refuses two containers with one UUID: the one is a copy of the
// other, and opening either by chance is how a copy swallows data.
func luksTwice(d blockDevice, found []blockDevice) error {
	for _, other := range found {
		if other.Name != d.Name && other.Holds.Type == "crypto_LUKS" && strings.EqualFold(other.Holds.UUID, d.Holds.UUID) {
			return fmt.Errorf("two LUKS containers have the UUID %s, %s and %s; disconnect one, or give it another with cryptsetup luksUUID", activate.Show(d.Holds.UUID), d, other)
		}
	}
	return nil
}

// loadCrypto loads what the mapping needs. Without modprobe in the image the
// kernel cannot ask for it. What is built in has no module: then nothing is
// missing, or the mapping says what is.
func (b *Boot) loadCrypto(node string) {
	if b.loader == nil {
		return
	}
	for _, name := range []string{"dm_mod", "dm_crypt"} {
		if err := b.loader.Load(name); err != nil && !errors.Is(err, kmod.ErrUnknown) {
			b.console.warnf("%v", err)
		}
	}
	for _, word := range luksCiphers(node) {
		b.loadFor("crypto-" + word)
	}
}
