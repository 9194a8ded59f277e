package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"moss/qemu-tests/disk"
	"moss/qemu-tests/vm"
	"moss/qemu-tests/world"
)

// story is what one chapter leaves to the next.
type story struct {
	w      *world.World
	dir    string // what this run makes
	begun  time.Time
	number int

	system  world.Stones
	extra   map[string]string // stones that are not Debian's: moss, moss-initramfs
	kernel  world.Kernel
	disk    *disk.Disk
	running *vm.Machine
	boots   []boot
}

// boot is a row of the table at the end.
type boot struct {
	asked, booted, entry, how string
	initramfs, fallback       time.Duration
}

func begin() (*story, error) {
	w, err := world.New(os.Stdout)
	if err != nil {
		return nil, err
	}
	s := &story{w: w, dir: filepath.Join(w.Build, "demo"), begun: time.Now(), extra: map[string]string{}}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, err
	}
	return s, os.MkdirAll(s.dir, 0o755)
}

func (s *story) end(err error) error {
	if s.running != nil {
		err = errors.Join(err, s.running.Close())
	}
	if err == nil {
		fmt.Printf("\nAll of it happened, in %.0f s.\n", time.Since(s.begun).Seconds())
	}
	return err
}

func (s *story) chapter(title string) {
	s.number++
	fmt.Printf("\n== %d. %s\n", s.number, title)
}

// say prints a line of the transcript.
func (s *story) say(format string, args ...any) {
	fmt.Printf("   "+format+"\n", args...)
}

// want ends the story when something is not as it is told.
func (s *story) want(what string, ok bool) error {
	if !ok {
		return fmt.Errorf("not so: %s", what)
	}
	s.say("ok: %s", what)
	return nil
}

// quote prints what a program printed, indented, with paths of the checkout
// made relative.
func (s *story) quote(text string) {
	text = strings.ReplaceAll(text, s.w.Repo+"/", "")
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		fmt.Println("   | " + strings.TrimRight(line, "\n"))
	}
}

func (s *story) programs(context.Context) error {
	s.chapter("Three static programs")
	for _, name := range []string{"moss", "moss-boot", "moss-init"} {
		info, err := os.Stat(s.w.Program(name))
		if err != nil {
			return err
		}
		s.say("%-9s %5.2f MB", name, float64(info.Size())/1e6)
	}
	return nil
}
