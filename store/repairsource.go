package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"moss/store/asset"
	"moss/store/stone"
	"moss/store/tree"
	"moss/store/verify"
)

// contents makes the assets that are damaged or lost anew, all durable before
// the first is visible.
func (r *repair) contents(ctx context.Context, found []verify.Finding) error {
	need, err := r.needed(found)
	if err != nil || len(need) == 0 {
		return err
	}
	sources, err := r.sources(ctx, need)
	if err != nil {
		return err
	}
	fresh := map[string]string{}
	for name, e := range need {
		temp, ok, err := r.mender.Fresh(e, sources[e.Hash])
		if err != nil {
			return err
		}
		if !ok {
			r.opt.Log(fmt.Sprintf("nobody has the content %s of /usr/%s", e.Hash, e.Path))
			continue
		}
		fresh[temp] = name
	}
	return r.mender.Publish(fresh)
}

// needed maps the assets that have to be made to what they hold: those that are
// damaged or absent, and those of damaged paths that have none. A damaged asset
// that nothing needs is moved away, for one day its name would be believed.
func (r *repair) needed(found []verify.Finding) (map[string]*tree.Entry, error) {
	need := map[string]*tree.Entry{}
	for _, f := range found {
		e := f.Entry
		if e == nil || !e.IsRegular() || e.Hash == stone.EmptyHash() {
			continue
		}
		name := asset.Name(e.Layout)
		switch own := f.AssetName(); {
		case own != "" && e.Size < 0:
			if !exists(r.path("assets", own)) {
				continue // two findings of one file
			}
			if err := r.aside(r.path("assets", own)); err != nil {
				return nil, err
			}
		case own != "":
			need[own] = e
		case need[name] == nil && !exists(r.path("assets", name)):
			need[name] = e
		}
	}
	return need, nil
}

// sources finds, for each content that is needed, files that have it: the nearest
// first, and no farther than needed.
func (r *repair) sources(ctx context.Context, need map[string]*tree.Entry) (map[stone.Hash][]string, error) {
	sources := map[stone.Hash][]string{}
	lacking := map[stone.Hash]bool{}
	for _, e := range need {
		lacking[e.Hash] = true
	}
	for _, search := range []func(context.Context, map[stone.Hash]bool, map[stone.Hash][]string) error{
		r.inAssets, r.inTrees, r.inDownloads, r.inRepositories,
	} {
		if len(lacking) == 0 {
			break
		}
		if err := search(ctx, lacking, sources); err != nil {
			return nil, err
		}
		for hash := range sources {
			delete(lacking, hash)
		}
	}
	return sources, nil
}

// inAssets finds twins: the same content with another mode or owner, or the asset
// itself when only these are wrong.
func (r *repair) inAssets(ctx context.Context, lacking map[stone.Hash]bool, sources map[stone.Hash][]string) error {
	for hash := range lacking {
		text := hash.String()
		twins, err := filepath.Glob(r.path("assets", text[:2], text+".*"))
		if err != nil {
			return err
		}
		for _, twin := range twins {
			if r.checker.Intact(ctx, twin, hash) {
				sources[hash] = append(sources[hash], twin)
			}
		}
	}
	return ctx.Err()
}

func (r *repair) inTrees(ctx context.Context, lacking map[stone.Hash]bool, sources map[stone.Hash][]string) error {
	rows, err := r.db.States()
	if err != nil {
		return err
	}
	for _, row := range rows {
		t, err := r.Manifest(row.ID)
		if err != nil {
			continue // found and said already
		}
		usr := r.treeOf(row.ID)
		for i := range t.Entries {
			e := &t.Entries[i]
			if !e.IsRegular() || !lacking[e.Hash] || sources[e.Hash] != nil {
				continue
			}
			if at := filepath.Join(usr, e.Path); r.checker.Intact(ctx, at, e.Hash) {
				sources[e.Hash] = append(sources[e.Hash], at)
			}
		}
	}
	return ctx.Err()
}

func (r *repair) inDownloads(ctx context.Context, lacking map[stone.Hash]bool, sources map[stone.Hash][]string) error {
	holders, err := r.holders(lacking)
	if err != nil {
		return err
	}
	for _, id := range holders {
		path, err := r.download(ctx, id)
		if err != nil {
			return err
		}
		if path != "" {
			if err := r.fromStone(ctx, id, path, lacking, sources); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *repair) inRepositories(ctx context.Context, lacking map[stone.Hash]bool, sources map[stone.Hash][]string) error {
	holders, err := r.holders(lacking)
	if err != nil {
		return err
	}
	if err := r.findStones(ctx, holders); err != nil {
		return err
	}
	for _, id := range holders {
		if path := r.stones[id]; path != "" {
			if err := r.fromStone(ctx, id, path, lacking, sources); err != nil {
				return err
			}
		}
	}
	return nil
}

// holders are the recorded packages that have one of the contents.
func (r *repair) holders(lacking map[stone.Hash]bool) ([]string, error) {
	packages, err := r.db.Packages()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, p := range packages {
		has := false
		err := r.eachContent(p.ID, func(e tree.Entry) { has = has || lacking[e.Hash] })
		if err != nil {
			return nil, err
		}
		if has {
			ids = append(ids, p.ID)
		}
	}
	return ids, nil
}

// download is the path of a package's downloaded stone, "" without one. One that
// is not what its name says is removed: the repository may have a good one.
func (r *repair) download(ctx context.Context, id string) (string, error) {
	path := filepath.Join(r.Downloads(), id)
	if !exists(path) {
		return "", nil
	}
	stones, err := Prepare(ctx, []File{{Path: path, ID: id}})
	if err == nil {
		stones[0].Close()
		return path, nil
	}
	if _, changed := errors.AsType[*ChangedError](err); !changed {
		r.opt.Log("warning: " + err.Error())
		return "", ctx.Err()
	}
	r.opt.Log("removed a damaged download: " + err.Error())
	return "", removeIfThere(path)
}

// findStones looks for the stones of packages among the downloads, and asks the
// repositories for the rest. That they cannot be reached is no reason to leave
// the rest unmended.
func (r *repair) findStones(ctx context.Context, ids []string) error {
	if r.stones == nil {
		r.stones = map[string]string{}
	}
	var absent []string
	for _, id := range ids {
		path, err := r.download(ctx, id)
		if err != nil {
			return err
		}
		if r.stones[id] = path; path == "" {
			absent = append(absent, id)
		}
	}
	if len(absent) == 0 || r.opt.Fetch == nil {
		return nil
	}
	fetched, err := r.opt.Fetch(ctx, absent)
	if err != nil && ctx.Err() == nil {
		r.opt.Log("warning: fetch packages for the repair: " + err.Error())
	}
	for id, path := range fetched {
		if slices.Contains(absent, id) {
			r.stones[id] = path
		}
	}
	return ctx.Err()
}

// fromStone unpacks what is lacking into the scratch folder.
func (r *repair) fromStone(ctx context.Context, id, path string, lacking map[stone.Hash]bool, sources map[stone.Hash][]string) error {
	stones, err := Prepare(ctx, []File{{Path: path, ID: id}})
	if err != nil {
		r.opt.Log("warning: " + err.Error())
		return ctx.Err()
	}
	defer stones[0].Close()
	err = stones[0].reader.Contents(r.mender.Scratch, func(e stone.IndexEntry, content io.Reader) error {
		if !lacking[e.Hash] || sources[e.Hash] != nil {
			return nil
		}
		to := filepath.Join(r.mender.Scratch, "content-"+e.Hash.String())
		if err := writeNew(to, content); err != nil {
			return err
		}
		sources[e.Hash] = append(sources[e.Hash], to)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("unpack %s: %w", path, err)
	}
	return nil
}

func writeNew(path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}
