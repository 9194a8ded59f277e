package sdboot

import (
	"fmt"
	"slices"
)

// startable refuses a program that firmware with Secure Boot would not start:
// one without a signature, or with none that it trusts. Where Secure Boot is off,
// or not known, it refuses to take a signature away: somebody put it there for
// the day on which it is on.
//
// Whether a chain of certificates ends at a trusted one is the firmware's to say.
// A program by the signer of one that is installed is taken as that one was.
func (d *draft) startable(source Loader, c Copy) error {
	const sign = "sign it (moss-boot sign), make keys (moss-boot keys create), or write it anyway with --force"
	on := d.found.Firmware.SecureBoot
	switch {
	case on && !source.Signed:
		return &RefusedError{fmt.Sprintf("install %s: it carries no signature, and Secure Boot is on: firmware would not start it", source.Path), sign}
	case c.Kind == Systemd && c.Signed && !source.Signed:
		return &RefusedError{fmt.Sprintf("install %s: it carries no signature, and %s does: with Secure Boot on, firmware would not start it", source.Path, c.Path), sign}
	case on && d.request.Trusted != nil && !d.request.Trusted(source.Data) && !d.known(source):
		return &RefusedError{fmt.Sprintf("install %s: nobody signed it whom the firmware trusts, and Secure Boot is on: firmware would not start it", source.Path),
			"enrol the key that signed it (moss-boot keys enroll), sign it with one that is enrolled, or write it anyway with --force"}
	}
	return nil
}

// known: somebody signed the program who also signed one that is installed.
func (d *draft) known(source Loader) bool {
	if d.request.Signers == nil {
		return false
	}
	theirs := d.request.Signers(source.Data)
	return slices.ContainsFunc(d.found.Copies, func(c Copy) bool {
		return c.Kind == Systemd && c.Machine == source.Arch &&
			slices.ContainsFunc(d.request.Signers(c.data), func(one string) bool { return slices.Contains(theirs, one) })
	})
}

func (d *draft) mine(data []byte) bool { return d.request.Ours != nil && d.request.Ours(data) }

// same: two programs that differ in nothing but what they are signed by.
func (d *draft) same(a, b []byte) bool {
	if d.request.Digest == nil {
		return false
	}
	digest := d.request.Digest(a)
	return digest != "" && digest == d.request.Digest(b)
}
