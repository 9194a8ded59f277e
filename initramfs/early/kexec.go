package early

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/fault"
	"moss/store/activate"
)

// byKexec starts the entry's kernel from the running one, where no loader takes
// orders.
type byKexec struct{ boot *Boot }

func (*byKexec) name() string { return "kexec" }

func (w *byKexec) closed() error {
	if w.boot.secureBoot() {
		return fmt.Errorf("%s allows no kexec", "Secure Boot")
	}
	return nil
}

// prepare hands kernel and images over; the partition is needed no more then.
func (w *byKexec) prepare(e menuEntry) (err error) {
	if e.file == "" {
		return errors.New("the list of menu entries does not name its file; moss-boot sync writes it anew")
	}
	dir, entry, err := w.boot.openBootEntry(e.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.boot.closeBoot(dir)) }()
	if entry.linux == "" {
		return fmt.Errorf("entry %s names no kernel that kexec could take", e.file)
	}
	kernel, err := os.Open(filepath.Join(dir, entry.linux))
	if err != nil {
		return err
	}
	defer kernel.Close()
	if isUnified(kernel) {
		return fmt.Errorf("%s is a unified image, which only firmware and loaders start", activate.Show(entry.linux))
	}
	images, err := together(dir, entry.initrds)
	if err != nil {
		return err
	}
	if images != nil {
		defer images.Close()
	}
	if err := fault.Point("early/kexec"); err != nil {
		return err
	}
	return loadError(w.boot.machinery().load(kernel, images, entry.options))
}

func loadError(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EKEYREJECTED), errors.Is(err, unix.ENOKEY):
		return fmt.Errorf("the running kernel takes no other that is not signed for it (%w)", err)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("the running kernel cannot start another (%w)", err)
	case err != nil:
		return fmt.Errorf("load the kernel: %w", err)
	}
	return nil
}

// undo: what was loaded waits in memory and harms nobody.
func (*byKexec) undo() error { return nil }

func (w *byKexec) leave() error { return w.boot.machinery().jump() }

// together is all images behind each other, as a loader hands them over, each
// filled up to four bytes, which the kernel asks of an archive's start. nil for
// none.
func together(dir string, names []string) (*os.File, error) {
	if len(names) == 0 {
		return nil, nil
	}
	fd, err := unix.MemfdCreate("initrd", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make room for the initrd: %w", err)
	}
	all := os.NewFile(uintptr(fd), "initrd")
	for _, name := range names {
		if err := appendFile(all, filepath.Join(dir, name)); err != nil {
			all.Close()
			return nil, err
		}
	}
	return all, nil
}

func appendFile(to *os.File, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(to, f)
	if err == nil {
		_, err = to.Write(make([]byte, -n&3))
	}
	return err
}

// typeOne is a type #1 entry of the Boot Loader Specification, as far as starting
// it asks.
type typeOne struct {
	linux   string
	initrds []string
	options string
}

// parseEntry reads an entry. Paths are below the partition, wherever their dots
// lead.
func parseEntry(text string) typeOne {
	var e typeOne
	var options []string
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(line), "\t", " "), " ")
		value = strings.TrimSpace(value)
		switch key {
		case "linux":
			e.linux = path.Join("/", value)
		case "initrd":
			e.initrds = append(e.initrds, path.Join("/", value))
		case "options":
			options = append(options, value)
		}
	}
	e.options = strings.Join(options, " ")
	return e
}
