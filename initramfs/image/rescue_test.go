package image

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRescue(t *testing.T) {
	dir := root(t)
	busybox := filepath.Join(dir, "usr/bin/busybox")
	if _, err := makePlan(Config{Root: dir, Rescue: true}); err == nil || !strings.Contains(err.Error(), "read busybox: open "+busybox) {
		t.Errorf("got %v, want that there is none", err)
	}
	if err := os.MkdirAll(filepath.Dir(busybox), 0o755); err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{
		string(program(uint32(elf.PT_INTERP))): "take busybox into the image: /usr/bin/busybox",
		"#!/bin/sh\n":                          "not a program for Linux",
	} {
		if err := os.WriteFile(busybox, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := makePlan(Config{Root: dir, Rescue: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, program(0), 0o755); err != nil {
		t.Fatal(err)
	}
	image, _ := build(t, Config{Root: dir, Rescue: true, Busybox: other, Compress: "none"})
	entries, err := List(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Entry{{"bin", modeDir | 0o755, 0, ""}, {"bin/busybox", modeFile | 0o755, 120, ""}, {"bin/sh", modeLink | 0o777, 7, "busybox"}} {
		if !slices.Contains(entries, want) {
			t.Errorf("got %v, want %v in it", entries, want)
		}
	}
	write(t, filepath.Dir(other), "other", string(program(uint32(elf.PT_INTERP))))
	if _, err := makePlan(Config{Root: dir, Rescue: true, Busybox: other}); err == nil || !strings.Contains(err.Error(), "linked dynamically, and only the system's own /usr/bin/busybox can bring its libraries") {
		t.Errorf("got %v, want that a foreign one must be static", err)
	}
	plain, _ := build(t, Config{Root: dir, Compress: "none"})
	if bytes.Contains(plain, []byte("busybox")) {
		t.Error("an image that nobody wants to be a rescue has a shell")
	}
}
