package adopt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"moss/internal/atomicfile"
	"moss/internal/fault"
	"moss/internal/parallel"
	"moss/store/asset"
	"moss/store/stone"
)

// placeAssets gives every content a name in the store, by a link to the file
// that holds it where that file is dressed right, by a copy elsewhere. A name is
// a promise that the bytes are on disk: one sync comes before the first, and it
// is for the manifests too.
func (p *Plan) placeAssets(ctx context.Context) error {
	if err := errors.Join(ctx.Err(), fault.Point("adopt/assets")); err != nil {
		return err
	}
	copies := slices.Sorted(maps.Keys(p.copies))
	err := parallel.Each(ctx, len(copies), func(i int) error { return p.copy(p.copies[copies[i]], p.draft(copies[i])) })
	if err != nil {
		return err
	}
	if err := atomicfile.SyncFS(p.source.path()); err != nil {
		return fmt.Errorf("make contents durable: %w", err)
	}
	for _, name := range copies {
		if err := ignoreExisting(renameNew(p.draft(name), p.path(name))); err != nil {
			return fmt.Errorf("publish asset: %w", err)
		}
	}
	// One folder is one unit of work, so that two workers never wait for one
	// folder's lock.
	shards := map[string][]string{}
	for name := range p.links {
		shards[filepath.Dir(name)] = append(shards[filepath.Dir(name)], name)
	}
	folders := slices.Sorted(maps.Keys(shards))
	return parallel.Each(ctx, len(folders), func(i int) error {
		for _, name := range shards[folders[i]] {
			if err := p.link(name); err != nil {
				return fmt.Errorf("publish asset of %s: %w", p.links[name].path, err)
			}
		}
		return nil
	})
}

func (p *Plan) path(name string) string { return filepath.Join(p.assets.Dir(), name) }

// draft is where a copy is made before it gets its name.
func (p *Plan) draft(name string) string { return filepath.Join(p.spool, "asset-"+filepath.Base(name)) }

// link names a proved file. Where it cannot have one name more (ext4 allows
// 65,000), or lies on another file system, it is copied.
func (p *Plan) link(name string) error {
	c, to := p.links[name], p.path(name)
	err := os.Link(c.path, to)
	if errors.Is(err, unix.EMLINK) || errors.Is(err, unix.EXDEV) {
		return p.linkCopy(c, name)
	}
	if errors.Is(err, os.ErrExist) {
		return nil // the name was given by a run that was cut short
	}
	if err != nil {
		return err
	}
	if st, err := scanOne(to); err != nil || st.inode != c.inode {
		return errors.Join(errors.New("the file was replaced meanwhile; try again"), err, os.Remove(to))
	}
	return nil
}

func (p *Plan) linkCopy(c content, name string) error {
	like, err := scanOne(c.path)
	if err != nil {
		return err
	}
	like.Hash = p.digests.of[c.inode].hash
	if err := p.copy(copied{c, like.Layout}, p.draft(name)); err != nil {
		return err
	}
	if err := syncFile(p.draft(name)); err != nil {
		return err
	}
	return ignoreExisting(renameNew(p.draft(name), p.path(name)))
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// copy writes a content to a file of its own and proves it again on the way.
func (p *Plan) copy(c copied, to string) error {
	in, err := os.Open(c.path)
	if err != nil {
		return fmt.Errorf("copy content: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("copy content: %w", err)
	}
	h := stone.NewHasher()
	_, err = io.Copy(io.MultiWriter(out, h), in)
	if err == nil && h.Sum() != c.layout.Hash {
		err = errors.New("the file changed meanwhile; try again")
	}
	if err == nil {
		err = asset.Dress(out, c.layout)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy content of %s: %w", c.path, err)
	}
	return nil
}
