package adopt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/store/state"
)

// Apply takes the installation over. The rows in the database come last and all
// at once: after a cut before that there are names which nothing refers to, and
// which the next run uses; after it everything is done.
func (p *Plan) Apply(ctx context.Context, now time.Time) error {
	if len(p.States) == 0 {
		return nil
	}
	if err := p.room(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{p.placeStaged, p.placeAssets, p.placeManifests} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := p.mark(now); err != nil {
		return err
	}
	return p.record(ctx)
}

// folderCost is what a folder takes at the least, in bytes; linkCost a name in one.
const (
	folderCost = 4096
	linkCost   = 128
)

// room asks for the space that copies and names take, before any is made.
func (p *Plan) room() error {
	need := uint64(p.Bytes) + uint64(len(p.links))*linkCost + 256*folderCost
	for _, one := range p.States {
		if p.staged[one.ID] != "" {
			need += uint64(one.Paths) * linkCost * 2
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(p.source.path(), &st); err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	if have := st.Bavail * uint64(st.Bsize); have < need {
		return &RefusedError{fmt.Sprintf("adopt %s: no space: need %d bytes, have %d", p.source.root, need, have), "free some space, then try again"}
	}
	return nil
}

// placeManifests names what the planning wrote. Its bytes are on the disk since
// the sync that came before the first asset's name.
func (p *Plan) placeManifests(ctx context.Context) error {
	if err := errors.Join(ctx.Err(), fault.Point("adopt/manifests")); err != nil {
		return err
	}
	for _, one := range p.States {
		if err := os.Rename(filepath.Join(p.spool, "manifest-"+one.ID.String()), p.source.path("manifests", one.ID.String())); err != nil {
			return fmt.Errorf("record manifest of state %d: %w", one.ID, err)
		}
	}
	for _, one := range p.ordered() {
		if err := os.Rename(filepath.Join(p.spool, "package-"+one.ID), p.source.path("packages", one.ID)); err != nil {
			return fmt.Errorf("record layouts of %s: %w", one.Label(), err)
		}
	}
	return nil
}

// mark notes damaged states where early boot and verify look: the menu does not
// offer them until a verify finds them whole.
func (p *Plan) mark(now time.Time) error {
	if len(p.marks) == 0 {
		return nil
	}
	dir := p.source.path("boot", "failed")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for id, why := range p.marks {
		text := "reason: " + why + "\nkernel: \ntime: " + now.UTC().Format(time.RFC3339) + "\n"
		if err := atomicfile.Write(filepath.Join(dir, id.String()), []byte(text), 0o644); err != nil {
			return fmt.Errorf("mark state %d as bad: %w", id, err)
		}
	}
	return nil
}

func (p *Plan) record(ctx context.Context) (err error) {
	if err := errors.Join(ctx.Err(), fault.Point("adopt/record")); err != nil {
		return err
	}
	// The names must be on the disk before the rows that count on them.
	if err := atomicfile.SyncFS(p.source.path()); err != nil {
		return fmt.Errorf("make adopted states durable: %w", err)
	}
	db, err := state.Open(p.source.path("db", "moss.sqlite"))
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return errors.Join(db.Import(p.packages(), p.records, p.source.highest), db.Close())
}

// renameNew never replaces anything: what AerynOS' moss has there stays.
func renameNew(from, to string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func ignoreExisting(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
