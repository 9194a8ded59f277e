package bootloader

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"moss/bootloader/bls"
	"moss/internal/fault"
)

// Bless renames one entry of ours to say how its boot went and returns the new
// name: a good one loses its counter, a bad one has no tries left. A second time
// it finds the name right and writes nothing. Twins of the entry, which differ
// from it in the counter only, go; nothing else changes. systemd-bless-boot may
// do the same at the same time.
//
// The new name is written and synced before the old one goes, so that at every
// power cut there is one; a cut between the two leaves twins, which the next
// bless or sync removes. Only where $BOOT has no room for a second file is the
// file renamed in place: on FAT that is not safe against a cut, but an entry that
// works and keeps counting down is lost for certain.
func Bless(f Found, file string, good bool) (newName string, err error) {
	return bless(f, file, good, realDisk{})
}

// Recount is Bless for an entry that is to be tried again, as if it were new: its
// counter begins anew with so many tries, or with 0 it has none.
func Recount(f Found, file string, tries uint) (newName string, err error) {
	return recount(f, file, tries, realDisk{})
}

func bless(f Found, file string, good bool, d disk) (newName string, err error) {
	return rename(f, file, d, func(n bls.Name) bls.Name {
		return bls.Name{Stem: n.Stem, Counted: !good, Done: n.Done}
	})
}

func recount(f Found, file string, tries uint, d disk) (newName string, err error) {
	return rename(f, file, d, func(n bls.Name) bls.Name {
		return bls.Name{Stem: n.Stem, Counted: tries > 0, Left: tries}
	})
}

func rename(f Found, file string, d disk, named func(bls.Name) bls.Name) (newName string, err error) {
	i := slices.IndexFunc(f.Ours, func(o Own) bool { return strings.EqualFold(o.File, file) })
	if i < 0 {
		return "", fmt.Errorf("bless %s: there is no such entry of ours", file)
	}
	b := blessing{disk: d, dir: f.Entries, file: f.Ours[i].File, stem: f.Ours[i].Name.Stem, named: named, stale: f.Stale}
	for range 3 {
		// A name that vanishes between two looks was changed by the loader's
		// own bless; the next look sees what it left.
		if newName, err = b.bless(); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("bless %s: %w", file, err)
	}
	return newName, nil
}

type blessing struct {
	disk            disk
	dir, file, stem string
	// named makes the new name of the old one.
	named func(bls.Name) bls.Name
	stale Contents
}

// twin is a file of the entry as it is now.
type twin struct {
	bls.Name
	file string
	data []byte
}

func (b blessing) bless() (string, error) {
	twins, err := b.twins()
	if err != nil {
		return "", err
	}
	source := slices.IndexFunc(twins, func(t twin) bool { _, err := bls.Parse(t.file, t.data); return err == nil })
	if source < 0 {
		return "", errors.New("it is gone or damaged; make it anew: moss-boot sync")
	}
	old := twins[source].Name
	old.Stem = b.stem
	want := b.named(old).File()
	there := slices.IndexFunc(twins, func(t twin) bool { return strings.EqualFold(t.file, want) })
	if there < 0 || !bytes.Equal(twins[there].data, twins[source].data) {
		if err := b.write(want, twins[source]); err != nil {
			return "", err
		}
	} else {
		want = twins[there].file
	}
	if err := b.drop(want, twins); err != nil {
		return "", err
	}
	return want, fault.Point("bless/done")
}

// twins are the files of the entry: the one that was asked for first, then the
// plain one, then the most tried.
func (b blessing) twins() ([]twin, error) {
	files, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, err
	}
	var twins []twin
	for _, f := range files {
		name, ok := bls.ParseName(f.Name())
		if !ok || !f.Type().IsRegular() || strings.ToLower(name.Stem) != b.stem {
			continue
		}
		data, err := os.ReadFile(filepath.Join(b.dir, f.Name()))
		if err != nil {
			return nil, err
		}
		twins = append(twins, twin{name, f.Name(), data})
	}
	rank := func(t twin) int {
		switch {
		case t.file == b.file:
			return 0
		case !t.Counted:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(twins, func(x, y twin) int { return cmp.Or(cmp.Compare(rank(x), rank(y)), -cmp.Compare(x.Done, y.Done)) })
	return twins, nil
}

// write makes the new name.
func (b blessing) write(name string, source twin) error {
	if err := fault.Point("bless/write"); err != nil {
		return err
	}
	path := filepath.Join(b.dir, name)
	err := writeText(b.disk, path, source.data)
	if errors.Is(err, unix.ENOSPC) {
		sweeper := applier{disk: b.disk, boot: b.dir}
		for _, stale := range slices.Sorted(maps.Keys(b.stale)) {
			_ = sweeper.remove(Step{Op: OpSweep, Path: stale}) // what stays takes room: the next lines notice
		}
		err = writeText(b.disk, path, source.data)
	}
	if errors.Is(err, unix.ENOSPC) {
		err = b.disk.Rename(filepath.Join(b.dir, source.file), path)
		// The whole file system: on FAT a new name has no content until the file
		// itself was written out.
		return errors.Join(err, b.disk.SyncFS(b.dir))
	}
	return err
}

// drop removes the twins, once what is to be kept is certain to be there. One
// that differs from it in the case of its letters only is, to FAT, the very same
// file.
func (b blessing) drop(keep string, twins []twin) error {
	gone := slices.DeleteFunc(twins, func(t twin) bool { return strings.EqualFold(t.file, keep) })
	if len(gone) == 0 {
		return nil
	}
	if err := errors.Join(fault.Point("bless/drop"), b.disk.SyncFS(b.dir)); err != nil {
		return err
	}
	start := b.disk.Start(filepath.Join(b.dir, keep))
	for _, t := range gone {
		path := filepath.Join(b.dir, t.file)
		if start != 0 && b.disk.Start(path) == start {
			return fmt.Errorf("%s shares its clusters with %s since a power cut: unmount the partition and run fsck.fat", t.file, keep)
		}
		if err := removeOn(b.disk, path); err != nil {
			return err
		}
	}
	return b.disk.SyncFS(b.dir)
}
