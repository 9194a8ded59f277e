package pack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"moss/internal/parallel"
	"moss/store/deb"
	"moss/store/stone"
)

// Deb makes one stone of one Debian package; see Debs.
func Deb(ctx context.Context, path, out string, opt Options) (Result, error) {
	results, err := Debs(ctx, []string{path}, out, opt, nil)
	if err != nil {
		return Result{}, err
	}
	return results[0], nil
}

// Debs makes a stone of each Debian package, in the folder out, which must
// exist. They are one set: of alternative dependencies the one in the set wins.
// Results are in the order of paths; done, if not nil, hears of each one as it
// is finished, from one goroutine at a time. At the first error no further
// package is begun; stones that are finished stay.
func Debs(ctx context.Context, paths []string, out string, opt Options, done func(Result)) ([]Result, error) {
	s, err := openSet(paths, opt)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(paths))
	var hearing sync.Mutex
	err = parallel.Each(ctx, len(paths), func(n int) error {
		i := s.order[n]
		r, err := s.pack(ctx, i, out, opt)
		if err != nil {
			return fmt.Errorf("pack %s: %w", paths[i], err)
		}
		results[i] = r
		hearing.Lock()
		defer hearing.Unlock()
		if done != nil {
			done(r)
		}
		return nil
	})
	return results, err
}

// set is what has to be known of all packages before the first is made.
type set struct {
	paths    []string
	sizes    []int64
	controls []deb.Control
	together map[string]bool
	order    []int // largest first: a kernel begun last would keep one worker waiting
}

func openSet(paths []string, opt Options) (*set, error) {
	s := &set{paths: paths, together: map[string]bool{}}
	names := map[string]string{}
	for i, path := range paths {
		c, size, err := readControl(path)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		file := debMeta(c, nil, opt).FileName()
		if other, taken := names[file]; taken {
			return nil, fmt.Errorf("pack %s: it would become %s, as would %s", path, file, other)
		}
		names[file] = path
		s.controls, s.sizes, s.order = append(s.controls, c), append(s.sizes, size), append(s.order, i)
		for _, name := range append(c.Provides, c.Package) {
			s.together[name] = true
		}
	}
	slices.SortStableFunc(s.order, func(a, b int) int { return cmp.Compare(s.sizes[b], s.sizes[a]) })
	return s, nil
}

func readControl(path string) (deb.Control, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return deb.Control{}, 0, err
	}
	d, err := deb.Open(path)
	if err != nil {
		return deb.Control{}, 0, err
	}
	c, err := d.Control()
	return c, info.Size(), errors.Join(err, d.Close())
}

func (s *set) pack(ctx context.Context, i int, out string, opt Options) (Result, error) {
	d, err := deb.Open(s.paths[i])
	if err != nil {
		return Result{}, err
	}
	defer d.Close()
	made := draft{
		meta: debMeta(s.controls[i], s.together, opt), plan: newPlan(),
		input: s.sizes[i], notes: slices.Clone(s.controls[i].Notes),
	}
	var r Result
	err = withScratch(opt.Scratch, func(dir string) error {
		in := &debReader{label: made.label(), plan: made.plan, contents: newContents(dir), files: map[string]stone.Layout{}}
		if err := in.read(ctx, d); err != nil {
			return err
		}
		made.notes = append(made.notes, in.capabilities(s.controls[i].Capabilities)...)
		if err := indexModules(ctx, &made, in.contents); err != nil {
			return err
		}
		made.contents = in.contents.sources()
		r, err = made.write(ctx, out, opt)
		return err
	})
	return r, err
}

// capabilities gives files what postinst would have given them. One that names
// no file of the package becomes a note.
func (r *debReader) capabilities(all []deb.Capability) (notes []string) {
	for _, c := range all {
		path := place(strings.TrimPrefix(filepath.Clean(c.Path), "/"))
		l, known := r.plan.at[path]
		if !known || !l.IsRegular() {
			notes = append(notes, fmt.Sprintf("postinst: setcap %s: no such file in the package", c.Path))
			continue
		}
		l.Xattrs = slices.DeleteFunc(slices.Clone(l.Xattrs), func(x stone.Xattr) bool { return x.Name == xattrCapability })
		l.Xattrs = append(l.Xattrs, stone.Xattr{Name: xattrCapability, Value: c.Value})
		sortXattrs(l.Xattrs)
		r.plan.at[path] = l
	}
	return notes
}

const xattrCapability = "security.capability"
