package verify

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"moss/internal/parallel"
	"moss/store/asset"
	"moss/store/stone"
	"moss/store/tree"
)

// Assets compares every asset in dir with its name, and with want, which maps the
// names (as asset.Name makes them) that must be there to an entry that has them.
func (c *Checker) Assets(ctx context.Context, dir string, want map[string]*tree.Entry) ([]Finding, error) {
	shards, err := filepath.Glob(filepath.Join(dir, "[0-9a-f][0-9a-f]"))
	if err != nil {
		return nil, err
	}
	parts, there := make([]part, len(shards)), make([][]string, len(shards))
	err = parallel.Each(ctx, len(shards), func(i int) (err error) {
		parts[i], there[i], err = lookAt(dir, filepath.Base(shards[i]), want)
		c.tick(len(there[i]))
		return err
	})
	if err != nil {
		return nil, err
	}
	var found []Finding
	var jobs []job
	have := make(map[string]bool, len(want))
	for i, p := range parts {
		found = append(found, p.found...)
		for _, r := range p.reads {
			jobs = append(jobs, r.job)
		}
		for _, name := range there[i] {
			have[name] = true
		}
	}
	for name, e := range want {
		if !have[name] {
			found = append(found, Finding{Path: shownAsset(name), What: Missing, Entry: e})
		}
	}
	if err := c.read(ctx, jobs); err != nil {
		return nil, err
	}
	for _, p := range parts {
		for _, r := range p.reads {
			for _, f := range c.judge(r) {
				f.Path = shownAsset(filepath.Join(filepath.Base(filepath.Dir(r.path)), filepath.Base(r.path)))
				found = append(found, f)
			}
		}
	}
	Sort(found)
	return found, nil
}

const assetsAt = "/.moss/assets/"

func shownAsset(name string) string { return assetsAt + name }

// AssetName is the name of the asset that a finding is about, "" if it is about
// something else.
func (f Finding) AssetName() string {
	name, ok := strings.CutPrefix(f.Path, assetsAt)
	if !ok {
		return ""
	}
	return name
}

func lookAt(dir, shard string, want map[string]*tree.Entry) (p part, names []string, err error) {
	files, err := os.ReadDir(filepath.Join(dir, shard))
	if errors.Is(err, fs.ErrPermission) {
		return p, nil, &AccessError{filepath.Join(dir, shard), unix.EACCES}
	}
	if err != nil {
		p.found = append(p.found, Finding{Path: shownAsset(shard), What: Unreadable, Got: reason(err)})
	}
	for _, file := range files {
		name := filepath.Join(shard, file.Name())
		names = append(names, name)
		e, xattrs := want[name], true
		if e == nil {
			e, xattrs = parseAsset(name)
		}
		if e == nil {
			p.found = append(p.found, Finding{Path: shownAsset(name), What: Extra, Got: kindName(modeOf(file.Type()))})
			continue
		}
		lookAtOne(filepath.Join(dir, name), name, e, xattrs, &p)
	}
	return p, names, nil
}

// lookAtOne does not compare the xattrs of an asset that nothing names: the name
// has only their hash.
func lookAtOne(at, name string, e *tree.Entry, xattrs bool, p *part) {
	var st unix.Stat_t
	if err := unix.Lstat(at, &st); err != nil {
		p.found = append(p.found, Finding{Path: shownAsset(name), What: Unreadable, Got: err.Error(), Entry: e})
		return
	}
	found, need := inspect(e, at, &st)
	for _, f := range found {
		if f.Path = shownAsset(name); f.What != Xattrs || xattrs {
			p.found = append(p.found, f)
		}
	}
	if need {
		p.reads = append(p.reads, read{job{inodeOf(&st), at}, e})
	}
}

// anySize marks an entry that was read out of a name; its hash alone decides.
const anySize = -1

// parseAsset reads what an asset's name says of it; nil for a name that no asset
// has. plain says that it has no xattrs.
func parseAsset(name string) (e *tree.Entry, plain bool) {
	parts := strings.Split(filepath.Base(name), ".")
	if len(parts) != 4 && len(parts) != 5 {
		return nil, false
	}
	hash, err := stone.ParseHash(parts[0])
	if err != nil {
		return nil, false
	}
	numbers := [3]uint64{}
	for i, base := range []int{8, 10, 10} {
		if numbers[i], err = strconv.ParseUint(parts[i+1], base, 32); err != nil {
			return nil, false
		}
	}
	l := stone.Layout{Mode: unix.S_IFREG | uint32(numbers[0]), UID: uint32(numbers[1]), GID: uint32(numbers[2]), Hash: hash}
	e = &tree.Entry{Layout: l, Size: anySize}
	if plain = len(parts) == 4; plain && asset.Name(l) != name {
		return nil, false
	}
	return e, plain
}
