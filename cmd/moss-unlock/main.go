// Command moss-unlock opens one LUKS container for early boot: with a key file
// of the image, with the TPM, or by asking for the passphrase on its standard
// input and output. moss-init starts it, so that PID 1 stays small and the keys
// and the memory of their derivation go when it ends.
//
// It ends with 0 when the container is mapped, 1 when not, with the reason on
// standard error, and 2 when it was called wrongly.
package main

import (
	"fmt"
	"os"

	"moss/initramfs/luks"
)

const (
	failed = 1
	misuse = 2
)

func main() {
	r, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "moss-unlock: %v\nusage: %s\n", err, usage)
		os.Exit(misuse)
	}
	if err := unlock(r, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "moss-unlock:", err)
		os.Exit(failed)
	}
}

// unlock finds the key and makes the container a device.
func unlock(r request, in, out *os.File) error {
	container, err := luks.Open(r.device)
	if err != nil {
		return err
	}
	defer container.Close()
	if container.Mended() {
		fmt.Fprintf(out, "moss-unlock: the first LUKS header of %s is damaged or old, the second one is used; cryptsetup luksDump mends it\n", r.device)
	}
	volume, err := find(container, r, in, out)
	if err != nil {
		return err
	}
	unknown, err := volume.Map(r.name, r.flags)
	for _, flag := range unknown {
		fmt.Fprintf(out, "moss-unlock: the flag %q is not known here and was left out\n", flag)
	}
	if err != nil {
		return err
	}
	return luks.HandOver("/", r.name)
}
