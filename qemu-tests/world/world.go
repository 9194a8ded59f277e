// Package world makes what the demo and the boot tests boot: Debian's packages
// as stones, the early-boot image, installed roots, disks. It uses the programs
// as a user does, by their command lines, and keeps what is slow under build/.
package world

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"moss/qemu-tests/debian"
)

// Identities of the demo machine. They are fixed so that the kernel command
// line, which names the root partition, can be written before the disk is.
const (
	RootGUID  = "6d6f7373-0001-4000-8000-000000000001"
	ESPGUID   = "6d6f7373-0001-4000-8000-000000000002"
	MachineID = "6d6f737364656d6f6d616368696e6531"
)

// World is one checkout with its cache.
type World struct {
	Repo  string // the checkout
	Build string // its cache, Repo/build
	Log   io.Writer
}

// New finds the checkout that the working directory is in. The programs must
// have been built: `make build`.
func New(log io.Writer) (*World, error) {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			w := &World{Repo: dir, Build: filepath.Join(dir, "build"), Log: log}
			return w, w.checkPrograms()
		}
		dir = filepath.Dir(dir)
	}
	return nil, fmt.Errorf("find checkout: no go.mod above the working directory (%w)", fs.ErrNotExist)
}

func (w *World) checkPrograms() error {
	for _, name := range []string{"moss", "moss-boot", "moss-init", "moss-unlock"} {
		if _, err := os.Stat(w.Program(name)); err != nil {
			return fmt.Errorf("find programs: %w; run: make build", err)
		}
	}
	return nil
}

// Program is the path of one of the programs.
func (w *World) Program(name string) string { return filepath.Join(w.Build, "bin", name) }

// Run runs one of the programs and returns what it printed. The error holds what
// it complained of.
func (w *World) Run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, w.Program(program), args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", program, shorten(args), err, strings.TrimSpace(complaints.String()))
	}
	return out.String(), nil
}

// shorten keeps an error readable when a command was given a hundred files.
func shorten(args []string) string {
	if len(args) > 6 {
		return strings.Join(args[:3], " ") + fmt.Sprintf(" ... (%d more) ", len(args)-4) + args[len(args)-1]
	}
	return strings.Join(args, " ")
}

// Debs fetches a set of Debian's packages, or finds it in the cache.
func (w *World) Debs(ctx context.Context, set debian.Set) ([]debian.Deb, error) {
	return debian.Fetch(ctx, filepath.Join(w.Build, "debian"), set)
}

// cached makes dir once for a key: work fills a new folder, which gets its name
// when it is complete, and an older one for another key goes.
func (w *World) cached(name, key string, work func(dir string) error) (string, error) {
	sum := sha256.Sum256([]byte(key))
	dir := filepath.Join(w.Build, name+"-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	begun := time.Now()
	if err := os.MkdirAll(w.Build, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(w.Build, ".new-"+name+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := work(fresh); err != nil {
		return "", err
	}
	old, _ := filepath.Glob(filepath.Join(w.Build, name+"-????????????????"))
	for _, path := range old {
		if err := os.RemoveAll(path); err != nil {
			return "", err
		}
	}
	fmt.Fprintf(w.Log, "(%s made in %.0f s; cached)\n", name, time.Since(begun).Seconds())
	return dir, os.Rename(fresh, dir)
}

// sourceKey is a hash of the Go files of some folders: what they make is made
// anew when they change.
func (w *World) sourceKey(folders ...string) (string, error) {
	var files []string
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(w.Repo, folder, "*.go"))
		if err != nil {
			return "", err
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	sum := sha256.New()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", filepath.Base(file), len(text), text)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
