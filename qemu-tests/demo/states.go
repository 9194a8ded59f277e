package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"moss/qemu-tests/debian"
	"moss/qemu-tests/world"
)

func (s *story) packages(ctx context.Context) (err error) {
	s.chapter("Debian 12's own packages, each a stone")
	begun := time.Now()
	if s.system, err = s.w.Pack(ctx, debian.System()); err != nil {
		return err
	}
	if s.kernel, err = s.w.Kernel(ctx, s.w.Program("moss-init")); err != nil {
		return err
	}
	if s.extra["moss"], err = s.w.Programs(ctx, s.dir); err != nil {
		return err
	}
	if s.extra["initramfs"], err = s.w.InitrdStone(ctx, s.kernel, s.dir); err != nil {
		return err
	}
	s.say("%d packages and the kernel %s, in %.0f s", len(s.system), s.kernel.Version, time.Since(begun).Seconds())
	image, err := s.w.Run(ctx, "moss-boot", "initramfs", "list", s.kernel.Initrd)
	if err != nil {
		return err
	}
	s.say("early-boot image: %.2f MB, %d paths, built by moss-boot initramfs build", size(s.kernel.Initrd), strings.Count(image, "\n"))
	inspected, err := s.w.Run(ctx, "moss", "inspect", "--check", s.system["nano"])
	if err != nil {
		return err
	}
	s.say("moss inspect --check %s", filepath.Base(s.system["nano"]))
	for line := range strings.Lines(inspected) {
		if fields := strings.Fields(line); len(fields) == 7 && (strings.HasPrefix(fields[1], "0x") || fields[0] == "PAYLOAD") || strings.Contains(line, "contents,") {
			s.quote(line)
		}
	}
	return nil
}

func (s *story) states(ctx context.Context) error {
	s.chapter("Three states")
	root, err := s.w.NewRoot(filepath.Join(s.dir, "root"), "console=ttyS0", "quiet")
	if err != nil {
		return err
	}
	completion, real := s.w.BashCompletion(s.system)
	if real {
		s.say("bash-completion is the package that AerynOS built")
	} else {
		s.say("bash-completion is Debian's: AerynOS' package is not beside this checkout")
	}
	base := append(s.system.Paths("bash-completion"), s.kernel.Stone, s.extra["moss"], s.extra["initramfs"])
	if err := s.install(ctx, root, append([]string{"install", "--comment", "base and nano"}, base...)); err != nil {
		return err
	}
	if err := errors.Join(root.Loader(ctx), root.Skeleton(ctx)); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"install", completion, "--without", "nano", "--comment", "bash-completion, no nano"},
		{"remove", "libc6", "--force", "--comment", "no C library: cannot boot"},
	} {
		if err := s.install(ctx, root, args); err != nil {
			return err
		}
	}
	return s.finish(ctx, root)
}

func (s *story) install(ctx context.Context, root *world.Root, args []string) error {
	if args[0] == "remove" {
		_, err := root.Moss(ctx, "remove", "libc6")
		if err := s.want("without --force, removing the C library is refused", err != nil && strings.Contains(err.Error(), "exit status 3")); err != nil {
			return err
		}
	}
	begun := time.Now()
	out, err := root.Moss(ctx, args...)
	if err != nil {
		return err
	}
	s.say("moss %s", shorten(args))
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "state ") {
			line = fmt.Sprintf("%s [%.1f s]", strings.TrimSpace(line), time.Since(begun).Seconds())
		}
		if !strings.HasPrefix(line, "  ") { // which packages they are was said above
			s.quote(line)
		}
	}
	return nil
}

// shorten shows a command line as a person would type it.
func shorten(args []string) string {
	var words []string
	files := 0
	for _, arg := range args {
		switch {
		case strings.HasSuffix(arg, ".stone"):
			files++
			if files > 2 {
				continue
			}
			arg = filepath.Base(arg)
		case strings.Contains(arg, " "):
			arg = "'" + arg + "'"
		}
		words = append(words, arg)
	}
	if files > 2 {
		words = append(words, fmt.Sprintf("... (%d stones)", files))
	}
	return strings.Join(words, " ")
}

func (s *story) finish(ctx context.Context, root *world.Root) (err error) {
	list, err := root.Moss(ctx, "state", "list")
	if err != nil {
		return err
	}
	s.quote(list)
	menu, err := s.w.Run(ctx, "moss-boot", "-D", root.Dir, "list")
	if err != nil {
		return err
	}
	s.quote(menu)
	s.disk, err = root.Disk(ctx, filepath.Join(s.dir, "disk.raw"), 4<<30)
	if err != nil {
		return err
	}
	s.say("disk: GPT, ESP (FAT32) and root (ext4); the loader is the one of Debian's systemd-boot-efi")
	return nil
}
