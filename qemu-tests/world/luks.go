package world

import (
	"bytes"
	"context"
	"crypto/aes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/xts"

	"moss/qemu-tests/disk"
)

// Box is a disk that is one LUKS container with the root of another disk in it.
type Box struct {
	Path, UUID string
	// Passphrase opens it, and KeyFile's content does where there is one.
	Passphrase string
	KeyFile    string
}

// Box makes a disk at path of the root of base, with cryptsetup's own header and
// args for its luksFormat. The data is encrypted here: cryptsetup would need the
// device mapper of the machine for it.
func (w *World) Box(ctx context.Context, base *disk.Disk, path, uuid string, args ...string) (*Box, error) {
	b := &Box{Path: path, UUID: uuid, Passphrase: "open, sesame", KeyFile: path + ".key"}
	for _, step := range []func(context.Context, *disk.Disk, []string) error{b.plain, b.format, b.encrypt} {
		if err := step(ctx, base, args); err != nil {
			return nil, fmt.Errorf("make LUKS disk: %w", err)
		}
	}
	return b, nil
}

// plain makes the file system as small as it gets, for every sector of it is
// encrypted.
func (b *Box) plain(ctx context.Context, base *disk.Disk, _ []string) error {
	from, err := os.Open(base.Path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(b.Path + ".plain")
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := io.Copy(to, io.NewSectionReader(from, base.Root.Start, base.Root.Size)); err != nil {
		return err
	}
	// Its exit codes 0 and 1 are both a sound file system.
	out, err := exec.CommandContext(ctx, "e2fsck", "-fy", to.Name()).CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 1) {
		return fmt.Errorf("e2fsck: %w: %s", err, out)
	}
	_, err = tool(ctx, "", "resize2fs", "-M", to.Name())
	return err
}

func (b *Box) format(ctx context.Context, _ *disk.Disk, args []string) error {
	info, err := os.Stat(b.Path + ".plain")
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.Path, nil, 0o600); err != nil {
		return err
	}
	// 16 MiB for the header, room for a few files, whole MiB for any sector size.
	if err := os.Truncate(b.Path, (info.Size()>>20+1+16)<<20); err != nil {
		return err
	}
	if err := os.WriteFile(b.KeyFile, noise(7, 64), 0o600); err != nil {
		return err
	}
	derivation := []string{"-q", "--pbkdf-force-iterations", "1000"}
	if slices.Contains(args, "argon2id") {
		derivation = []string{"-q", "--pbkdf-force-iterations", "4", "--pbkdf-memory", "8192"}
	}
	words := append(append([]string{"luksFormat", "--uuid", b.UUID}, append(derivation, args...)...), b.Path, "-")
	if _, err := tool(ctx, b.Passphrase, "cryptsetup", words...); err != nil {
		return err
	}
	// The second key goes by the first one's file, for both come from outside.
	first := b.Path + ".first"
	if err := os.WriteFile(first, []byte(b.Passphrase), 0o600); err != nil {
		return err
	}
	_, err = tool(ctx, "", "cryptsetup", append(append([]string{"luksAddKey"}, derivation...), "--key-file", first, b.Path, b.KeyFile)...)
	return err
}

// encrypt writes the file system as dm-crypt's aes-xts-plain64 would, in sectors
// of 512 bytes.
func (b *Box) encrypt(ctx context.Context, _ *disk.Disk, _ []string) error {
	dump, err := tool(ctx, "", "cryptsetup", "luksDump", "-q", "--dump-volume-key", "--key-file", b.Path+".first", b.Path)
	if err != nil {
		return err
	}
	key, offset, err := parseDump(dump)
	if err != nil {
		return err
	}
	cipher, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(b.Path + ".plain")
	if err != nil {
		return err
	}
	const sector = 512
	for at := 0; at+sector <= len(data); at += sector {
		block := data[at : at+sector]
		cipher.Encrypt(block, block, uint64(at/sector))
	}
	f, err := os.OpenFile(b.Path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, offset)
	return errors.Join(err, f.Close(), os.Remove(b.Path+".plain"))
}

// parseDump reads the volume key and where the data begins, in bytes.
func parseDump(dump string) (key []byte, offset int64, err error) {
	_, rest, _ := strings.Cut(dump, "Payload offset:")
	words := strings.Fields(rest)
	if len(words) == 0 {
		return nil, 0, fmt.Errorf("no offset in %q", dump)
	}
	sectors, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return nil, 0, err
	}
	_, digits, _ := strings.Cut(dump, "MK dump:")
	key, err = hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	return key, sectors * 512, err
}

func tool(ctx context.Context, input, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, shorten(args), err, complaints.String())
	}
	return string(out), nil
}

// UnlockImage builds an early-boot image that opens LUKS, and has the key of a box
// at /etc/keys/box.
func (w *World) UnlockImage(ctx context.Context, k Kernel, key, to string) error {
	dir, err := os.MkdirTemp(w.Build, ".unlock-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	modules := filepath.Join(filepath.Dir(k.Image), "../../modules")
	if err := os.MkdirAll(filepath.Join(dir, "usr/lib"), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(modules, filepath.Join(dir, "usr/lib/modules")); err != nil {
		return err
	}
	for from, place := range map[string]string{w.Program("moss-unlock"): "usr/lib/moss/moss-unlock", key: "etc/keys/box"} {
		if err := install(from, filepath.Join(dir, place), 0o755); err != nil {
			return err
		}
	}
	config := filepath.Join(dir, "etc/moss/initramfs.yaml")
	if err := os.MkdirAll(filepath.Dir(config), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(config, []byte("luks: yes\nfiles: [/etc/keys/box]\n"), 0o644); err != nil {
		return err
	}
	_, err = w.Run(ctx, "moss-boot", "initramfs", "build", "-D", dir, "--kernel", k.Version, "--init", w.Program("moss-init"), "-o", to)
	return err
}
